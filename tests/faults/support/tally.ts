// What became of the requests of a steady load, and how many of them ended in which way.

/**
 * `failed`: no answer with status 200. `cut`: an answer with status 200 that began, be it with its
 * headers alone, and did not end whole. `slow`: whole, and its first byte came late.
 */
export type Outcome = "ok" | "failed" | "cut" | "slow";

/** One request as its client saw it; times in milliseconds since 1970. */
export interface LoadResult {
  /** Counts from 0; Envoy's log has it as the header `x-load-id`. */
  id: number;
  url: string;
  isStream: boolean;
  /** When it was to be sent, and when it was. */
  dueMs: number;
  sentMs: number;
  headersMs: number | null;
  /** First byte of the body; a pod sends the headers of a stream before the prompt is prefilled. */
  firstByteMs: number | null;
  endMs: number;
  /** 0 when no answer came. */
  status: number;
  /** The header `x-pod`; empty where no pod answered. */
  pod: string;
  /** The filter's header `x-warmroute-decision`; empty where it sent none. */
  decision: string;
  /** Prompt tokens that the pod found in its cache, as its usage tells; 0 where it does not. */
  cachedTokens: number;
  outcome: Outcome;
  /** What went wrong, or the start of a body whose status is not 200. */
  error: string;
}

export class Tally {
  constructor(
    readonly results: readonly LoadResult[],
    /** Requests of the whole load that this machine was too busy to send. */
    readonly leftOut = 0,
  ) {}

  get sent(): number {
    return this.results.length;
  }
  get ok(): number {
    return this.with("ok");
  }
  get failed(): number {
    return this.with("failed");
  }
  get cut(): number {
    return this.with("cut");
  }
  get slow(): number {
    return this.with("slow");
  }

  /** Requests by status; 0: no answer came. */
  get byStatus(): Map<number, number> {
    return countBy(this.results, (one) => one.status);
  }

  /** Requests by the pod that answered; empty: none did. */
  get byPod(): Map<string, number> {
    return countBy(this.results, (one) => one.pod);
  }

  /** Mean from the planned time to the first byte, over those that got one; 0 where none did. */
  get meanTtftMs(): number {
    const got = this.results.filter((one) => one.firstByteMs !== null);
    const sum = got.reduce((total, one) => total + (one.firstByteMs as number) - one.dueMs, 0);
    return sum / Math.max(1, got.length);
  }

  /** Requests sent in the meantime for each second of it. */
  get perSecond(): number {
    const first = this.results[0]?.sentMs ?? 0;
    const last = this.results.at(-1)?.sentMs ?? 0;
    return last > first ? ((this.sent - 1) * 1000) / (last - first) : 0;
  }

  /** Those that were to be sent in a window, its end excluded; times since 1970. */
  between(fromMs: number, toMs: number): Tally {
    return this.where((one) => one.dueMs >= fromMs && one.dueMs < toMs);
  }

  where(isIncluded: (result: LoadResult) => boolean): Tally {
    return new Tally(this.results.filter(isIncluded));
  }

  /** The share of the requests that a pod answered, 0 to 1. */
  shareOf(pod: string): number {
    return (this.byPod.get(pod) ?? 0) / Math.max(1, this.sent);
  }

  /** In words, for a row of the table. */
  get summary(): string {
    const { sent, failed, cut, slow, leftOut } = this;
    const unsent = leftOut > 0 ? ` (${leftOut} left out: the machine was busy)` : "";
    return `${sent} sent${unsent}, ${failed} failed, ${cut} cut off, ${slow} slow`;
  }

  private with(outcome: Outcome): number {
    return this.results.filter((one) => one.outcome === outcome).length;
  }
}

function countBy<K>(results: readonly LoadResult[], key: (one: LoadResult) => K): Map<K, number> {
  const counts = new Map<K, number>();
  for (const one of results) counts.set(key(one), (counts.get(key(one)) ?? 0) + 1);
  return counts;
}
