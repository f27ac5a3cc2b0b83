// One gateway, three that share and three that do not, under the same load in alternating rounds.
import { setTimeout as sleep } from "node:timers/promises";
import { newProgress, playLoad, type RequestResult } from "../../lab/load.js";
import { percentile, summarize } from "../../lab/summary.js";
import { Random } from "../../simulator/workloads/random.js";
import { WorkloadText } from "../../simulator/workloads/text.js";
import { rotated } from "../envoy/measure.js";
import type { Options, Variant } from "./options.js";
import { makeWorkload, MODEL, podArguments, warmSeconds } from "./service.js";
import { meter, type Usage } from "./usage.js";
import { World, type Ground } from "./world.js";

export const GATEWAYS = 3;
/** From the last answer until nothing is on its way any more. */
const SETTLE_MS = 500;
const IDLE_MS_MAX = 3000;
/** A part of the seed of what chooses gateways, so that it repeats no other draw. */
const CHOICE = 7;

/** One variant in one round. */
export interface Run {
  variant: Variant;
  round: number;
  requests: number;
  errors: number;
  /** Different errors, the first few of them. */
  errorTexts: string[];
  /** From the planned send time to the first content, of the requests after the warm-up. */
  ttftMs: { mean: number; p50: number; p99: number };
  /** Prompt tokens found in a cache as a share of all, 0 to 1, after the warm-up. */
  cachedShare: number;
  /** 99 % of the requests were sent no later than this after their time, ms. */
  lateMsP99: number;
  /** Over all requests, those of the warm-up too. */
  sent: number;
  underLoad: Usage;
  idle: Usage;
}

/** Runs them all; `onRun` hears of each. */
export async function measureRounds(
  options: Options,
  ground: Ground,
  onRun: (run: Run) => void,
): Promise<Run[]> {
  const runs: Run[] = [];
  for (let round = 0; round < options.rounds; round++) {
    for (const variant of rotated(options.variants, round)) {
      if (ground.watch.signal.aborted) return runs;
      const run = await measureRun(options, ground, variant, round);
      runs.push(run);
      onRun(run);
    }
  }
  return runs;
}

async function measureRun(
  options: Options,
  ground: Ground,
  variant: Variant,
  round: number,
): Promise<Run> {
  const world = await World.start({
    ...ground,
    gateways: variant === "one" ? 1 : GATEWAYS,
    podArguments: podArguments(),
    isSharing: variant === "shared",
  });
  const usage = meter(world);
  const results = await playRound(options, ground, world, round);
  const underLoad = usage();
  // After the load: processes that are new still compile their code.
  await sleep(SETTLE_MS, undefined, { signal: ground.watch.signal });
  const idleUsage = meter(world);
  const idleMs = Math.min(IDLE_MS_MAX, 1000 * warmSeconds(options.seconds));
  await sleep(idleMs, undefined, { signal: ground.watch.signal });
  const idle = idleUsage();
  await world.stop();
  return { variant, round, ...figuresOf(results), idle, underLoad };
}

/** The same arrivals and texts for every variant of a round. */
async function playRound(
  options: Options,
  { watch }: Ground,
  world: World,
  round: number,
): Promise<{ all: RequestResult[]; measured: RequestResult[] }> {
  const workload = makeWorkload(options.seed + round, options.seconds, options.rate);
  const progress = newProgress(performance.now());
  const choice = Random.from(options.seed, round, CHOICE);
  const urls = world.gateways.map((one) => one.url);
  const all = await playLoad({
    url: () => urls[choice.integer(0, urls.length - 1)] as string,
    ...{ model: MODEL, workload, progress, signal: watch.signal },
    text: new WorkloadText(workload, options.seed, round),
    nowMs: () => performance.now(),
  });
  const fromMs = progress.startMs + warmSeconds(options.seconds) * 1000;
  return { all, measured: all.filter((one) => one.dueMs >= fromMs) };
}

function figuresOf({ all, measured }: { all: RequestResult[]; measured: RequestResult[] }) {
  const { requests, ttftMs, cachedShare } = summarize(measured);
  const errors = all.flatMap(({ error }) => (error === null ? [] : [error]));
  const lateMs = all.map((one) => one.lateMs).sort((a, b) => a - b);
  return {
    ...{ requests, ttftMs, cachedShare },
    errors: errors.length,
    errorTexts: [...new Set(errors)].slice(0, 3),
    lateMsP99: percentile(lateMs, 0.99),
    sent: all.length,
  };
}
