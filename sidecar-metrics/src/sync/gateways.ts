// What the gateways of one pool last said of themselves, and their counters added up for good.
import type { Ejection, GatewayReport } from "./report.js";

/** Beyond this the one silent for longest is forgotten. */
export const GATEWAYS_MAX = 64;
/** A gateway polls many times a second; after this it is gone (replaced, or cannot reach us). */
export const GONE_AFTER_MS = 10_000;
/** How long a gateway that is gone is still known, so that its counters are not counted twice. */
const FORGOTTEN_AFTER_MS = 10 * 60_000;
const REASONS_MAX = 64;

export interface Gateway {
  report: GatewayReport;
  seenAtMs: number;
  /** What it has applied of the others' records; null: it takes none, or nothing yet. */
  cursor: number | null;
}

export interface Totals {
  decisions: Map<string, number>;
  promptTokens: number;
  matchedTokens: number;
  mispredictions: number;
  syncs: number;
}

export class Gateways {
  readonly totals: Totals = {
    decisions: new Map(),
    promptTokens: 0,
    matchedTokens: 0,
    mispredictions: 0,
    syncs: 0,
  };
  private readonly known = new Map<string, Gateway>();

  take(report: GatewayReport, cursor: number | null, nowMs: number): void {
    const before = this.known.get(report.incarnation);
    this.addUp(before?.report, report);
    this.totals.syncs++;
    // Set anew, so that the map's order is that of the last reports.
    this.known.delete(report.incarnation);
    this.known.set(report.incarnation, { report, seenAtMs: nowMs, cursor });
    for (const [incarnation, { seenAtMs }] of this.known) {
      const isTooMany = this.known.size > GATEWAYS_MAX;
      if (!isTooMany && nowMs - seenAtMs < FORGOTTEN_AFTER_MS) break;
      this.known.delete(incarnation);
    }
  }

  /** Those that still poll. */
  live(nowMs: number): Gateway[] {
    return [...this.known.values()].filter(({ seenAtMs }) => nowMs - seenAtMs <= GONE_AFTER_MS);
  }

  /** By the number of each endpoint that some of them have ejected: why each of those did so. */
  ejections(nowMs: number): Map<number, Ejection[]> {
    const ejections = new Map<number, Ejection[]>();
    for (const { report } of this.live(nowMs)) {
      for (const { number, ejected } of report.pods) {
        if (ejected === null) continue;
        const reasons = ejections.get(number);
        if (reasons === undefined) ejections.set(number, [ejected]);
        else reasons.push(ejected);
      }
    }
    return ejections;
  }

  private addUp(before: GatewayReport | undefined, now: GatewayReport): void {
    const { totals } = this;
    totals.promptTokens += grown(before?.promptTokens, now.promptTokens);
    totals.matchedTokens += grown(before?.matchedTokens, now.matchedTokens);
    totals.mispredictions += grown(before?.mispredictions, now.mispredictions);
    for (const [reason, count] of now.reasons) {
      const total = totals.decisions.get(reason);
      if (total === undefined && totals.decisions.size >= REASONS_MAX) continue;
      totals.decisions.set(reason, (total ?? 0) + grown(before?.reasons.get(reason), count));
    }
  }
}

/**
 * The growth of a counter of one gateway, which is a sum over its VMs. It falls when a VM is gone,
 * or when another one reports that has seen its neighbours a moment ago: what is left of it was
 * added before. A gateway that starts anew has another incarnation.
 */
function grown(before: number | null | undefined, now: number | null): number {
  if (now === null) return 0;
  const from = before ?? 0;
  return Math.max(0, now - from);
}
