// Why each request of a soak ended as it did: by itself, by its client, by a fault, or unexplained.
import type { LoggedRequest } from "../../faults/support/access-log.js";
import type { Result } from "./exchange.js";
import type { Fault } from "./trouble.js";

/** Clocks are one and the same, timers are late. */
const GRACE_MS = 250;

export interface Account {
  /** Requests by outcome and cause, as `answered` or `cut | pod killed`. */
  counts: Map<string, number>;
  /** The same causes: the most that one fault alone explains. */
  mostOfOne: Map<string, number>;
  unexplained: { result: Result; logged: LoggedRequest | undefined }[];
  /** Answered to the client, and not in Envoy's log; in the log, and sent by none. */
  unlogged: Result[];
  unsent: LoggedRequest[];
  /** In the log, and routed or answered by the filter: those it counts as decisions. */
  decided: number;
}

export function account(
  results: readonly Result[],
  log: ReadonlyMap<number, LoggedRequest>,
  faults: readonly Fault[],
): Account {
  const counts = new Map<string, number>();
  const mostOfOne = new Map<string, number>();
  const byFault = new Map<Fault, number>();
  const unexplained: Account["unexplained"] = [];
  for (const result of results) {
    const logged = log.get(result.id);
    const fault = faults.find((one) => mayCause(one, result, logged));
    const cause = causeOf(result, fault);
    if (cause === null) unexplained.push({ result, logged });
    else counts.set(cause, (counts.get(cause) ?? 0) + 1);
    if (cause === null || fault === undefined) continue;
    const ofOne = (byFault.get(fault) ?? 0) + 1;
    byFault.set(fault, ofOne);
    mostOfOne.set(cause, Math.max(mostOfOne.get(cause) ?? 0, ofOne));
  }
  const ids = new Set(results.map(({ id }) => id));
  return {
    counts,
    mostOfOne,
    unexplained,
    unlogged: results.filter(({ id, status }) => status !== 0 && !log.has(id)),
    unsent: [...log.values()].filter(({ id }) => !ids.has(id)),
    decided: [...log.values()].filter(isDecided).length,
  };
}

/** A client that leaves before its body has come leaves none of these. */
function isDecided({ first, upstream, status }: LoggedRequest): boolean {
  return first !== "" || upstream !== "" || status !== 0;
}

function causeOf(result: Result, fault: Fault | undefined): string | null {
  if (result.outcome === "answered") return "as it should be";
  if (result.outcome === "left") return "its client left";
  if (fault === undefined) return null;
  const what = result.outcome === "status" ? `status ${result.status}` : result.outcome;
  return `${what} | ${fault.kind.name}`;
}

function mayCause(fault: Fault, result: Result, logged: LoggedRequest | undefined): boolean {
  const { kind, pod, fromMs, toMs } = fault;
  if (kind.mayCause?.(result) !== true) return false;
  if (result.endMs < fromMs || result.startMs > toMs + GRACE_MS) return false;
  if (kind.place !== "pod") return true;
  return result.pod === pod.name || logged?.upstream === pod.address;
}
