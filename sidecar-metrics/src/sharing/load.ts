// The load of a gateway on a pod, as it is added up and told.
import type { PodReport } from "../sync/report.js";
import type { SharedLoad } from "../sync/table.js";

const U32_MAX = 0xffff_ffff;

/** Of a pod without requests. */
export const NONE: SharedLoad = { inFlight: 0, unprefilled: 0, backlogTokens: 0, kvTokens: 0 };

/** Whole and as wide as in a message: sums of these are exact, so that they end at 0 again. */
export function loadOf(pod: Omit<PodReport, "ejected">): SharedLoad {
  return {
    inFlight: bounded(pod.inFlight),
    unprefilled: bounded(pod.unprefilled),
    backlogTokens: bounded(pod.backlogTokens),
    kvTokens: bounded(pod.kvTokens),
  };
}

export function isSame(a: SharedLoad, b: SharedLoad): boolean {
  return (
    a.inFlight === b.inFlight &&
    a.unprefilled === b.unprefilled &&
    a.backlogTokens === b.backlogTokens &&
    a.kvTokens === b.kvTokens
  );
}

function bounded(amount: number | null): number {
  return Math.min(Math.round(amount ?? 0), U32_MAX);
}
