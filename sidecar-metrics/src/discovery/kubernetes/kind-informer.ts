// Holds all objects of one kind in one namespace, and keeps them when the API server is gone.
import { ListWatch } from "@kubernetes/client-node";
import { BoundedWatch } from "./bounded-watch.js";
import { ApiError, type ApiClient, explainNetwork } from "./client.js";
import type { ClusterTimes } from "./settings.js";
import type { Clock } from "../../clock.js";

/** The pause doubles at most this often; the limits in ClusterTimes come first. */
const DOUBLINGS_MAX = 16;

export interface Resource {
  /** As in `/api/v1/namespaces/default/pods`. */
  path: string;
  /** For people and roles: `inferencepools.inference.networking.k8s.io`. */
  name: string;
  namespace: string;
  slim: (raw: unknown) => unknown;
}

export interface Trouble {
  /** Null: no answer at all. */
  statusCode: number | null;
  message: string;
  sinceUnixMs: number;
}

export interface InformerEvents {
  /** The objects changed, or the first list of them came. */
  changed(): void;
  /** Trouble began, changed its nature or ended. */
  trouble(): void;
}

export class KindInformer<T> {
  /** A list was had at some time; from then on the objects are the last ones known. */
  isListed = false;
  trouble: Trouble | null = null;
  private readonly watch: BoundedWatch;
  private readonly informer: ListWatch<object>;
  private isStopped = false;
  private failures = 0;
  private timer: NodeJS.Timeout | null = null;

  constructor(
    readonly resource: Resource,
    private readonly client: ApiClient,
    private readonly times: ClusterTimes,
    private readonly clock: Clock,
    private readonly events: InformerEvents,
  ) {
    this.watch = new BoundedWatch(client.config, times, resource.slim, {
      connected: () => this.succeed(),
      nowMs: () => clock.nowMs(),
      random: () => clock.random(),
    });
    this.informer = new ListWatch<object>(resource.path, this.watch, () => this.list(), false);
    const changed = (): void => events.changed();
    for (const event of ["add", "update", "delete"] as const) this.informer.on(event, changed);
    this.informer.on("error", (error: unknown) => this.fail(error));
  }

  /** The objects as last known; the caller must not change them. */
  objects(): readonly T[] {
    return this.informer.list() as readonly T[];
  }

  start(): void {
    // It reports what goes wrong by its event; it never rejects.
    void this.informer.start();
  }

  stop(): void {
    this.isStopped = true;
    if (this.timer !== null) clearTimeout(this.timer);
    this.watch.cancel();
    void this.informer.stop();
  }

  /** Begins again at once if it waits for its turn after an error. */
  retryNow(): void {
    if (this.timer === null) return;
    clearTimeout(this.timer);
    this.timer = null;
    this.start();
  }

  private async list() {
    const list = await this.client.list(this.resource.path, this.resource.slim);
    this.watch.noteList();
    if (!this.isStopped) {
      this.isListed = true;
      this.succeed();
      // An empty list has no event of its own.
      this.events.changed();
    }
    // The library's types know whole objects only.
    return list as { items: object[]; metadata: object };
  }

  private succeed(): void {
    if (this.isStopped) return;
    this.failures = 0;
    if (this.trouble === null) return;
    this.trouble = null;
    this.events.trouble();
  }

  private fail(error: unknown): void {
    if (this.isStopped) return;
    const statusCode = statusOf(error);
    const isNew = this.trouble === null || this.trouble.statusCode !== statusCode;
    const sinceUnixMs = this.trouble?.sinceUnixMs ?? this.clock.unixMs();
    this.trouble = { statusCode, message: explainNetwork(error), sinceUnixMs };
    if (isNew) this.events.trouble();
    this.failures++;
    if (this.timer !== null) clearTimeout(this.timer);
    this.timer = setTimeout(() => {
      this.timer = null;
      this.start();
    }, this.pauseMs(statusCode));
  }

  private pauseMs(statusCode: number | null): number {
    const { backoffMinMs, backoffMaxMs, refusedMaxMs } = this.times;
    const growing = backoffMinMs * 2 ** Math.min(this.failures - 1, DOUBLINGS_MAX);
    const most = statusCode === null ? backoffMaxMs : refusedMaxMs;
    // Half of it at random: the gateways of a fleet must not come back all at once.
    return Math.min(growing, most) * (0.5 + 0.5 * this.clock.random());
  }
}

function statusOf(error: unknown): number | null {
  if (error instanceof ApiError) return error.statusCode;
  const { statusCode } = error as { statusCode?: unknown };
  return typeof statusCode === "number" ? statusCode : null;
}
