// How the sidecar copes with a large cluster: `./build.sh bench discovery`.
import { fileURLToPath } from "node:url";
import { quantile } from "../envoy/statistics.js";
import { runInNamespaces } from "../namespaces.js";
import { type Options, parseOptions, START_MS_MAX } from "./options.js";
import { Sidecar } from "./sidecar.js";
import { addressOf, PORT, startWorld, type World } from "./world.js";

/** The longest that can be set: what is left is what watching costs. */
const RARE_SCRAPES_MS = 60_000;
const SETTLE_MS = 15_000;
/** Part of what is measured. */
const CHANGE_LOOK_MS = 2;

interface Figures {
  listedMs: number[];
  /** CPU time until then: what does not depend on who else uses the machine. */
  listedCpuMs: number[];
  scrapedMs: number[];
  changeMs: number[];
  rssMib: number[];
  cpuShare: number[];
  cpuShareUnscraped: number[];
}

async function measure(world: World, options: Options): Promise<Figures> {
  const figures: Figures = {
    listedMs: [],
    listedCpuMs: [],
    scrapedMs: [],
    changeMs: [],
    rssMib: [],
    cpuShare: [],
    cpuShareUnscraped: [],
  };
  for (let round = 0; round < options.rounds; round++) {
    const sidecar = await Sidecar.start(world, null);
    try {
      await measureStart(sidecar, world, options, figures);
      for (let i = 0; i < options.changes; i++) {
        const pod = (round * options.changes + i) % options.podsEach;
        figures.changeMs.push(await measureChange(sidecar, world, i % options.pools, pod));
      }
      figures.cpuShare.push(await sidecar.cpuShare(options.seconds));
      figures.rssMib.push(sidecar.rssMib);
    } finally {
      await sidecar.stop();
    }
  }
  const rare = await Sidecar.start(world, RARE_SCRAPES_MS);
  try {
    await rare.untilAll(world.poolNames, "rows", (rows) => rows.length === options.podsEach);
    // Each pod is asked for its models once at the start.
    await new Promise((resolve) => setTimeout(resolve, SETTLE_MS));
    figures.cpuShareUnscraped.push(await rare.cpuShare(options.seconds));
  } finally {
    await rare.stop();
  }
  return figures;
}

async function measureStart(
  sidecar: Sidecar,
  { poolNames }: World,
  { podsEach }: Options,
  figures: Figures,
): Promise<void> {
  const isFull = (rows: { mayBePicked: boolean }[]): boolean =>
    rows.length === podsEach && rows.every(({ mayBePicked }) => mayBePicked);
  figures.listedMs.push(await sidecar.untilAll(poolNames, "full tables", isFull));
  figures.listedCpuMs.push(sidecar.cpuMs);
  const scrapedMs = await sidecar.untilAll(poolNames, "loads", (rows) =>
    rows.every(({ isScraped }) => isScraped),
  );
  figures.scrapedMs.push(scrapedMs);
}

/** From the request that makes a pod unready to the table that says so, ms. */
async function measureChange(
  sidecar: Sidecar,
  world: World,
  pool: number,
  pod: number,
): Promise<number> {
  const name = world.poolNames[pool] ?? "";
  const address = `${addressOf(pool, pod)}:${PORT}`;
  const shows = (mayBePicked: boolean): Promise<void> =>
    sidecar.until(
      name,
      "the change",
      (rows) => rows.some((row) => row.address === address && row.mayBePicked === mayBePicked),
      CHANGE_LOOK_MS,
    );
  const fromMs = performance.now();
  await world.setReady(pool, pod, false);
  await shows(false);
  const tookMs = performance.now() - fromMs;
  await world.setReady(pool, pod, true);
  await shows(true);
  return tookMs;
}

function print(figures: Figures, { pools, podsEach, isJson }: Options): void {
  const line = (what: string, values: number[], unit: string, digits = 0): void => {
    const of = (q: number): string => quantile(values, q).toFixed(digits).padStart(9);
    console.log(`${what.padEnd(44)}${of(0.5)}${of(1)} ${unit}`);
  };
  console.log(`${pools} pools of ${podsEach} pods`.padEnd(44) + "   median  largest");
  line("process start to full tables", figures.listedMs, "ms");
  line("  CPU time until then", figures.listedCpuMs, "ms");
  line("process start to a load in every row", figures.scrapedMs, "ms");
  line("pod unready in the API to the table", figures.changeMs, "ms");
  line("memory (RSS)", figures.rssMib, "MiB");
  const percent = (shares: number[]): number[] => shares.map((share) => share * 100);
  line("CPU at rest, scraping as by default", percent(figures.cpuShare), "% of a core", 1);
  const unscraped = percent(figures.cpuShareUnscraped);
  line(`CPU at rest, a scrape each ${RARE_SCRAPES_MS / 1_000} s`, unscraped, "% of a core", 1);
  const worstMs = Math.max(...figures.listedMs);
  const verdict = worstMs < START_MS_MAX ? "ok" : "over";
  console.log(`full tables within ${START_MS_MAX / 1_000} s: ${verdict}`);
  if (isJson) console.log(JSON.stringify(figures));
}

async function main(args: string[]): Promise<number> {
  const options = parseOptions(args);
  if (options === null) return 0;
  if (!args.includes("--inside")) return runInNamespaces(fileURLToPath(import.meta.url), args);
  const world = await startWorld(options);
  try {
    print(await measure(world, options), options);
  } finally {
    await world.stop();
  }
  return 0;
}

main(process.argv.slice(2)).then(
  (code) => (process.exitCode = code),
  (error: unknown) => {
    console.error(error instanceof Error ? error.message : String(error));
    process.exitCode = 1;
  },
);
