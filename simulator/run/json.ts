// Prints a row as one line of JSON, for programs.
import type { Load } from "../traffic/traffic.js";
import { GROUPS, type Goodput } from "./goodput.js";
import type { Quantiles } from "./figures.js";
import type { Comparison, Interval } from "./intervals.js";
import type { Row } from "./simulate.js";

/** Later versions may add keys at the end; those up to `errors` stay as they are. */
export function jsonLine({ workload, load, rule, figures, runs, against }: Row): string {
  const { ttftMs } = figures;
  const values = {
    ttftMs: {
      mean: round(ttftMs.mean, 1),
      p50: round(ttftMs.p50, 1),
      p90: round(ttftMs.p90, 1),
      p99: round(ttftMs.p99, 1),
    },
    tpotMs: round(figures.tpotMs, 2),
    e2eS: round(figures.e2eS, 3),
    tokensPerS: round(figures.tokensPerS, 1),
    cachedShare: round(figures.cachedShare, 4),
    kvUseSd: round(figures.kvUseSd, 4),
    errors: figures.errors,
    steadyMs: figures.steadyMs && quantiles(figures.steadyMs, 1),
    tpotQuantilesMs: quantiles(figures.tpotQuantilesMs, 2),
    itlMs: quantiles(figures.itlMs, 2),
    e2eQuantilesMs: quantiles(figures.e2eQuantilesMs, 0),
    answers: round(figures.answers, 1),
    durationS: round(figures.durationS, 1),
    requestsPerS: round(figures.requestsPerS, 3),
    inputTokensPerS: round(figures.inputTokensPerS, 1),
    peakTokensPerS: round(figures.peakTokensPerS, 0),
    seeds: runs.length,
    against: against && comparison(against),
    ...(figures.goodput === null ? {} : { goodput: goodputValues(figures.goodput) }),
  };
  return JSON.stringify({ workload, ...loadKeys(load), rule, ...values });
}

/** A closed loop has `concurrency` beside a rate of null, a trace `speed`. */
function loadKeys(load: Load): Record<string, number | null> {
  return "ratePerS" in load ? { rate: load.ratePerS } : { rate: null, ...load };
}

function goodputValues(goodput: Goodput): Record<string, unknown> {
  const classes = GROUPS.map((name) => {
    const { requestsPerS, goodPerS, refusedShare, inTimeShare, ttftMs } = goodput[name];
    const shares = { refusedShare: round(refusedShare, 4), inTimeShare: round(inTimeShare, 4) };
    const rates = { requestsPerS: round(requestsPerS, 3), goodPerS: round(goodPerS, 3) };
    return [name, { ...rates, ...shares, ttftMs: quantiles(ttftMs, 1) }];
  });
  return Object.fromEntries(classes) as Record<string, unknown>;
}

function quantiles({ mean, p50, p99 }: Quantiles, digits: number): Quantiles {
  return { mean: round(mean, digits), p50: round(p50, digits), p99: round(p99, digits) };
}

function comparison({ rule, ttftMeanMs, ttftP99Ms, tokensPerS }: Comparison): Comparison {
  return {
    rule,
    ttftMeanMs: interval(ttftMeanMs),
    ttftP99Ms: interval(ttftP99Ms),
    tokensPerS: interval(tokensPerS),
  };
}

function interval({ difference, low, high }: Interval): Interval {
  return { difference: round(difference, 1), low: round(low, 1), high: round(high, 1) };
}

function round(value: number, digits: number): number {
  return Number(value.toFixed(digits));
}
