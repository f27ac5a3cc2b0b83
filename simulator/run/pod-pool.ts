// The pods of a run: which are there, and which the gateway thinks are there.
import type { PodEvent } from "../traffic/traffic.js";
import type { EventQueue } from "./event-queue.js";
import type { VirtualPod } from "./virtual-pod.js";

/**
 * Until a pod that died is not picked any more: failed scrapes, or Kubernetes' readiness probe and
 * watch, take about a second. Until then connections to it are refused at once.
 */
export const DEATH_SEEN_MS = 1000;
/** Until a change of readiness is known: measured at 0.3 s with Envoy Gateway and an API server. */
export const READINESS_SEEN_MS = 300;

export class PodPool<T> {
  private readonly listed: boolean[];
  private readonly epochs: number[];
  /** Starts since the run began, seen or not. */
  private readonly starts: number[];

  constructor(
    readonly pods: readonly VirtualPod<T>[],
    private readonly events: EventQueue,
    podEvents: readonly PodEvent[],
    /** Gets what a pod was computing when it died. */
    private readonly onLost: (lost: T[], nowMs: number) => void,
  ) {
    this.listed = pods.map(() => true);
    this.epochs = pods.map(() => 0);
    this.starts = pods.map(() => 0);
    const known = podEvents.filter(({ pod }) => pod < pods.length);
    known.sort((a, b) => a.atMs - b.atMs);
    for (const [pod, virtualPod] of pods.entries()) {
      if (known.find((event) => event.pod === pod)?.kind !== "start") continue;
      virtualPod.isUp = false;
      this.listed[pod] = false;
    }
    for (const event of known) events.add(event.atMs, (nowMs) => this.happen(event, nowMs));
  }

  mayBePicked(pod: number): boolean {
    return this.listed[pod]!;
  }

  epochOf(pod: number): number {
    return this.epochs[pod]!;
  }

  /** KV use of those that are up, 0 to 1. */
  kvUses(): number[] {
    return this.pods.filter(({ isUp }) => isUp).map(({ engine }) => engine.stats().kvUse);
  }

  private happen({ pod, kind }: PodEvent, nowMs: number): void {
    const virtualPod = this.pods[pod]!;
    // A start of a pod that is up is a restart: what it was computing is lost, too.
    const lost = kind === "drain" || !virtualPod.isUp ? [] : virtualPod.die();
    if (kind === "start") {
      virtualPod.start();
      this.starts[pod]!++;
      this.seeLater(nowMs + READINESS_SEEN_MS, pod, true);
    } else {
      this.seeLater(nowMs + (kind === "die" ? DEATH_SEEN_MS : READINESS_SEEN_MS), pod, false);
    }
    this.onLost(lost, nowMs);
  }

  private seeLater(atMs: number, pod: number, isListed: boolean): void {
    const start = this.starts[pod]!;
    this.events.add(atMs, () => {
      if (start !== this.starts[pod]) return; // Old news: it has started since.
      this.listed[pod] = isListed;
      this.epochs[pod] = start;
    });
  }
}
