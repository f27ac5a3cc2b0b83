// `image` on a real Envoy: the built module passes; what cannot run or does not route is refused.
import assert from "node:assert/strict";
import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, describe, test } from "node:test";
import { checkModule } from "../../scripts/image/check.js";
import { start } from "../../lab/processes.js";
import { fileURLToPath } from "node:url";
import { compile } from "../host/fixtures/probe.js";
import { FILTER_WASM } from "./support/rig.js";

const IMAGE = fileURLToPath(new URL("../../scripts/image.js", import.meta.url));
/** The good filter routes after half a second. */
const ROUTED_TIMEOUT_MS = 3000;
const BASE = `
export function proxy_abi_version_0_2_1(): void {}
export function malloc(size: u32): usize { return heap.alloc(size); }
export function proxy_on_context_create(id: u32, parent: u32): void {}
export function proxy_on_vm_start(id: u32, size: u32): u32 { return 1; }
`;
const CLEAR_ROUTE = `
@external("env", "proxy_clear_route_cache")
declare function clearRoute(): u32;
export function proxy_on_tick(id: u32): void { clearRoute(); }`;
const REFUSES = `export function proxy_on_configure(id: u32, size: u32): u32 { return 0; }`;
const TRAPS = `
export function proxy_on_configure(id: u32, size: u32): u32 { unreachable(); return 1; }`;
const ACCEPTS = `export function proxy_on_configure(id: u32, size: u32): u32 { return 1; }`;

describe("image on a real Envoy", () => {
  const folder = mkdtempSync(join(tmpdir(), "warmroute-image-check-"));
  after(() => rmSync(folder, { recursive: true }));
  const write = (name: string, bytes: Uint8Array): string => {
    const path = join(folder, name);
    writeFileSync(path, bytes);
    return path;
  };

  test("the built filter loads and routes", async () => {
    const { envoyVersion } = await checkModule(FILTER_WASM);
    assert.match(envoyVersion, /^\d+\.\d+\.\d+/);
  });

  const refused: [title: string, source: string, message: RegExp][] = [
    [
      "an import that Envoy lacks",
      BASE + CLEAR_ROUTE + ACCEPTS,
      /cannot load the module.*\n.*missing import: env\.proxy_clear_route_cache/,
    ],
    ["a module that refuses its configuration", BASE + REFUSES, /onConfigure|[Cc]onfigur/],
    ["a trap when it is configured", BASE + TRAPS, /[Uu]nreachable|trap|proxy_on_configure/],
    ["one that loads and leaves the choice to Envoy", BASE + ACCEPTS, /it routes no request/],
  ];
  for (const [title, source, message] of refused) {
    test(`refused: ${title}`, async () => {
      const path = write("bad.wasm", await compile(source));
      await assert.rejects(checkModule(path, ROUTED_TIMEOUT_MS), { message });
    });
  }

  test("refused: bytes that are no module", async () => {
    const path = write("text.wasm", Buffer.from("no module"));
    await assert.rejects(checkModule(path), { message: /cannot load the module:\n {2}Envoy: / });
  });

  test("a refused module leaves no image, and the command fails with Envoy's words", async () => {
    const wasm = write("bad.wasm", await compile(BASE + CLEAR_ROUTE + ACCEPTS));
    const out = join(folder, "image");
    const args = [IMAGE, "--wasm", wasm, "--out", out];
    const child = await start({ name: "image", command: process.execPath, args });
    await child.ended();
    assert.equal(child.exitCode, 1);
    assert.match(child.output, /^image: .*bad\.wasm: Envoy cannot load the module/m);
    assert.match(child.output, /Envoy: .*missing import: env\.proxy_clear_route_cache/);
    assert.equal(existsSync(out), false);
  });
});
