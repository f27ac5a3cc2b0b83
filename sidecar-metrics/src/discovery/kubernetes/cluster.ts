// The sidecar's view of a cluster: watches what it is told to, and tells each change once.
import type { Logger } from "pino";
import type { Clock } from "../../clock.js";
import { ApiKinds } from "./api-kinds.js";
import type { NamespaceObjects } from "./assemble.js";
import type { ApiClient, ApiError } from "./client.js";
import type { Trouble } from "./kind-informer.js";
import { NamespaceWatch } from "./namespace-watch.js";
import type { ClusterTimes } from "./settings.js";
import { describeTroubles, type Troubled } from "./troubles.js";

export interface ClusterParts {
  client: ApiClient;
  times: ClusterTimes;
  clock: Clock;
  log: Logger;
}

/** Told soon after each change, and once at the start for what is known already. */
export type ClusterListener = (cluster: Cluster) => void;

export class Cluster {
  /** The API server has answered at least once, be it with a refusal. */
  hasAnswered = false;
  private readonly namespaces = new Map<string, NamespaceWatch>();
  /** Namespaces in which the inference kinds are watched too. */
  private readonly poolNamespaces = new Set<string>();
  private readonly listeners = new Set<ClusterListener>();
  private readonly kinds: ApiKinds;
  private kindsTrouble: Trouble | null = null;
  private timer: NodeJS.Timeout | null = null;
  private said = new Map<string, string>();

  constructor(private readonly parts: ClusterParts) {
    const { client, times, clock } = parts;
    this.kinds = new ApiKinds(client, times, clock, {
      kinds: (served) => {
        for (const name of this.poolNamespaces) this.namespaces.get(name)?.setKinds(served);
      },
      failed: (error) => this.noteLook(error),
    });
  }

  get server(): string {
    return this.parts.client.server;
  }

  /** Watches the pods of a namespace. */
  watchPods(namespace: string): void {
    if (this.namespaces.has(namespace)) return;
    const events = { changed: () => this.change(), trouble: () => this.noteTrouble() };
    this.namespaces.set(namespace, new NamespaceWatch(namespace, { ...this.parts, events }));
  }

  /** Watches the pods and the inference kinds of a namespace. Call it before `start`. */
  watchPools(namespace: string): void {
    this.watchPods(namespace);
    this.poolNamespaces.add(namespace);
  }

  start(): void {
    if (this.poolNamespaces.size > 0) this.kinds.start();
    this.change();
  }

  stop(): void {
    if (this.timer !== null) clearTimeout(this.timer);
    this.listeners.clear();
    this.kinds.stop();
    for (const namespace of this.namespaces.values()) namespace.stop();
  }

  /** The end of listening is the answer. */
  listen(listener: ClusterListener): () => void {
    this.listeners.add(listener);
    this.change();
    return () => void this.listeners.delete(listener);
  }

  /** What is known of a namespace; the pods are null until they have been listed. */
  objects(namespace: string): NamespaceObjects | null {
    return this.namespaces.get(namespace)?.objects() ?? null;
  }

  /** All there is, by namespace; one is left out until all its lists were had, or refused. */
  poolObjects(): NamespaceObjects[] {
    return [...this.poolNamespaces].flatMap((name) => {
      const watch = this.namespaces.get(name);
      return watch?.isOpen() === true ? [watch.objects()] : [];
    });
  }

  get isConnected(): boolean {
    return this.troubled().every(({ trouble }) => trouble?.statusCode !== null);
  }

  /** Whole sentences, by what they are about. */
  problems(): Map<string, string> {
    return describeTroubles(this.server, this.troubled(), this.parts.clock.unixMs());
  }

  /** What the first lists of are still waited for. */
  pending(): string[] {
    return [...this.namespaces.values()].flatMap((watch) => {
      const isPoolNamespace = this.poolNamespaces.has(watch.namespace);
      if (isPoolNamespace ? watch.isOpen() : watch.pods.isListed) return [];
      return [`the first lists of namespace ${watch.namespace}`];
    });
  }

  /** For /v1/pools. */
  view() {
    return {
      server: this.server,
      isConnected: this.isConnected,
      watched: [...this.namespaces.values()].flatMap((watch) =>
        watch.informers().map((informer) => ({
          path: informer.resource.path,
          objects: informer.isListed ? informer.objects().length : null,
          trouble: informer.trouble,
        })),
      ),
    };
  }

  private troubled(): Troubled[] {
    const informers = [...this.namespaces.values()].flatMap((watch) => watch.informers());
    return [
      ...informers.map(({ resource, trouble }) => ({ resource, trouble })),
      { resource: null, trouble: this.kindsTrouble },
    ];
  }

  private noteLook(error: ApiError | null): void {
    const was = this.kindsTrouble;
    if (error === null) {
      if (was === null) return;
      this.kindsTrouble = null;
      // Whoever waits out a pause need not: the API server is back.
      for (const watch of this.namespaces.values()) {
        for (const informer of watch.informers()) informer.retryNow();
      }
    } else {
      const sinceUnixMs = was?.sinceUnixMs ?? this.parts.clock.unixMs();
      const { statusCode, message } = error;
      this.kindsTrouble = { statusCode, message, sinceUnixMs };
    }
    this.noteTrouble();
  }

  private noteTrouble(): void {
    const problems = this.problems();
    for (const [about, text] of problems) {
      if (!this.said.has(about)) this.parts.log.warn(text);
    }
    for (const about of this.said.keys()) {
      if (!problems.has(about)) this.parts.log.info(`${about}: no longer a problem`);
    }
    this.said = problems;
    this.change();
  }

  private change(): void {
    this.timer ??= setTimeout(() => {
      this.timer = null;
      this.noteAnswer();
      for (const listener of this.listeners) this.tell(listener);
    }, this.parts.times.gatherMs);
  }

  /** Whatever an object holds, and whoever wrote it, must not end the process. */
  private tell(listener: ClusterListener): void {
    try {
      listener(this);
    } catch (error) {
      this.parts.log.error({ err: error }, "objects of the cluster could not be understood");
    }
  }

  private noteAnswer(): void {
    this.hasAnswered ||= [...this.namespaces.values()]
      .flatMap((watch) => watch.informers())
      .some(({ isListed, trouble }) => isListed || typeof trouble?.statusCode === "number");
  }
}
