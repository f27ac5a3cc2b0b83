// How sure a difference between two rules is: 95 % intervals of Student's t, paired by seed.
import type { Figures } from "./figures.js";

const CONFIDENCE = 0.95;
/** Halvings that pin t down to a double. */
const BISECTIONS = 64;

/** A mean difference and the interval that holds the true one in 95 of 100 studies. */
export interface Interval {
  difference: number;
  low: number;
  high: number;
}

/** A rule's figures less the baseline's. */
export interface Comparison {
  rule: string;
  ttftMeanMs: Interval;
  ttftP99Ms: Interval;
  tokensPerS: Interval;
}

/** Both lists by seed: the same arrivals, so that each seed gives a difference of its own. */
export function compare(
  figures: readonly Figures[],
  baseline: readonly Figures[],
  rule: string,
): Comparison {
  const of = (value: (figures: Figures) => number): Interval =>
    pairedInterval(figures.map(value), baseline.map(value));
  return {
    rule,
    ttftMeanMs: of(({ ttftMs }) => ttftMs.mean),
    ttftP99Ms: of(({ ttftMs }) => ttftMs.p99),
    tokensPerS: of(({ tokensPerS }) => tokensPerS),
  };
}

/** Of `values[i] - others[i]`; at least two pairs. */
export function pairedInterval(values: readonly number[], others: readonly number[]): Interval {
  const differences = values.map((value, index) => value - others[index]!);
  const count = differences.length;
  const mean = differences.reduce((sum, one) => sum + one, 0) / count;
  const squares = differences.reduce((sum, one) => sum + (one - mean) ** 2, 0);
  const half = studentT(count - 1) * Math.sqrt(squares / (count - 1) / count);
  return { difference: mean, low: mean - half, high: mean + half };
}

/** t such that a share of 0.95 lies between -t and t, with that many degrees of freedom. */
export function studentT(degrees: number): number {
  let [low, high] = [0, 1];
  while (shareWithin(high, degrees) < CONFIDENCE) high *= 2;
  for (let i = 0; i < BISECTIONS; i++) {
    const middle = (low + high) / 2;
    if (shareWithin(middle, degrees) < CONFIDENCE) low = middle;
    else high = middle;
  }
  return high;
}

/** P(|T| < t): Abramowitz and Stegun, Handbook of Mathematical Functions, 26.7.3 and 26.7.4. */
function shareWithin(t: number, degrees: number): number {
  const angle = Math.atan(t / Math.sqrt(degrees));
  const square = Math.cos(angle) ** 2;
  const isOdd = degrees % 2 === 1;
  let term = isOdd ? Math.cos(angle) : 1;
  let sum = degrees === 1 ? 0 : term;
  for (let i = isOdd ? 3 : 2; i < degrees; i += 2) {
    term *= ((i - 1) / i) * square;
    sum += term;
  }
  const series = Math.sin(angle) * sum;
  return isOdd ? (2 / Math.PI) * (angle + series) : series;
}
