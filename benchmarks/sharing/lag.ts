// How long one gateway's decision takes to be known to another, seen from outside.
import { Agent } from "node:http";
import { setTimeout as sleep } from "node:timers/promises";
import { askChat } from "../../lab/chat-request.js";
import { chatBody } from "../../lab/load.js";
import { Random } from "../../simulator/workloads/random.js";
import { words } from "../../simulator/workloads/text.js";
import type { Options } from "./options.js";
import { instantPodArguments, MODEL } from "./service.js";
import { World, type Ground } from "./world.js";

const DELAYS_MS = [10, 20, 40, 60, 80, 100, 150, 200];
export const POLL_INTERVALS_MS = [50, 20];
const PROMPT_TOKENS = 2000;
/** From trial to trial; drawn, so that trials do not keep step with the filters' polls. */
const GAP_MS = { min: 20, max: 60 };
/** At first, not counted: new processes compile their code. */
const WARM_TRIALS_MAX = 40;
/** A part of the seed, so that the prompts repeat no others. */
const LAG = 11;

/** All trials with one delay. */
export interface DelayRow {
  delayMs: number;
  trials: number;
  /** Trials in which the second gateway believed that a pod holds the prompt. */
  known: number;
  /** From the first request's send time to the second's, mean, ms. */
  sentAfterMs: number;
}

export interface Lag {
  pollIntervalMs: number;
  rows: DelayRow[];
  /** Read off the rows; null: more than the longest delay. */
  p50Ms: number | null;
  p99Ms: number | null;
  errors: number;
}

interface Trial {
  delayMs: number;
  sentAfterMs: number;
  isKnown: boolean;
  error: string | null;
}

/** Asks one of two gateways at t0 and the other one at t0 + delay, delays interleaved. */
export async function measureLag(
  options: Options,
  ground: Ground,
  pollIntervalMs: number,
): Promise<Lag> {
  const pods = { podArguments: instantPodArguments() };
  const world = await World.start({
    ...{ ...ground, ...pods, gateways: 2, isSharing: true, pollIntervalMs },
  });
  const askers = world.gateways.map(({ url }) => new Asker(url, ground.watch.signal));
  const random = Random.from(options.seed, pollIntervalMs, LAG);
  const all: Promise<Trial>[] = [];
  for (const [index, delayMs] of plannedDelays(random, options.trials).entries()) {
    const prompt = words(Random.from(options.seed, pollIntervalMs, LAG, index), PROMPT_TOKENS);
    const body = chatBody(MODEL, [{ role: "user", content: prompt }], 1);
    // Either of the two is the first in half of the trials.
    const pair = random.integer(0, 1) === 0 ? askers : [...askers].reverse();
    all.push(runTrial(pair as [Asker, Asker], body, delayMs));
    await sleep(random.integer(GAP_MS.min, GAP_MS.max), undefined, { signal: ground.watch.signal });
  }
  const trials = (await Promise.all(all)).slice(warmTrials(options.trials));
  for (const asker of askers) asker.close();
  await world.stop();
  return lagOf(pollIntervalMs, trials);
}

/** Sends a gateway requests on connections that stay open. */
class Asker {
  readonly #agent = new Agent({ keepAlive: true });

  constructor(
    private readonly url: string,
    private readonly signal: AbortSignal,
  ) {}

  /** Prompt tokens that the gateway believed to be cached; throws when the request failed. */
  async cachedTokens(body: string): Promise<number> {
    const { url, signal } = this;
    const nowMs = () => performance.now();
    const answer = await askChat({ url, agent: this.#agent, body, nowMs, signal });
    const cached = /(?:^|;)cached=(\d+)/.exec(answer.decision)?.[1];
    if (answer.error !== null) throw new Error(answer.error);
    if (cached === undefined) throw new Error(`a decision without cached: "${answer.decision}"`);
    return Number(cached);
  }

  close(): void {
    this.#agent.destroy();
  }
}

async function runTrial(pair: [Asker, Asker], body: string, delayMs: number): Promise<Trial> {
  const startMs = performance.now();
  const first = pair[0].cachedTokens(body);
  // It is awaited below; until then a failure of it is nobody's.
  first.catch(() => undefined);
  await sleep(delayMs);
  const sentAfterMs = performance.now() - startMs;
  try {
    const second = await pair[1].cachedTokens(body);
    const before = await first;
    const error = before > 0 ? "a new prompt was known already" : null;
    return { delayMs, sentAfterMs, isKnown: second > 0, error };
  } catch (error) {
    return { delayMs, sentAfterMs, isKnown: false, error: (error as Error).message };
  }
}

/** Each delay as often as any other, in random order, after the trials that are not counted. */
function plannedDelays(random: Random, trialsEach: number): number[] {
  const delays = DELAYS_MS.flatMap((delayMs) => new Array<number>(trialsEach).fill(delayMs));
  for (let i = delays.length - 1; i > 0; i--) {
    const other = random.integer(0, i);
    [delays[i], delays[other]] = [delays[other]!, delays[i]!];
  }
  return [...new Array<number>(warmTrials(trialsEach)).fill(DELAYS_MS.at(-1)!), ...delays];
}

function warmTrials(trialsEach: number): number {
  return Math.min(WARM_TRIALS_MAX, trialsEach);
}

function lagOf(pollIntervalMs: number, trials: readonly Trial[]): Lag {
  const good = trials.filter((one) => one.error === null);
  const rows = DELAYS_MS.map((delayMs) => {
    const those = good.filter((one) => one.delayMs === delayMs);
    const sumMs = those.reduce((sum, one) => sum + one.sentAfterMs, 0);
    return {
      delayMs,
      trials: those.length,
      known: those.filter((one) => one.isKnown).length,
      sentAfterMs: sumMs / Math.max(1, those.length),
    };
  });
  const p50Ms = delayAtShare(rows, 0.5);
  const p99Ms = delayAtShare(rows, 0.99);
  return { pollIntervalMs, rows, p50Ms, p99Ms, errors: trials.length - good.length };
}

/**
 * The delay after which `share` of the trials knew: on the straight line between the last row below
 * it and the one after that (from 0 % after 0 ms where the first row is above); null: none reaches.
 */
export function delayAtShare(
  rows: readonly Pick<DelayRow, "sentAfterMs" | "trials" | "known">[],
  share: number,
): number | null {
  const points = rows.map((row) => ({
    atMs: row.sentAfterMs,
    share: row.known / Math.max(1, row.trials),
  }));
  const below = points.findLastIndex((point) => point.share < share);
  const to = points[below + 1];
  if (to === undefined) return null;
  const from = points[below] ?? { atMs: 0, share: 0 };
  return from.atMs + ((to.atMs - from.atMs) * (share - from.share)) / (to.share - from.share);
}
