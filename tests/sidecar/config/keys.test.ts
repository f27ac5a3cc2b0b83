// The manual's table of keys is the schema's, and its examples load.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { parse } from "yaml";
import { configKeys, keyTable } from "../../../sidecar-metrics/src/config/keys.js";
import { configSchema } from "../../../sidecar-metrics/src/config/schema.js";
import { parsePodFile } from "../../../sidecar-metrics/src/discovery/file.js";
import { repositoryRoot, temporaryFolder } from "../support/support.js";
import { loadConfig } from "../../../sidecar-metrics/src/config/load.js";

const MANUAL = readFileSync(join(repositoryRoot(), "docs/sidecar.md"), "utf8");
const tableLines = (text: string): string[] =>
  text.split("\n").map((line) => line.replace(/\s+/g, " ").replace(/-{3,}/g, "---"));

test("docs/sidecar.md holds the table of keys as the schema gives it", () => {
  const manual = tableLines(MANUAL);
  for (const line of tableLines(keyTable())) assert.ok(manual.includes(line), `missing: ${line}`);
});

test("docs/sidecar.md has no key that the schema lacks", () => {
  const known = new Set(configKeys().map(({ path }) => path));
  const section = MANUAL.slice(MANUAL.indexOf("## Keys"), MANUAL.indexOf("## Environment"));
  const named = [...section.matchAll(/^\| `([^`]+)`/gm)].map((match) => match[1] ?? "");
  assert.equal(named.length, known.size);
  assert.deepEqual(
    named.filter((path) => !known.has(path)),
    [],
  );
});

test("every key says what it means and what is allowed", () => {
  for (const { path, description, allowed } of configKeys()) {
    assert.ok(description.length > 0 && allowed.length > 0, path);
  }
});

test("the examples of docs/sidecar.md are good", async (t) => {
  const blocks = [...MANUAL.matchAll(/```yaml\n([\s\S]*?)```/g)].map((match) => match[1] ?? "");
  assert.ok(blocks.length >= 2);
  for (const block of blocks) {
    const content = parse(block) as object;
    if (!("pods" in content)) configSchema.parse(content);
    else parsePodFile("pods.yaml", block, { scheme: "http", metricsPath: "/metrics" });
  }
  const file = join(await temporaryFolder(t), "c.yaml");
  await writeFile(file, blocks[0] ?? "");
  assert.ok((await loadConfig(file, {})).config.pools.length > 0);
});
