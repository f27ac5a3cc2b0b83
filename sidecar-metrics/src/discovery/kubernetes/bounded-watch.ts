// A watch that always ends: client-node's, with limits in time and only what is kept of objects.
import { Watch } from "@kubernetes/client-node";
import { ApiError, explainNetwork } from "./client.js";
import type { ClusterTimes } from "./settings.js";

type Watched = Parameters<Watch["watch"]>;
type Done = Watched[3];

/** The code by which client-node's informer forgets where it was, and lists everything anew. */
const GONE = 410;

export interface WatchEvents {
  /** The API server has begun to answer. */
  connected(): void;
  nowMs(): number;
  random(): number;
}

export class BoundedWatch extends Watch {
  /** Counts the watches begun: the end of an older one must not end a newer one. */
  private run = 0;
  private startedAtMs = -Infinity;
  private listedAtMs = -Infinity;
  private pause: { timer: NodeJS.Timeout; end: () => void } | null = null;

  constructor(
    config: Watch["config"],
    private readonly times: ClusterTimes,
    private readonly slim: (raw: unknown) => unknown,
    private readonly events: WatchEvents,
  ) {
    super(config);
  }

  /** The next watch begins at what a list has just said. */
  noteList(): void {
    this.listedAtMs = this.events.nowMs();
  }

  /** No watch that is under way reports anything any more. */
  cancel(): void {
    this.run++;
    this.pause?.end();
  }

  override async watch(...[path, query, callback, done]: Watched): Promise<AbortController> {
    const run = ++this.run;
    await this.waitForTurn();
    const controller = new AbortController();
    if (run !== this.run) return controller;
    this.startedAtMs = this.events.nowMs();
    let timer: NodeJS.Timeout | null = null;
    let inner: AbortController | null = null;
    const finish: Done = (error) => {
      if (timer !== null) clearTimeout(timer);
      if (run !== this.run) return;
      this.run++;
      done(error ?? this.dueResync());
    };
    controller.signal.addEventListener("abort", () => inner?.abort());
    const receive: Watched[2] = (phase, object, event) => {
      if (run === this.run) callback(phase, this.kept(phase, object), event);
    };
    try {
      inner = await super.watch(path, this.limits(query), receive, finish);
    } catch (error) {
      finish(new ApiError(null, `its credentials cannot be used: ${explainNetwork(error)}`));
    }
    if (run !== this.run || controller.signal.aborted) inner?.abort();
    else {
      timer = setTimeout(() => {
        finish(new ApiError(null, "a watch hangs"));
        inner?.abort();
      }, this.limitMs());
      this.events.connected();
    }
    return controller;
  }

  private limits(query: Watched[1]): Watched[1] {
    return { ...query, timeoutSeconds: this.times.watchSeconds, allowWatchBookmarks: true };
  }

  private limitMs(): number {
    return this.times.watchSeconds * 1_000 + this.times.watchGraceMs;
  }

  /** Bookmarks and errors hold no object of the kind. */
  private kept(phase: string, object: unknown): unknown {
    return phase === "BOOKMARK" || phase === "ERROR" ? object : this.slim(object);
  }

  private dueResync(): unknown {
    const sinceMs = this.events.nowMs() - this.listedAtMs;
    // Spread, or all kinds would be listed at the same moment for ever.
    const isDue = sinceMs > this.times.resyncMs * (0.8 + 0.4 * this.events.random());
    return isDue ? { statusCode: GONE } : null;
  }

  /** An API server that ends each watch at once is not asked in a tight loop. */
  private waitForTurn(): Promise<void> {
    const waitMs = this.startedAtMs + this.times.watchMinMs - this.events.nowMs();
    if (!(waitMs > 0)) return Promise.resolve();
    return new Promise((resolve) => {
      const end = (): void => {
        clearTimeout(timer);
        this.pause = null;
        resolve();
      };
      const timer = setTimeout(end, waitMs);
      this.pause = { timer, end };
    });
  }
}
