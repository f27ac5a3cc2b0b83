// The flat list of configuration keys, made from the schema, for manual and environment.
import { z } from "zod";
import { configSchema } from "./schema.js";

export interface ConfigKey {
  /** As written in YAML; `[]` stands for the index of a list. */
  path: string;
  type: "string" | "integer" | "boolean" | "pods";
  allowed: string;
  default: string | number | boolean | undefined;
  isRequired: boolean;
  description: string;
}

interface SchemaNode {
  type?: string;
  properties?: Record<string, SchemaNode>;
  items?: SchemaNode;
  required?: string[];
  default?: ConfigKey["default"];
  allowed?: string;
  description?: string;
}

export function configKeys(): ConfigKey[] {
  const keys: ConfigKey[] = [];
  walk(z.toJSONSchema(configSchema, { unrepresentable: "any" }) as SchemaNode, "", true, keys);
  return keys;
}

/** The table of docs/sidecar.md. */
export function keyTable(): string {
  const rows = configKeys().map(({ path, description, allowed, isRequired, ...key }) => {
    const preset = isRequired ? "required" : (key.default?.toString() ?? "");
    return `| \`${path}\` | ${preset} | ${allowed} | ${description} |`;
  });
  return ["| key | default | allowed | meaning |", "| --- | --- | --- | --- |", ...rows].join("\n");
}

function walk(node: SchemaNode, path: string, isRequired: boolean, keys: ConfigKey[]): void {
  if (node.properties !== undefined) {
    for (const [name, child] of Object.entries(node.properties)) {
      const isNeeded = node.required?.includes(name) === true && child.default === undefined;
      walk(child, path === "" ? name : `${path}.${name}`, isNeeded, keys);
    }
    return;
  }
  const isPods = path.endsWith(".pods.static");
  if (node.items !== undefined && !isPods) return walk(node.items, `${path}[]`, true, keys);
  keys.push({
    path,
    type: isPods ? "pods" : (node.type as ConfigKey["type"]),
    allowed: node.allowed ?? (isPods ? "a list of pods" : ""),
    default: node.default,
    isRequired,
    description: node.description ?? "",
  });
  if (isPods && node.items !== undefined) walk(node.items, `${path}[]`, true, keys);
}
