// Time of match and insert in the prefix index by number of pods; argument: requests to make.
import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const REQUESTS_DEFAULT = 40_000;
const BATCHES = 40;
const MIB = 1024 * 1024;

/** KV tokens of one pod, as in the policy study. */
const CAPACITY_TOKENS = 305_000;
/** More than all prompts of the benchmark: nodes run short before tokens do. */
const CAPACITY_TOKENS_HUGE = 1_000_000_000;

/** What tests/unit/prefix/prefix-index-bench.ts exports. */
interface Entry {
  start(pods: number, capacityTokens: number, budgetBytes: number): void;
  run(count: number): number;
  prepareOnly(count: number): number;
  matchHeldByAll(count: number): number;
  nodeCount(): number;
  nodeCountMax(): number;
  memory: WebAssembly.Memory;
}

interface Case {
  pods: number;
  capacityTokens: number;
  budgetMib: number;
}

export interface Row extends Case {
  /** Microseconds a request, match and insert, over batches of equal size. */
  p50Us: number;
  p99Us: number;
  /** Microseconds for one match of a prompt that all pods hold. */
  matchHeldByAllUs: number;
  nodes: number;
  nodesMax: number;
  /** Bytes by which memory grew while requests ran. */
  grownBytes: number;
  /** Mean depth found: the same in each run, for the seed is fixed. */
  depth: number;
}

function compile(): WebAssembly.Module {
  const folder = mkdtempSync(join(tmpdir(), "prefix-index-"));
  try {
    const entry = "tests/unit/prefix/prefix-index-bench.ts";
    const outFile = join(folder, "bench.wasm");
    // The options of asconfig.json without its entry, which would be compiled as well.
    const options = ["--runtime", "minimal", "--use", "abort=", "--enable", "simd"];
    const flags = ["--config", "none", "-O3", "--noAssert", ...options, "--outFile", outFile];
    execFileSync("npx", ["--no-install", "asc", entry, ...flags], { stdio: "inherit" });
    return new WebAssembly.Module(new Uint8Array(readFileSync(outFile)));
  } finally {
    rmSync(folder, { recursive: true });
  }
}

function timeUs(count: number, work: (count: number) => number): number {
  const startNs = process.hrtime.bigint();
  work(count);
  return Number(process.hrtime.bigint() - startNs) / 1000 / count;
}

function measure(entry: Entry, requests: number, one: Case): Row {
  const perBatch = Math.max(1, Math.floor(requests / BATCHES));
  entry.start(one.pods, one.capacityTokens, one.budgetMib * MIB);
  // The first half fills the index and lets the engine compile; it is not counted.
  entry.run(Math.floor(requests / 2));
  const bytesBefore = entry.memory.buffer.byteLength;
  const idleUs = timeUs(perBatch * BATCHES, (count) => entry.prepareOnly(count));
  let depthSum = 0;
  const batches = Array.from({ length: BATCHES }, () =>
    timeUs(perBatch, (count) => (depthSum += entry.run(count))),
  ).sort((a, b) => a - b);
  const at = (share: number): number =>
    (batches[Math.min(BATCHES - 1, Math.floor(share * BATCHES))] ?? 0) - idleUs;
  return {
    ...one,
    p50Us: at(0.5),
    p99Us: at(0.99),
    nodes: entry.nodeCount(),
    nodesMax: entry.nodeCountMax(),
    grownBytes: entry.memory.buffer.byteLength - bytesBefore,
    depth: depthSum / (perBatch * BATCHES),
    matchHeldByAllUs: timeUs(perBatch * BATCHES, (count) => entry.matchHeldByAll(count)),
  };
}

export function main(requests: number): Row[] {
  const entry = new WebAssembly.Instance(compile()).exports as unknown as Entry;
  return [
    measure(entry, requests, { pods: 8, capacityTokens: CAPACITY_TOKENS, budgetMib: 16 }),
    measure(entry, requests, { pods: 8, capacityTokens: CAPACITY_TOKENS_HUGE, budgetMib: 16 }),
    measure(entry, requests, { pods: 64, capacityTokens: CAPACITY_TOKENS, budgetMib: 16 }),
    measure(entry, requests, { pods: 1000, capacityTokens: CAPACITY_TOKENS, budgetMib: 16 }),
    measure(entry, requests, { pods: 1000, capacityTokens: CAPACITY_TOKENS, budgetMib: 256 }),
  ];
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  console.table(main(Number(process.argv[2] ?? REQUESTS_DEFAULT)));
}
