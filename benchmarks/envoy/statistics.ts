// Medians, quartiles, and when a difference is larger than what the machine itself varies by.

export interface Spread {
  q1: number;
  median: number;
  q3: number;
}

/** `q` in 0..1; between two values their weighted mean. NaN for no values. */
export function quantile(values: ArrayLike<number>, q: number): number {
  const sorted = Float64Array.from(values).sort();
  if (sorted.length === 0) return NaN;
  const at = (sorted.length - 1) * q;
  const low = sorted[Math.floor(at)] as number;
  const high = sorted[Math.ceil(at)] as number;
  return low + (high - low) * (at - Math.floor(at));
}

export function median(values: ArrayLike<number>): number {
  return quantile(values, 0.5);
}

export function spread(values: ArrayLike<number>): Spread {
  return {
    q1: quantile(values, 0.25),
    median: median(values),
    q3: quantile(values, 0.75),
  };
}

export type Verdict = "ok" | "over" | "not resolved on this machine";

/**
 * Judges paired differences against a limit. The control is the same thing measured against itself
 * in the same rounds: where half of its differences are above a third of the limit, this machine
 * cannot tell.
 */
export function judge(differences: number[], control: number[], limit: number): Verdict {
  const noise = median(control.map(Math.abs));
  if (!(noise <= limit / 3)) return "not resolved on this machine";
  return median(differences) <= limit ? "ok" : "over";
}
