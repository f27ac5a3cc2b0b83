// Which modules the host loads: Envoy's import list, signatures, ABI marker, start of the VM.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { test } from "node:test";
import { loadModule, SharedData, WasmHost } from "../../simulator/host/index.js";
import { IMPORT_SIGNATURES } from "../../simulator/host/signatures.js";
import { compile, Probe, probeModule } from "./fixtures/probe.js";

const BASE = `
export function proxy_abi_version_0_2_1(): void {}
export function malloc(size: u32): usize { return heap.alloc(size); }
`;
const clock = { nowNs: () => 0n };

function start(bytes: Uint8Array): WasmHost {
  return new WasmHost({ module: loadModule(bytes), sharedData: new SharedData(), clock });
}

function importing(module: string, name: string, parameters: string, result = "u32"): string {
  const declared = `@external("${module}", "${name}")
declare function f(${parameters}): ${result};`;
  const args = parameters.split(",").map(() => "0");
  return `${BASE}${declared}
export function proxy_on_tick(id: u32): void { f(${parameters === "" ? "" : args.join(", ")}); }`;
}

test("the probe itself loads", async () => {
  const probe = new Probe(await probeModule(), new SharedData());
  assert.equal(probe.host.failed, false);
});

const REFUSED: [title: string, source: string, message: RegExp][] = [
  [
    "proxy_clear_route_cache, which is of ABI 0.1",
    importing("env", "proxy_clear_route_cache", ""),
    /missing import: env\.proxy_clear_route_cache$/,
  ],
  [
    "proxy_get_configuration, which is of ABI 0.1",
    importing("env", "proxy_get_configuration", "a: u32, b: u32"),
    /missing import: env\.proxy_get_configuration$/,
  ],
  ["AssemblyScript's abort", importing("env", "abort", "a: u32"), /missing import: env\.abort$/],
  [
    "a log without a size",
    importing("env", "proxy_log", "level: u32, text: u32"),
    /import type mismatch: env\.proxy_log, want: ii:i, but host exports: iii:i/,
  ],
  [
    "a metric with a 32-bit offset",
    importing("env", "proxy_increment_metric", "id: u32, offset: u32"),
    /import type mismatch: env\.proxy_increment_metric/,
  ],
  [
    "a callback of another shape",
    `${BASE}export function proxy_on_tick(): void {}`,
    /Bad function signature for: proxy_on_tick/,
  ],
  ["no ABI marker", "export function malloc(n: u32): usize { return 0; }", /ABI version/],
  ["no malloc", "export function proxy_abi_version_0_2_1(): void {}", /missing malloc/],
];

for (const [title, source, message] of REFUSED) {
  test(`refused: ${title}`, async () => {
    const bytes = await compile(source);
    assert.throws(() => loadModule(bytes), message);
  });
}

test("a module that was not loaded by loadModule is still checked for names", async () => {
  const bytes = await compile(importing("env", "proxy_clear_route_cache", ""));
  const module = new WebAssembly.Module(bytes);
  assert.throws(
    () => new WasmHost({ module, sharedData: new SharedData(), clock }),
    /env\.proxy_clear_route_cache/,
  );
});

test("proxy_on_memory_allocate serves when there is no malloc", async () => {
  const bytes = await compile(BASE.replace("malloc", "proxy_on_memory_allocate"));
  assert.equal(start(bytes).failed, false);
});

test("WASI functions are offered", async () => {
  const source = importing("wasi_snapshot_preview1", "random_get", "at: u32, n: u32");
  assert.equal(start(await compile(source)).failed, false);
});

test("signatures agree with the declarations of proxy-runtime", () => {
  const require = createRequire(import.meta.url);
  const path = require.resolve("@solo-io/proxy-runtime/package.json");
  const text = readFileSync(path.replace("package.json", "assembly/imports.ts"), "utf8");
  // There these two still have the shape of ABI 0.1.
  const others = new Set(["proxy_grpc_call", "proxy_grpc_stream"]);
  let compared = 0;
  for (const [, name, list] of text.matchAll(/declare function (proxy_\w+)\(([^)]*)\)/g)) {
    const want = IMPORT_SIGNATURES["env"]![name!];
    if (others.has(name!) || want === undefined) continue;
    const types = list!.split(",").filter((part) => part.trim() !== "");
    const have = types.map((part) => (/:\s*[iu]64\s*$/.test(part) ? "I" : "i")).join("");
    assert.equal(want.split(":")[0], have, name);
    compared++;
  }
  assert.ok(compared >= 30, `only ${compared} declarations were compared`);
});

test("a host call while the module is instantiated is an error, not a silent success", async () => {
  const source = `${BASE}
@external("env", "proxy_log") declare function log(level: u32, at: u32, n: u32): u32;
log(2, 0, 0);`;
  const bytes = await compile(source);
  assert.throws(() => start(bytes), /proxy_log called while instantiating/);
});

test("what _initialize may call is limited: a log yes, the time no", async () => {
  const declare = (name: string, list: string): string =>
    `@external("env", "${name}") declare function f(${list}): u32;`;
  const run = (call: string): string => `export function _initialize(): void { ${call} }`;
  const logs = `${BASE}${declare("proxy_log", "l: u32, a: u32, n: u32")}${run("f(2, 0, 0);")}`;
  const time = `${BASE}${declare("proxy_get_current_time_nanoseconds", "a: u32")}${run("f(8);")}`;
  assert.equal(start(await compile(logs)).failed, false);
  const failed = start(await compile(time));
  assert.match(failed.error!.message, /restricted_callback/);
  assert.equal(failed.newRoot("").accepted, false);
});
