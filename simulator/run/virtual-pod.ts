// A pod in virtual time: an engine whose steps are events, and what its metrics said when.
import { PodModels } from "../../sidecar-metrics/src/models/pod-models.js";
import { Engine, type StepOutcome } from "../engine/engine.js";
import type { EngineConfig } from "../engine/options.js";
import type { EngineRequest, Sequence } from "../engine/sequence.js";
import type { EventQueue } from "./event-queue.js";

/** Snapshots kept; at steps of 5 ms and more they reach back 2.5 s, and the oldest asked for 2. */
const HISTORY_LENGTH = 512;

/** What a scrape of the pod's metrics shows. */
export interface PodMetrics {
  atMs: number;
  waiting: number;
  running: number;
  /** Blocks in use over all blocks, 0 to 1. */
  kvUse: number;
  promptTokens: number;
  generationTokens: number;
  prefixQueries: number;
  prefixHits: number;
  /** LoRA adapters that the sidecar takes for held. */
  adapters: readonly string[];
  /** As many of them as fit have requests. */
  isAtAdapterLimit: boolean;
}

const NOTHING: PodMetrics = {
  atMs: -Infinity,
  waiting: 0,
  running: 0,
  kvUse: 0,
  promptTokens: 0,
  generationTokens: 0,
  prefixQueries: 0,
  prefixHits: 0,
  adapters: [],
  isAtAdapterLimit: false,
};

export class VirtualPod<T> {
  /** Another one after each start. */
  engine: Engine<T>;
  /** False: connections are refused. */
  isUp = true;
  private readonly history = new Array<PodMetrics>(HISTORY_LENGTH).fill(NOTHING);
  private newest = 0;
  private isBusy = false;
  /** What waited and what ran when the step under way began, for its end's metrics. */
  private waiting = 0;
  private waitingAdapters: string[] = [];
  /** What the sidecar makes of the pod's adapters: the sidecar's own code. */
  private models = new PodModels();

  constructor(
    /** `ip:port`. */
    readonly address: string,
    private readonly config: EngineConfig,
    private readonly events: EventQueue,
    private readonly onStep: (outcome: StepOutcome<T>, endMs: number) => void,
  ) {
    this.engine = new Engine<T>(config);
  }

  submit(request: EngineRequest<T>, nowMs: number): void {
    if (!this.isUp) throw new Error(`${this.address} is down`);
    this.engine.submit(request, nowMs);
    if (!this.isBusy) this.startStep(nowMs);
  }

  /** The pod is gone; returns the owners of all that it had not ended, in order of arrival. */
  die(): T[] {
    const { running, waiting } = this.engine;
    this.isUp = false;
    return [...running, ...waiting].map(({ owner }) => owner);
  }

  /** A new process with an empty cache. */
  start(): void {
    this.engine = new Engine<T>(this.config);
    this.models = new PodModels();
    this.history.fill(NOTHING);
    this.isBusy = false;
    this.isUp = true;
  }

  /** The metrics as they were at that time: engines refresh them once a step. */
  metricsAt(atMs: number): PodMetrics {
    for (let back = 0; back < HISTORY_LENGTH; back++) {
      const metrics = this.history[(this.newest - back + HISTORY_LENGTH) % HISTORY_LENGTH]!;
      if (metrics.atMs <= atMs) return metrics;
    }
    return this.history[(this.newest + 1) % HISTORY_LENGTH]!;
  }

  private startStep(nowMs: number): void {
    const { engine } = this;
    const durationMs = engine.startStep(nowMs);
    this.isBusy = durationMs !== null;
    if (durationMs === null) return;
    // vLLM takes in what came during a step before the next one, after it has told its metrics.
    this.waiting = engine.waiting.length;
    if (engine.options.maxAdapters > 0) this.waitingAdapters = adaptersOf(engine.waiting);
    this.events.add(nowMs + durationMs, (endMs) => {
      // The process that computed this step is gone, and perhaps another one runs in its place.
      if (!this.isUp || engine !== this.engine) return;
      const outcome = engine.endStep();
      this.note(endMs);
      // What ends here may bring the next request, which the next step takes in already.
      this.onStep(outcome, endMs);
      if (this.isUp && engine === this.engine) this.startStep(endMs);
    });
  }

  private note(atMs: number): void {
    const stats = this.engine.stats();
    this.newest = (this.newest + 1) % HISTORY_LENGTH;
    this.noteAdapters();
    this.history[this.newest] = {
      atMs,
      waiting: this.waiting,
      running: stats.running,
      kvUse: stats.kvUse,
      promptTokens: stats.promptTokens,
      generationTokens: stats.generationTokens,
      prefixQueries: stats.prefixQueries,
      prefixHits: stats.prefixHits,
      adapters: this.models.held,
      isAtAdapterLimit: this.models.isAtAdapterLimit,
    };
  }

  private noteAdapters(): void {
    const limit = this.engine.options.maxAdapters;
    if (limit === 0) return;
    const running = adaptersOf(this.engine.running);
    this.models.takeLora({ running, waiting: this.waitingAdapters, limit }, 0);
  }
}

/** Adapters that these requests need, each once. */
function adaptersOf(sequences: readonly Sequence<unknown>[]): string[] {
  const names = new Set<string>();
  for (const { request } of sequences) if (request.adapter) names.add(request.adapter);
  return [...names];
}
