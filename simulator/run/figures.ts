// The figures of a run, and their mean over several runs.
import type { Goodput } from "./goodput.js";

/** A distribution of times in ms. */
export interface Quantiles {
  mean: number;
  p50: number;
  p99: number;
}

/** The figures of one run, or the mean of several. */
export interface Figures {
  ttftMs: Quantiles & { p90: number };
  /** Mean time between two tokens of an answer. */
  tpotMs: number;
  /** Mean time from arrival to the last token. */
  e2eS: number;
  /** Tokens of all answers, by the time from the first arrival to the last token. */
  tokensPerS: number;
  /** Prompt tokens found in the pods' prefix caches, of all prompt tokens. */
  cachedShare: number;
  /** Standard deviation of KV use over the pods, mean over the time of the run. */
  kvUseSd: number;
  /** Requests that got no answer. */
  errors: number;
  /**
   * TTFT without the start: without the first requests of a closed loop, as many as are in flight,
   * which come all at once; without what came in an open loop's first minute. Null: that is all.
   */
  steadyMs: Quantiles | null;
  /** Over the requests: the mean time between two tokens of one. Mean of it is `tpotMs`. */
  tpotQuantilesMs: Quantiles;
  /** Over the tokens: the time since the token before in its answer; quantiles to 0.5 %. */
  itlMs: Quantiles;
  e2eQuantilesMs: Quantiles;
  /** Requests that were answered. */
  answers: number;
  /** From the start to the last token. */
  durationS: number;
  inputTokens: number;
  outputTokens: number;
  requestsPerS: number;
  inputTokensPerS: number;
  /** Most tokens that all pods together made in one second. */
  peakTokensPerS: number;
  /** Null where requests have no criticality. */
  goodput: Goodput | null;
}

/** The mean of several runs; errors are added up. */
export function meanFigures(all: readonly Figures[]): Figures {
  const mean = meanOf(all) as unknown as Figures;
  return { ...mean, errors: all.reduce((sum, { errors }) => sum + errors, 0) };
}

type Tree = number | { [key: string]: Tree | null };

/** Field by field; null where any of them is null. */
function meanOf(all: readonly unknown[]): Tree | null {
  if (all.some((one) => one === null)) return null;
  if (typeof all[0] === "number") {
    return (all as number[]).reduce((sum, one) => sum + one, 0) / all.length;
  }
  const trees = all as Record<string, unknown>[];
  return Object.fromEntries(
    Object.keys(trees[0]!).map((key) => [key, meanOf(trees.map((tree) => tree[key]))]),
  );
}
