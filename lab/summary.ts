// Sums results up: the figures of one route, and what is printed with --json.
import type { RequestResult } from "./load.js";

/** What `--json` prints for each route. */
export interface RouteSummary {
  requests: number;
  errors: number;
  /** From the planned send time to the first content, over the requests that got any. */
  ttftMs: { mean: number; p50: number; p99: number };
  /** Prompt tokens that pods found in their caches, as a share of all prompt tokens, 0 to 1. */
  cachedShare: number;
}

/** Sums up the requests of one phase or of several. */
export function summarize(results: readonly RequestResult[]): RouteSummary {
  const ttftMs = results.flatMap((one) => (one.ttftMs === null ? [] : [one.ttftMs]));
  ttftMs.sort((a, b) => a - b);
  const promptTokens = sum(results.map((one) => one.promptTokens));
  return {
    requests: results.length,
    errors: results.filter((one) => one.error !== null).length,
    ttftMs: {
      mean: round(sum(ttftMs) / Math.max(1, ttftMs.length), 1),
      p50: round(percentile(ttftMs, 0.5), 1),
      p99: round(percentile(ttftMs, 0.99), 1),
    },
    cachedShare: round(sum(results.map((one) => one.cachedTokens)) / Math.max(1, promptTokens), 4),
  };
}

/** The smallest value that at least `share` of the sorted values do not exceed; 0 of none. */
export function percentile(sorted: readonly number[], share: number): number {
  return sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)] ?? 0;
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}

function round(value: number, digits: number): number {
  return Number(value.toFixed(digits));
}
