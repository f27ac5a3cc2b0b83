// Finds the configurations of the filter in a file: JSON, YAML or EnvoyExtensionPolicy manifests.
import { readFileSync } from "node:fs";
import { extname } from "node:path";
import { parseAllDocuments } from "yaml";
import { KUBERNETES_YAML } from "./kubernetes-yaml.js";

/** The bytes that Envoy would give to the filter, and where they stand. */
export type ConfigInput = { where: string; bytes: Uint8Array };

/** The file cannot be read: nothing is said about its content. */
export class UnreadableError extends Error {}
/** The file is read, but there is no configuration in it. */
export class NoConfigError extends Error {}

type Json = { [key: string]: unknown };

export function readInputs(file: string): ConfigInput[] {
  const bytes = readBytes(file);
  const text = Buffer.from(bytes).toString("utf8");
  if (isYaml(file, text)) return fromDocuments(file, parseYaml(text));
  const value = parseJson(text);
  // Anything else goes to the filter as it is: it says best what is wrong.
  return isManifest(value) ? fromDocuments(file, [value]) : [{ where: file, bytes }];
}

function readBytes(file: string): Uint8Array {
  try {
    return readFileSync(file);
  } catch (error) {
    throw new UnreadableError(firstLine(error), { cause: error });
  }
}

function isYaml(file: string, text: string): boolean {
  const extension = extname(file).toLowerCase();
  if (extension === ".yaml" || extension === ".yml") return true;
  return extension !== ".json" && text.trim() !== "" && !/^\s*[{["]/.test(text);
}

function parseYaml(text: string): unknown[] {
  try {
    const documents = parseAllDocuments(text, KUBERNETES_YAML);
    if (!Array.isArray(documents)) return [];
    return documents.map((document) => {
      if (document.errors[0] !== undefined) throw document.errors[0];
      return document.toJS() as unknown;
    });
  } catch (error) {
    throw new NoConfigError(`bad YAML: ${firstLine(error)}`, { cause: error });
  }
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return undefined; // The filter names the byte.
  }
}

function fromDocuments(file: string, documents: unknown[]): ConfigInput[] {
  const values = documents.filter((value) => value !== null && value !== undefined);
  if (values.length === 1 && !isManifest(values[0])) {
    return [{ where: file, bytes: encode(values[0]) }];
  }
  const inputs = values.flatMap(unpackList).flatMap((value) => fromPolicy(file, value));
  if (inputs.length === 0) throw new NoConfigError("there is no filter configuration in it");
  return inputs;
}

/** The members of a `kind: List`, which `kubectl get` prints. */
function unpackList(value: unknown): unknown[] {
  return isObject(value) && Array.isArray(value["items"]) ? value["items"] : [value];
}

function fromPolicy(file: string, value: unknown): ConfigInput[] {
  if (!isObject(value) || value["kind"] !== "EnvoyExtensionPolicy") return [];
  const metadata = isObject(value["metadata"]) ? value["metadata"] : {};
  const spec = isObject(value["spec"]) ? value["spec"] : {};
  const filters = Array.isArray(spec["wasm"]) ? (spec["wasm"] as unknown[]) : [];
  const name = `${word(metadata["namespace"], "default")}/${word(metadata["name"], "?")}`;
  return filters.map((filter, index) => {
    const config = isObject(filter) ? filter["config"] : undefined;
    // Envoy Gateway gives the filter an empty text where there is no config.
    const bytes = config === undefined ? new Uint8Array() : encode(config);
    return { where: `${file}: ${name} wasm[${index}]`, bytes };
  });
}

function word(value: unknown, otherwise: string): string {
  return typeof value === "string" ? value : otherwise;
}

function isManifest(value: unknown): boolean {
  return isObject(value) && "apiVersion" in value && "kind" in value;
}

function isObject(value: unknown): value is Json {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function encode(value: unknown): Uint8Array {
  return new TextEncoder().encode(canonical(value));
}

/** JSON as Go's encoder writes it and Envoy Gateway passes it on: sorted keys, no white space. */
function canonical(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(canonical).join(",")}]`;
  if (isObject(value)) {
    const keys = Object.keys(value).sort();
    return `{${keys.map((key) => `${quote(key)}:${canonical(value[key])}`).join(",")}}`;
  }
  return typeof value === "string" ? quote(value) : (JSON.stringify(value) ?? "null");
}

function quote(text: string): string {
  return JSON.stringify(text).replaceAll(
    /[<>&\u2028\u2029]/g,
    (char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
}

/** The first line of an error's message: a report is one line. */
export function firstLine(error: unknown): string {
  const message = error instanceof Error ? error.message : String(error);
  return message.split("\n", 1)[0] ?? "";
}
