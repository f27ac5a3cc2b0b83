// `./build.sh bench envoy`: what the filter costs Envoy, with a verdict for each limit.
import { measureCpu, measurePeak, valuesOf } from "./measure.js";
import { parseOptions, type Options } from "./options.js";
import { figuresOf, render, type SizeResult } from "./report.js";
import { startRig, type Rig } from "./setup.js";
import { spread } from "./statistics.js";

const KB = 1024;
const EXIT_FAILED = 1;
const EXIT_OVER_LIMIT = 2;

async function bench(options: Options): Promise<number> {
  const rig = await startRig(options);
  try {
    const results: SizeResult[] = [];
    for (const sizeKb of options.sizesKb) {
      const result = await measureSize(rig, options, sizeKb);
      results.push(result);
      console.log(`${render(result)}\n`);
    }
    const routedShare = routedShareOf(results);
    console.log(`${(routedShare * 100).toFixed(1)} % of the routed requests had a pod picked`);
    const figures = results.flatMap((one) =>
      figuresOf(one).map((figure) => ({ sizeKb: one.sizeKb, ...figure })),
    );
    const failed = results
      .flatMap((one) => [...one.cpu, ...one.peak])
      .reduce((sum, one) => sum + one.failed, 0);
    if (options.isJson) console.log(JSON.stringify({ figures, failed, routedShare }));
    if (failed > 0) return EXIT_FAILED;
    return figures.some((one) => one.verdict === "over") ? EXIT_OVER_LIMIT : 0;
  } finally {
    await rig.stop();
  }
}

async function measureSize(rig: Rig, options: Options, sizeKb: number): Promise<SizeResult> {
  const bytes = sizeKb * KB;
  const progress = (text: string): void => {
    if (process.stderr.isTTY) process.stderr.write(`\r\x1b[K${sizeKb} KB: ${text} `);
  };
  const peak = await measurePeak(rig, options, bytes, progress);
  const perSecond = spread(valuesOf(peak, "plain")).median * options.rateShare;
  const cpu = await measureCpu(rig, options, bytes, perSecond, progress);
  if (process.stderr.isTTY) process.stderr.write("\r\x1b[K");
  return { sizeKb, perSecond, peak, cpu };
}

/** Of what went to filtered listeners, the share that reached its pod with a destination header. */
function routedShareOf(results: SizeResult[]): number {
  const filtered = results
    .flatMap((one) => [...one.cpu, ...one.peak])
    .filter((one) => one.name !== "plain" && one.name !== "control");
  const sum = (pick: "routed" | "served"): number =>
    filtered.reduce((total, one) => total + one[pick], 0);
  return sum("routed") / Math.max(1, sum("served"));
}

try {
  const options = parseOptions(process.argv.slice(2));
  if (options !== null) process.exitCode = await bench(options);
} catch (error) {
  console.error(`bench envoy: ${error instanceof Error ? error.message : String(error)}`);
  process.exitCode = EXIT_FAILED;
}
