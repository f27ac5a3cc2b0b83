// A gateway that joins two others under load: its first seconds, with and without replay.
import { setTimeout as sleep } from "node:timers/promises";
import { newProgress, playLoad, type RequestResult } from "../../lab/load.js";
import { summarize, type RouteSummary } from "../../lab/summary.js";
import { Random } from "../../simulator/workloads/random.js";
import { WorkloadText } from "../../simulator/workloads/text.js";
import { rotated } from "../envoy/measure.js";
import type { Options } from "./options.js";
import { makeWorkload, MODEL, podArguments, warmSeconds } from "./service.js";
import { World, type Ground } from "./world.js";

export const REPLAY_SECONDS = [300, 0];
const FIRST_SECONDS_MAX = 5;
/** The load's plan goes on for as long, for the gateway's start and its first traffic. */
const START_SECONDS_MAX = 30;
/** The slowest of the last requests has its answer by then. */
const DRAIN_SECONDS = 2;
/** A part of the seed of what chooses gateways. */
const CHOICE = 13;

/** One gateway that joined. */
export interface Join {
  replaySeconds: number;
  round: number;
  /** From its processes' start until a load balancer would send it requests. */
  startMs: number;
  newcomer: RouteSummary;
  /** The same seconds at the other gateways. */
  others: RouteSummary;
}

/** How much of the new gateway's traffic is measured. */
export function firstSeconds(seconds: number): number {
  return Math.min(FIRST_SECONDS_MAX, seconds);
}

/** Both ways in each round, the same arrivals for both; `onJoin` hears of each. */
export async function measureJoins(
  options: Options,
  ground: Ground,
  onJoin: (join: Join) => void,
): Promise<Join[]> {
  const joins: Join[] = [];
  for (let round = 0; round < options.rounds; round++) {
    for (const replaySeconds of rotated(REPLAY_SECONDS, round)) {
      if (ground.watch.signal.aborted) return joins;
      const join = await measureJoin(options, ground, replaySeconds, round);
      joins.push(join);
      onJoin(join);
    }
  }
  return joins;
}

async function measureJoin(
  options: Options,
  ground: Ground,
  replaySeconds: number,
  round: number,
): Promise<Join> {
  const world = await World.start({
    ...{ ...ground, gateways: 2, isSharing: true, replaySeconds },
    podArguments: podArguments(),
  });
  const urls = world.gateways.map((one) => one.url);
  const over = new AbortController();
  const signal = AbortSignal.any([ground.watch.signal, over.signal]);
  const played = playOver(options, round, urls, signal);
  await sleep(warmSeconds(options.seconds) * 1000, undefined, { signal });
  const beganMs = performance.now();
  const gateway = await world.addGateway();
  const readyMs = performance.now();
  urls.push(gateway.url);
  await sleep((firstSeconds(options.seconds) + DRAIN_SECONDS) * 1000, undefined, { signal });
  over.abort();
  const first = (await played).filter(
    ({ dueMs }) => dueMs >= readyMs && dueMs < readyMs + firstSeconds(options.seconds) * 1000,
  );
  await world.stop();
  return {
    ...{ replaySeconds, round, startMs: readyMs - beganMs },
    newcomer: summarize(first.filter((one) => one.url === gateway.url)),
    others: summarize(first.filter((one) => one.url !== gateway.url)),
  };
}

/** Each request to one of `urls` at random, as many as there are when it is sent. */
function playOver(
  options: Options,
  round: number,
  urls: readonly string[],
  signal: AbortSignal,
): Promise<RequestResult[]> {
  const seconds = warmSeconds(options.seconds) + START_SECONDS_MAX;
  const workload = makeWorkload(options.seed + round, seconds, options.rate);
  const choice = Random.from(options.seed, round, CHOICE);
  return playLoad({
    url: () => urls[choice.integer(0, urls.length - 1)] as string,
    ...{ model: MODEL, workload, signal, progress: newProgress(performance.now()) },
    text: new WorkloadText(workload, options.seed, round),
    nowMs: () => performance.now(),
  });
}
