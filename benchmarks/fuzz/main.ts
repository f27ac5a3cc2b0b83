// The body fuzzer of the suite `fuzz` for as long as asked:
// `./build.sh bench fuzz --bodies 10000000 --seed 1`.
import { pathToFileURL } from "node:url";
import { parseArgs } from "node:util";
import { campaign, describe } from "../../tests/fuzz/support/campaign.js";
import { cpuMs, figuresOf } from "../../tests/fuzz/support/figures.js";
import { shrink } from "../../tests/fuzz/support/shrink.js";

const USAGE = "usage: ./build.sh bench fuzz [--bodies COUNT] [--seed NUMBER] [--minutes COUNT]";
const BODIES = 200_000;
const LINES = 20;

/** 0, or 1 when something disagreed, grew, or is still in flight. */
export function main(args: string[]): number {
  const text = { type: "string" } as const;
  const { values } = parseArgs({ args, options: { bodies: text, seed: text, minutes: text } });
  const bodies = Number(values.bodies ?? BODIES);
  const seed = Number(values.seed ?? 1);
  const minutes = Number(values.minutes ?? Infinity);
  if (!(bodies >= 1) || !Number.isInteger(seed) || !(minutes > 0)) {
    console.error(USAGE);
    return 1;
  }
  const startMs = performance.now();
  const passedMs = (): number => performance.now() - startMs;
  const totals = campaign({
    bodies,
    seed,
    every: {
      bodies: Math.ceil(bodies / LINES),
      call: ({ bodies: done, disagreementCount }) => {
        const rate = ((done / passedMs()) * 1e3).toFixed(0);
        const mib = (process.memoryUsage().rss / 2 ** 20).toFixed(0);
        const counts = `${done} bodies, ${rate} a second, ${disagreementCount} disagreements`;
        console.log(`${counts}, ${mib} MiB in this process`);
      },
    },
    isOver: () => passedMs() > minutes * 60_000,
  });
  for (const line of figuresOf(totals, seed, passedMs(), cpuMs())) console.log(line);
  for (const one of totals.disagreements) console.log(`${one.what}: ${describe(shrink(one))}`);
  const hasGrown = totals.memoryBytesEnd > totals.memoryBytesWarm;
  return totals.disagreementCount > 0 || hasGrown || totals.inFlight !== 0 ? 1 : 0;
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? "").href) {
  process.exitCode = main(process.argv.slice(2));
}
