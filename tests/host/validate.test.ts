// The filter's judgement of a configuration: against the JSON Schema, and through `warmroute`.
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { randomFrom } from "../../lab/random.js";
import { fileURLToPath } from "node:url";
import { Ajv2020 } from "ajv/dist/2020.js";
import asc from "assemblyscript/asc";
import { PROJECT_ROOT, projectPath } from "../../scripts/config/project.js";

const SCHEMA = projectPath("docs", "configuration.schema.json");

/** A module around `parseConfig` alone: thousands of configurations a second. */
const PROBE = `
import { configError, parseConfig } from "./filter/config";
export function accepts(p: usize, n: u32): bool { return parseConfig(p, n) != null; }
export function refusal(): string { return configError(); }
export function place(n: u32): usize { return heap.alloc(n + 1); }
export function release(p: usize): void { heap.free(p); __collect(); }
`;

const REFUSED = "configuration refused";
const EMPTY = `${REFUSED}: it is empty, allowed: an object with at least "pool"`;

type Probe = {
  memory: WebAssembly.Memory;
  accepts(p: number, n: number): number;
  refusal(): number;
  place(n: number): number;
  release(p: number): void;
};

async function compileProbe(): Promise<Probe> {
  let binary: Uint8Array | undefined;
  const options = ["--runtime", "minimal", "--use", "abort=", "--enable", "simd", "-O1"];
  const { error } = await asc.main(["probe.ts", "--outFile", "probe.wasm", ...options], {
    readFile(name: string, directory: string): string | null {
      if (name === "probe.ts") return PROBE;
      // The project's own settings name the filter as an entry.
      if (name.endsWith("asconfig.json")) return null;
      const path = join(PROJECT_ROOT, directory === "." ? "" : directory, name);
      return existsSync(path) ? readFileSync(path, "utf8") : null;
    },
    writeFile(name: string, content: Uint8Array | string): void {
      if (name === "probe.wasm" && typeof content !== "string") binary = content;
    },
    listFiles: () => [],
  });
  assert.ok(binary !== undefined, String(error));
  const module = new WebAssembly.Module(binary);
  return new WebAssembly.Instance(module, {}).exports as unknown as Probe;
}

/** The refusal, or null when the configuration is taken. A trap is thrown. */
function judge(probe: Probe, bytes: Uint8Array): string | null {
  const p = probe.place(bytes.length);
  new Uint8Array(probe.memory.buffer).set(bytes, p);
  const isTaken = probe.accepts(p, bytes.length) !== 0;
  const text = probe.refusal();
  const length = new DataView(probe.memory.buffer).getUint32(text - 4, true);
  const line = Buffer.from(probe.memory.buffer, text, length).toString("utf16le");
  probe.release(p);
  assert.equal(line === "", isTaken, line);
  return isTaken ? null : line;
}

type Property = {
  type?: string;
  enum?: string[];
  minimum?: number;
  maximum?: number;
};
type Schema = { properties: Record<string, Property> };

const TEXTS = ["a", "", "a/b.c_D-1", "x".repeat(63), "x".repeat(64), "x".repeat(65), "é", "a b"];
const MORE_TEXTS = [
  "y".repeat(128),
  "y".repeat(129),
  "DEFAULT",
  "x-h",
  "X-H",
  "|",
  '"',
  "\\",
  "\n",
  "~",
];
const ODD = [
  "null",
  "true",
  "false",
  "{}",
  "[]",
  '{"a":[{}]}',
  '"1"',
  "1e999",
  "-1e999",
  "-0",
  "1e-999",
];

/** Configurations as JSON text; most members are right, so that many are right as a whole. */
function makeConfig(schema: Schema, random: () => number): string {
  const pick = <T>(list: T[]): T => list[Math.floor(random() * list.length)] as T;
  const members = new Map<string, string>();
  if (random() < 0.95) members.set("pool", '"p"');
  const names = Object.keys(schema.properties);
  const count = Math.floor(random() * 5);
  for (let i = 0; i < count; i++) {
    const name = pick(names);
    members.set(name, makeValue(schema.properties[name] as Property, pick, random));
  }
  if (random() < 0.05) members.set(pick(["", "Pool", "models", "toString", "__proto__"]), "1");
  const space = random() < 0.2 ? " \n" : "";
  const text = [...members].map(([name, value]) => `${JSON.stringify(name)}:${space}${value}`);
  return `{${space}${text.join(`,${space}`)}}${space}`;
}

function makeValue(property: Property, pick: <T>(list: T[]) => T, random: () => number): string {
  if (random() < 0.1) return pick(ODD);
  if (property.enum !== undefined) return JSON.stringify(pick([...property.enum, "default", ""]));
  if (property.type === "boolean") return pick(["true", "false"]);
  if (property.type === "string") return JSON.stringify(pick([...TEXTS, ...MORE_TEXTS]));
  const min = property.minimum ?? 0;
  const max = property.maximum ?? 0;
  const inside = min + random() * (max - min);
  const value = pick([
    min,
    max,
    inside,
    Math.round(inside),
    min - 1,
    max + 1,
    min - 1e-9,
    max + 1e-3,
  ]);
  return pick([
    JSON.stringify(value),
    value.toExponential(),
    value.toFixed(3),
    `${Math.trunc(value)}.0`,
  ]);
}

/** What two keys break together: the filter says so only of keys that are right by themselves. */
const TOGETHER = / pools, allowed: at most \d+ for all of them$|, allowed: another header than /;

describe("the JSON Schema and the filter", () => {
  const schema = JSON.parse(readFileSync(SCHEMA, "utf8")) as Schema;
  const isValid = new Ajv2020({ strict: true }).compile(schema);
  let probe: Probe;
  before(async () => {
    probe = await compileProbe();
  });

  test("agree on random configurations", () => {
    const random = randomFrom(20240501);
    let taken = 0;
    const cases = 4000;
    for (let i = 0; i < cases; i++) {
      const text = makeConfig(schema, random);
      const refusal = judge(probe, Buffer.from(text));
      // The schema judges each key by itself.
      const isRight = refusal === null || TOGETHER.test(refusal);
      assert.equal(isRight, isValid(JSON.parse(text)), `${text}\n${String(refusal)}`);
      if (refusal === null) taken++;
    }
    assert.ok(taken > cases / 5 && taken < (cases * 4) / 5, `${taken} of ${cases} are taken`);
  });

  test("agree on whatever the filter takes of damaged bytes, and no bytes trap it", () => {
    const random = randomFrom(7);
    for (let i = 0; i < 4000; i++) {
      const bytes = Buffer.from(makeConfig(schema, random));
      for (let damage = 0; damage <= i % 4; damage++) {
        bytes[Math.floor(random() * bytes.length)] = Math.floor(random() * 256);
      }
      const cut = random() < 0.2 ? bytes.subarray(0, Math.floor(random() * bytes.length)) : bytes;
      const refusal = judge(probe, cut);
      if (refusal === null) {
        assert.ok(isValid(JSON.parse(cut.toString("utf8"))), cut.toString("latin1"));
      } else {
        assert.match(refusal, /^configuration refused: [ -~]{1,1024}$/);
      }
    }
  });

  test("are both what filter/config-keys.json says", () => {
    const script = fileURLToPath(new URL("../../scripts/generate-config.js", import.meta.url));
    const { status, stderr } = spawnSync(process.execPath, [script, "--check"], {
      encoding: "utf8",
    });
    assert.equal(status, 0, stderr);
  });
});

describe("warmroute", () => {
  const command = fileURLToPath(new URL("../../scripts/warmroute.js", import.meta.url));
  const directory = mkdtempSync(join(tmpdir(), "warmroute-validate-"));
  /** Another build of the filter than build/filter.wasm. */
  const filter = process.env["FILTER_WASM"];
  const options = filter === undefined ? [] : ["--filter", filter];
  after(() => rmSync(directory, { recursive: true }));

  function run(...args: string[]): { status: number | null; stdout: string; stderr: string } {
    return spawnSync(process.execPath, [command, ...args], { encoding: "utf8" });
  }

  /** What `validate` says of a file with that content; the directory is left out. */
  function validate(name: string, content: string): { status: number | null; lines: string[] } {
    const file = join(directory, name);
    writeFileSync(file, content);
    const { status, stdout, stderr } = run("validate", file, ...options);
    const output = (stdout + stderr).replaceAll(`${directory}/`, "").trimEnd();
    return { status, lines: output.split("\n") };
  }

  test("validate takes a good JSON file and names hash and pool", () => {
    // The hash comes from a Python implementation that gives the published value for "foobar".
    assert.deepEqual(validate("a.json", '{"pool":"default"}'), {
      status: 0,
      lines: ["a.json: ok, hash b8cd2ea787587b20, pool default"],
    });
  });

  test("validate prints the filter's refusal of a JSON file", () => {
    assert.deepEqual(validate("a.json", '{"pool":"p","maxBodyBytes":12}'), {
      status: 1,
      lines: [`a.json: ${REFUSED}: maxBodyBytes is 12, allowed: an integer from 1024 to 67108864`],
    });
    assert.deepEqual(validate("a.json", '{"pool":"p",'), {
      status: 1,
      lines: [`a.json: ${REFUSED}: the JSON ends too early, at byte 12`],
    });
    assert.deepEqual(validate("empty", ""), {
      status: 1,
      lines: [`empty: ${EMPTY}`],
    });
  });

  test("validate hashes YAML as JSON with sorted keys", () => {
    assert.deepEqual(validate("a.yaml", "# ours\npool: default\ndebugHeaders: yes\n"), {
      status: 0,
      lines: ["a.yaml: ok, hash 1e9d7c4ece5e5b75, pool default"],
    });
  });

  test("validate reads YAML as Kubernetes does: a date is a string, and files may be JSON", () => {
    assert.deepEqual(validate("date.yml", "pool: 2024-01-01\n"), {
      status: 0,
      lines: ["date.yml: ok, hash 64733b229da413cd, pool 2024-01-01"],
    });
    const policy = {
      kind: "EnvoyExtensionPolicy",
      apiVersion: "v1",
      spec: { wasm: [{ config: 1 }] },
    };
    assert.deepEqual(
      validate("list", JSON.stringify({ kind: "List", apiVersion: "v1", items: [policy] })),
      {
        status: 1,
        lines: [`list: default/? wasm[0]: ${REFUSED}: the JSON is not an object`],
      },
    );
  });

  test("validate judges each filter of each EnvoyExtensionPolicy", () => {
    const policy = [
      "kind: Gateway\napiVersion: gateway.networking.k8s.io/v1\nmetadata: {name: gw}",
      "kind: EnvoyExtensionPolicy\napiVersion: gateway.envoyproxy.io/v1alpha1",
      "metadata: {name: warm, namespace: llm}\nspec:\n  wasm:",
      "  - {name: one, config: {pool: default}}\n  - {name: two, config: {pool: p, alpha: 11}}",
      "  - {name: three}",
    ].join("\n");
    assert.deepEqual(validate("p.yaml", policy.replace("\nkind: Envoy", "\n---\nkind: Envoy")), {
      status: 1,
      lines: [
        "p.yaml: llm/warm wasm[0]: ok, hash b8cd2ea787587b20, pool default",
        `p.yaml: llm/warm wasm[1]: ${REFUSED}: alpha is 11, allowed: a number from 0 to 10`,
        `p.yaml: llm/warm wasm[2]: ${EMPTY}`,
      ],
    });
  });

  test("validate says in one line what cannot be read or holds nothing", () => {
    const missing = run("validate", join(directory, "missing.json"), ...options);
    assert.equal(missing.status, 2);
    assert.match(missing.stderr, /^[^\n]*missing\.json: ENOENT[^\n]*\n$/);
    const bad = validate("bad.yaml", "pool: [a\n");
    assert.equal(bad.status, 1);
    assert.match(bad.lines.join("\n"), /^bad\.yaml: bad YAML: .*$/);
    assert.deepEqual(validate("gw.yaml", "apiVersion: v1\nkind: Service\n"), {
      status: 1,
      lines: ["gw.yaml: there is no filter configuration in it"],
    });
    const noFilter = run(
      "validate",
      join(directory, "a.json"),
      "--filter",
      join(directory, "none"),
    );
    assert.equal(noFilter.status, 2);
    assert.match(noFilter.stderr, /^the filter cannot be loaded: ENOENT[^\n]*\n$/);
  });

  test("schema prints the schema, --help both commands", () => {
    assert.equal(run("schema").stdout, readFileSync(SCHEMA, "utf8"));
    const help = run("--help");
    assert.equal(help.status, 0);
    assert.match(help.stdout, /validate[^]*schema/);
  });
});
