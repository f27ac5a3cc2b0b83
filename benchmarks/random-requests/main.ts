// Sends random requests through two VMs of the built filter for as long as asked: what they cost,
// and that nothing stays behind. `./build.sh bench random-requests --requests 1000000`.
import { pathToFileURL } from "node:url";
import { parseArgs } from "node:util";
import { sendRandomRequests } from "../../tests/host/filter/support/random-requests.js";

const REQUESTS = 100_000;
const LINES = 10;

/** 0, or 1 when memory grew after the first tenth or something is still in flight. */
export function main(args: string[]): number {
  const { values } = parseArgs({
    args,
    options: { requests: { type: "string" }, seed: { type: "string" } },
  });
  const requests = Number(values.requests ?? REQUESTS);
  const seed = Number(values.seed ?? 7);
  if (!(requests >= 1) || !Number.isInteger(seed)) {
    console.error("usage: random-requests [--requests COUNT] [--seed NUMBER]");
    return 1;
  }
  const startMs = performance.now();
  const rate = (done: number): string => ((done / (performance.now() - startMs)) * 1000).toFixed(0);
  const call = (done: number): void => console.log(`${done} requests, ${rate(done)} a second`);
  const every = { requests: Math.ceil(requests / LINES), call };
  const { memoryBytesWarm, memoryBytesEnd, inFlight } = sendRandomRequests({
    requests,
    seed,
    every,
  });
  const kib = (sizes: number[]): string => sizes.map((bytes) => `${bytes / 1024} KiB`).join(", ");
  console.log(`requests/s: ${rate(requests)} (the host in Node included)`);
  console.log(`memory of the VMs after a tenth: ${kib(memoryBytesWarm)}`);
  console.log(`memory of the VMs at the end: ${kib(memoryBytesEnd)}`);
  console.log(`in flight at the end: ${inFlight}`);
  const hasGrown = memoryBytesEnd.some((bytes, vm) => bytes > memoryBytesWarm[vm]!);
  return hasGrown || inFlight !== 0 ? 1 : 0;
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? "").href) {
  process.exitCode = main(process.argv.slice(2));
}
