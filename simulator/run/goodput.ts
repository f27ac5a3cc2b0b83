// Goodput: the answers whose first token came in time, by criticality and by kind of tenant.
import { CRITICALITIES } from "../../sidecar-metrics/src/models/model-policy.js";
import { START_MS } from "./collector.js";
import type { Quantiles } from "./figures.js";
import type { Flight } from "./flight.js";

/** A first token within this is in time. */
export const IN_TIME_MS = 5000;
const SECOND_MS = 1000;

/** All requests, those of each criticality, those of the large tenant and of all others. */
export const GROUPS = ["all", ...CRITICALITIES, "largeTenant", "smallTenants"] as const;
export type Group = (typeof GROUPS)[number];

/** What came after the first minute, in which caches fill and rules learn. */
export interface GroupFigures {
  requestsPerS: number;
  /** Answers whose first token came in time, by the seconds in which requests arrived. */
  goodPerS: number;
  /** The same by the requests. */
  inTimeShare: number;
  /** Requests that got no answer, by the requests. */
  refusedShare: number;
  /** Of those that were answered. */
  ttftMs: Quantiles;
}

export type Goodput = Record<Group, GroupFigures>;

interface Count {
  refused: number;
  ttftMs: number[];
}

export class GoodputCounter {
  private readonly counts = new Map<Group, Count>();
  private lastArrivalMs = START_MS;

  answered(flight: Flight): void {
    for (const count of this.countsOf(flight)) {
      count.ttftMs.push(flight.firstTokenMs - flight.arrivalMs);
    }
  }

  failed(flight: Flight): void {
    for (const count of this.countsOf(flight)) count.refused++;
  }

  figures(): Goodput {
    const seconds = Math.max(this.lastArrivalMs - START_MS, 1) / SECOND_MS;
    const groups = GROUPS.map((group) => [group, groupFigures(this.countOf(group), seconds)]);
    return Object.fromEntries(groups) as Goodput;
  }

  /** Of all groups that the request belongs to; none in the first minute. */
  private countsOf({ arrivalMs, traffic }: Flight): Count[] {
    if (arrivalMs < START_MS) return [];
    this.lastArrivalMs = Math.max(this.lastArrivalMs, arrivalMs);
    const tenant = traffic.tenant === 0 ? "largeTenant" : "smallTenants";
    return ["all" as const, traffic.criticality!, tenant as Group].map((one) => this.countOf(one));
  }

  private countOf(group: Group): Count {
    let count = this.counts.get(group);
    if (!count) this.counts.set(group, (count = { refused: 0, ttftMs: [] }));
    return count;
  }
}

function groupFigures({ refused, ttftMs }: Count, seconds: number): GroupFigures {
  ttftMs.sort((a, b) => a - b);
  const requests = refused + ttftMs.length;
  const good = ttftMs.filter((one) => one <= IN_TIME_MS).length;
  const mean = ttftMs.reduce((sum, one) => sum + one, 0) / Math.max(1, ttftMs.length);
  const quantile = (share: number): number => ttftMs[Math.floor(ttftMs.length * share)] ?? 0;
  return {
    requestsPerS: requests / seconds,
    goodPerS: good / seconds,
    inTimeShare: good / Math.max(1, requests),
    refusedShare: refused / Math.max(1, requests),
    ttftMs: { mean, p50: quantile(0.5), p99: quantile(0.99) },
  };
}
