// Runs the migration on fixtures or given texts, and looks objects up in what it printed.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { parseAllDocuments } from "yaml";
import { projectPath } from "../../../scripts/config/project.js";
import { asObject, text, type Json } from "../../../scripts/migrate/kube-object.js";
import { migrate, type MigrateOptions, type Migration } from "../../../scripts/migrate/migrate.js";
import type { InputFile } from "../../../scripts/migrate/read.js";

/** A digest as no image has it. */
export const DIGEST = "ab".repeat(32);

export const OPTIONS: MigrateOptions = {
  namespace: "default",
  services: new Map(),
  filterImage: { url: "registry.example/filter:1", sha256: DIGEST },
  sidecarImage: null,
  controllerNamespace: "envoy-gateway-system",
};

/** A file of one of the two sets of the articles. */
export function seed(set: "qwq" | "qwen", name: string): InputFile {
  const path = projectPath("tests", "fixtures", "seeds", set, `${name}.yaml`);
  return { name: `${name}.yaml`, text: readFileSync(path, "utf8") };
}

export const QWQ = ["vllm", "gateway", "inference-pool", "inference-model", "benchmark"].map(
  (name) => seed("qwq", name),
);
export const QWEN = ["inference-pool", "inference-gateway", "benchmark"].map((name) =>
  seed("qwen", name),
);

/** The objects that were printed, by `Kind namespace/name`; a failed migration fails the test. */
export function printed({ yaml, findings }: Migration): Map<string, Json> {
  assert.ok(yaml !== null, findings.lines().join("\n"));
  return byLabel(yaml);
}

/** YAML as Kubernetes would see it, by `Kind namespace/name`. */
export function byLabel(yaml: string): Map<string, Json> {
  const documents = parseAllDocuments(yaml);
  assert.ok(Array.isArray(documents));
  const entries = documents.map((document): [string, Json] => {
    assert.deepEqual(document.errors, []);
    const object = asObject(document.toJS());
    const { name, namespace } = asObject(object["metadata"]);
    const full = namespace === undefined ? text(name) : `${text(namespace)}/${text(name)}`;
    return [`${text(object["kind"])} ${full}`, object];
  });
  assert.equal(new Set(entries.map(([label]) => label)).size, entries.length);
  return new Map(entries);
}

/** Migrates one text as the file `in.yaml`. */
export function migrateText(yaml: string, options: Partial<MigrateOptions> = {}): Migration {
  return migrate([{ name: "in.yaml", text: yaml }], { ...OPTIONS, ...options });
}

/** The value at a path of keys, `spec.listeners.0.name`. */
export function at(object: Json | undefined, path: string): unknown {
  return path
    .split(".")
    .reduce<unknown>((value, key) => (value as Json | undefined)?.[key], object);
}
