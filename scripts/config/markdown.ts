// Renders docs/configuration.md: where the configuration goes, how it is refused, all keys.
import type { ConfigKey } from "./keys.js";
import { allowedText } from "./keys.js";

const HEAD = `<!-- Generated from filter/config-keys.json by scripts/generate-config.ts. -->

# Configuration of the filter

The filter takes one JSON object. With Envoy alone it is the \`configuration\` of the plugin
(\`PluginConfig.configuration\`, a \`google.protobuf.StringValue\` that holds the JSON, or a
\`google.protobuf.Struct\`); with Envoy Gateway it is \`spec.wasm[].config\` of the
\`EnvoyExtensionPolicy\`:

\`\`\`yaml
apiVersion: gateway.envoyproxy.io/v1alpha1
kind: EnvoyExtensionPolicy
metadata: { name: warmroute, namespace: default }
spec:
  wasm:
    - name: warmroute
      config: { pool: default, maxBodyBytes: 4194304 }
\`\`\`

Only \`pool\` is required. A configuration is taken whole or refused whole: an unknown key, a key
given twice, a value of another type or out of range, or bad JSON refuses it with one line in
Envoy's log, and Envoy keeps the configuration in force. The line names the key, its value and
what is allowed:

\`\`\`
configuration refused: maxBodyBytes is 12, allowed: an integer from 1024 to 67108864
\`\`\`

A number is a JSON number, never a string; an integer may be written \`1e6\` or \`1000000.0\`.
A number is at most 32 characters long, a key at most 64 bytes.

\`warmroute validate FILE\` says the same before anything is deployed, by running the filter itself;
FILE is the JSON object, the same in YAML, or a manifest with an \`EnvoyExtensionPolicy\`.
\`warmroute schema\` prints the JSON Schema (\`docs/configuration.schema.json\`), which judges each
key by itself.

Each VM reports the hash of the configuration in force: FNV-1a, 64 bits, over the bytes as Envoy
gave them. \`warmroute validate\` prints it for the bytes of a JSON file. YAML is hashed as Envoy
Gateway passes it on: as JSON without white space, with sorted keys.
`;

/** The whole document. */
export function renderMarkdown(keys: ConfigKey[]): string {
  const rows = keys.map((key) => {
    const cells = [`\`${key.name}\``, allowedText(key), renderDefault(key), unit(key), key.doc];
    return `| ${cells.map(escapeBars).join(" | ")} |`;
  });
  const sources = keys.flatMap((key) =>
    key.source === undefined ? [] : [`- \`${key.name}\`: ${key.source}`],
  );
  return [
    HEAD,
    "## Keys\n",
    "| key | allowed | default | unit | meaning |",
    "| --- | --- | --- | --- | --- |",
    ...rows,
    "\n## Where the defaults come from\n",
    ...sources,
    "",
  ].join("\n");
}

function renderDefault(key: ConfigKey): string {
  if (key.required) return "required";
  if (key.type === "strings") return "`[]`";
  return key.default === "" ? '`""`' : `\`${String(key.default)}\``;
}

function unit(key: ConfigKey): string {
  return "unit" in key && key.unit !== undefined ? key.unit : "";
}

/** A vertical bar would end the cell. */
function escapeBars(text: string): string {
  return text.replaceAll("|", "\\|");
}
