// A pod in virtual time: an engine whose steps are events, and what its metrics said when.
import { Engine, type StepOutcome } from "../engine/engine.js";
import type { EngineConfig } from "../engine/options.js";
import type { EngineRequest } from "../engine/sequence.js";
import type { EventQueue } from "./event-queue.js";

/** Snapshots kept; at steps of 10 ms and more they reach back 2.5 s. */
const HISTORY_LENGTH = 256;

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
};

export class VirtualPod<T> {
  readonly engine: Engine<T>;
  private readonly history: PodMetrics[] = new Array<PodMetrics>(HISTORY_LENGTH).fill(NOTHING);
  private newest = 0;
  private isBusy = false;
  private waiting = 0;

  constructor(
    /** `ip:port`. */
    readonly address: string,
    config: EngineConfig,
    private readonly events: EventQueue,
    private readonly onStep: (outcome: StepOutcome<T>, endMs: number) => void,
  ) {
    this.engine = new Engine<T>(config);
  }

  submit(request: EngineRequest<T>, nowMs: number): void {
    this.engine.submit(request, nowMs);
    if (!this.isBusy) this.startStep(nowMs);
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
    const durationMs = this.engine.startStep(nowMs);
    this.isBusy = durationMs !== null;
    if (durationMs === null) return;
    // vLLM takes in what came during a step before the next one, after it has told its metrics.
    this.waiting = this.engine.waiting.length;
    this.events.add(nowMs + durationMs, (endMs) => {
      const outcome = this.engine.endStep();
      this.note(endMs);
      // What ends here may bring the next request, which the next step takes in already.
      this.onStep(outcome, endMs);
      this.startStep(endMs);
    });
  }

  private note(atMs: number): void {
    const stats = this.engine.stats();
    this.newest = (this.newest + 1) % HISTORY_LENGTH;
    this.history[this.newest] = {
      atMs,
      waiting: this.waiting,
      running: stats.running,
      kvUse: stats.kvUse,
      promptTokens: stats.promptTokens,
      generationTokens: stats.generationTokens,
      prefixQueries: stats.prefixQueries,
      prefixHits: stats.prefixHits,
    };
  }
}
