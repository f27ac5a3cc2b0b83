// A model of one vLLM engine in virtual time: FCFS scheduling, KV blocks, prefix cache, preemption.
import { AdapterSlots } from "./adapter-slots.js";
import { KvManager } from "./kv-manager.js";
import { engineOptions, type EngineConfig, type EngineOptions } from "./options.js";
import { scheduleV0, scheduleV1 } from "./schedule.js";
import { Sequence, type EngineRequest } from "./sequence.js";

/** Why a request can never run on this engine. */
export type Refusal = "empty" | "too-long";

/** What a step did. The arrays are reused: read them before the next step starts. */
export interface StepOutcome<T> {
  startMs: number;
  endMs: number;
  /** Prompt tokens computed (again, after a preemption) and tokens generated. */
  prefillTokens: number;
  generatedTokens: number;
  /** Sequences that got a token; the first token of those in `first`, the last of `finished`. */
  tokens: Sequence<T>[];
  first: Sequence<T>[];
  finished: Sequence<T>[];
  preempted: Sequence<T>[];
}

/** Counters since the start, named as vLLM's metrics. */
export interface EngineCounters {
  promptTokens: number;
  generationTokens: number;
  /** Tokens looked up in the prefix cache, and those found. */
  prefixQueries: number;
  prefixHits: number;
  preemptions: number;
}

export interface EngineStats extends EngineCounters {
  waiting: number;
  running: number;
  usedBlocks: number;
  blockCount: number;
  /** Blocks in use over all blocks, 0 to 1; content kept for later hits counts as free. */
  kvUse: number;
  /** Blocks whose content can be hit over all blocks, 0 to 1. */
  cachedShare: number;
}

/**
 * No timers and no clock of its own: `startStep` says how long the step takes, the caller calls
 * `endStep` when that time is over. Between both, requests may come and go; they take effect with
 * the next step, as in vLLM.
 */
export class Engine<T> {
  readonly options: EngineOptions;
  readonly kv: KvManager;
  readonly adapters: AdapterSlots;
  readonly waiting: Sequence<T>[] = [];
  readonly running: Sequence<T>[] = [];
  /** Sequences that the step under way computes. */
  readonly scheduled: Sequence<T>[] = [];
  /** Prompt and answer together: what the model allows, or what fits the KV cache alone. */
  readonly sequenceTokensMax: number;
  private readonly outcome = emptyOutcome<T>();
  private readonly counters: EngineCounters = {
    promptTokens: 0,
    generationTokens: 0,
    prefixQueries: 0,
    prefixHits: 0,
    preemptions: 0,
  };
  private isStepping = false;

  constructor(config: EngineConfig) {
    this.options = engineOptions(config);
    this.kv = new KvManager(this.options);
    this.adapters = new AdapterSlots(this.options.maxAdapters);
    // A longer sequence would be preempted for ever, or never admitted.
    this.sequenceTokensMax = Math.min(this.options.maxSequenceTokens, this.kv.sequenceTokensMax);
  }

  /** Whether the engine could ever run such a request; null when it could. */
  refusal(promptTokens: number, outputTokens: number): Refusal | null {
    if (!(promptTokens >= 1 && outputTokens >= 1)) return "empty";
    return promptTokens + outputTokens > this.sequenceTokensMax ? "too-long" : null;
  }

  /** Prompt tokens of the request that the cache holds now; on admission they may be gone. */
  cachedTokens(request: EngineRequest<T>): number {
    return this.kv.cachedBlocks(new Sequence(request, 0)) * this.options.blockTokens;
  }

  /** Queues a request; throws when `refusal` is not null. */
  submit(request: EngineRequest<T>, nowMs: number): Sequence<T> {
    const refusal = this.refusal(request.promptTokens, request.outputTokens);
    if (refusal) throw new RangeError(`request ${request.id} refused: ${refusal}`);
    const sequence = new Sequence(request, nowMs);
    this.enqueue(sequence, this.waiting.length);
    return sequence;
  }

  /** Drops a request; its blocks are free at once, or at the end of the step under way. */
  cancel(sequence: Sequence<T>): void {
    if (sequence.state === "waiting") {
      this.waiting.splice(this.waiting.indexOf(sequence), 1);
    } else if (sequence.state !== "running") {
      return;
    } else if (!this.isStepping) {
      this.running.splice(this.running.indexOf(sequence), 1);
      this.release(sequence);
    }
    sequence.state = "cancelled";
  }

  /**
   * Starts a step and returns how many ms it takes, `slowdown` times what it should; null when
   * there is nothing to do.
   */
  startStep(nowMs: number, slowdown = 1): number | null {
    if (this.isStepping) throw new Error("the last step has not ended");
    const outcome = this.outcome;
    outcome.tokens.length = 0;
    outcome.first.length = 0;
    outcome.finished.length = 0;
    outcome.preempted.length = 0;
    outcome.startMs = nowMs;
    this.scheduled.length = 0;
    const { loads } = this.adapters;
    const cost =
      this.options.scheduler === "v0" ? scheduleV0(this, nowMs) : scheduleV1(this, nowMs);
    if (cost === null) return null;
    outcome.prefillTokens = cost.prefillTokens;
    const loadMs = (this.adapters.loads - loads) * this.options.adapterLoadMs;
    const durationMs = (cost.durationMs + loadMs) * slowdown;
    outcome.endMs = nowMs + durationMs;
    this.isStepping = true;
    return durationMs;
  }

  /** Ends the step under way: its tokens exist now. */
  endStep(): StepOutcome<T> {
    if (!this.isStepping) throw new Error("no step is under way");
    this.isStepping = false;
    const { outcome, scheduled } = this;
    outcome.generatedTokens = 0;
    for (const sequence of scheduled) {
      if (sequence.state === "running") this.advance(sequence);
    }
    this.removeEnded();
    return outcome;
  }

  /** A whole step at once, for callers in virtual time; null when there is nothing to do. */
  step(nowMs: number): StepOutcome<T> | null {
    return this.startStep(nowMs) === null ? null : this.endStep();
  }

  stats(): EngineStats {
    const { blockCount, freeCount, cachedCount } = this.kv.pool;
    return {
      waiting: this.waiting.length,
      running: this.running.length,
      usedBlocks: blockCount - freeCount,
      blockCount,
      kvUse: (blockCount - freeCount) / blockCount,
      cachedShare: cachedCount / blockCount,
      ...this.counters,
    };
  }

  // What follows is for the schedulers.

  /**
   * Place in the queue, from `from` on, of the next request that its adapter allows to run: others
   * overtake those that wait for a slot. The queue's length where there is none.
   */
  nextWaiting(from: number): number {
    const { waiting, adapters } = this;
    let at = from;
    while (at < waiting.length && !adapters.canRun(waiting[at]!.request.adapter)) at++;
    return at;
  }

  /** Moves a waiting sequence to the running ones; its cached blocks are its own now. */
  admit(at: number, cachedBlocks: number, nowMs: number): void {
    const [sequence] = this.waiting.splice(at, 1) as [Sequence<T>];
    this.running.push(sequence);
    this.adapters.acquire(sequence.request.adapter);
    sequence.state = "running";
    this.kv.attach(sequence, cachedBlocks);
    if (sequence.admittedMs >= 0) return; // Resumed: vLLM's cache counters leave these out.
    sequence.admittedMs = nowMs;
    sequence.cachedTokens = sequence.computedTokens;
    if (!this.options.prefixCaching) return;
    this.counters.prefixQueries += sequence.totalTokens;
    this.counters.prefixHits += sequence.cachedTokens;
  }

  /** Puts the sequence on this step with `count` tokens; false: there are no blocks for them. */
  schedule(sequence: Sequence<T>, count: number): boolean {
    if (!this.kv.grow(sequence, sequence.computedTokens + count)) return false;
    sequence.scheduledTokens = count;
    this.scheduled.push(sequence);
    return true;
  }

  /** `schedule`, preempting the newest until there is room; false: the sequence itself went. */
  scheduleOrPreempt(sequence: Sequence<T>, count: number): boolean {
    while (!this.schedule(sequence, count)) {
      const victim = this.takeVictim();
      victim.state = "waiting";
      victim.preemptions++;
      this.counters.preemptions++;
      this.release(victim);
      this.enqueue(victim, 0);
      this.outcome.preempted.push(victim);
      if (victim === sequence) return false;
    }
    return true;
  }

  get hasPreempted(): boolean {
    return this.outcome.preempted.length > 0;
  }

  /** Into the queue at `place`; by priority: before what is less urgent, or as urgent and later. */
  private enqueue(sequence: Sequence<T>, place: number): void {
    const { waiting, options } = this;
    const after = (one: Sequence<T>): boolean => isBefore(sequence, one);
    const found = options.priorityScheduling ? waiting.findIndex(after) : place;
    waiting.splice(found < 0 ? waiting.length : found, 0, sequence);
  }

  /** The newest that runs; by priority: of the least urgent ones that are not on this step yet. */
  private takeVictim(): Sequence<T> {
    const { running, options, scheduled } = this;
    let at = running.length - 1;
    for (let i = at; options.priorityScheduling && i >= scheduled.length; i--) {
      if (isBefore(running[at]!, running[i]!)) at = i;
    }
    return running.splice(at, 1)[0]!;
  }

  private release(sequence: Sequence<T>): void {
    this.kv.release(sequence);
    this.adapters.release(sequence.request.adapter);
  }

  private advance(sequence: Sequence<T>): void {
    const { outcome, counters } = this;
    sequence.computedTokens += sequence.scheduledTokens;
    if (sequence.computedTokens < sequence.totalTokens) return; // A chunk of the prompt.
    sequence.generatedTokens++;
    counters.generationTokens++;
    outcome.generatedTokens++;
    outcome.tokens.push(sequence);
    if (sequence.firstTokenMs < 0) {
      sequence.firstTokenMs = outcome.endMs;
      counters.promptTokens += sequence.request.promptTokens;
      outcome.first.push(sequence);
    }
    sequence.previousTokenMs = sequence.lastTokenMs;
    sequence.lastTokenMs = outcome.endMs;
    if (sequence.generatedTokens < sequence.request.outputTokens) return;
    sequence.state = "finished";
    outcome.finished.push(sequence);
  }

  private removeEnded(): void {
    let kept = 0;
    for (const sequence of this.running) {
      if (sequence.state === "running") this.running[kept++] = sequence;
      else this.release(sequence);
    }
    this.running.length = kept;
  }
}

/** By priority, then by arrival. */
function isBefore(one: Sequence<unknown>, other: Sequence<unknown>): boolean {
  const urgency = (one.request.priority ?? 0) - (other.request.priority ?? 0);
  return urgency < 0 || (urgency === 0 && one.arrivalMs < other.arrivalMs);
}

function emptyOutcome<T>(): StepOutcome<T> {
  return {
    startMs: 0,
    endMs: 0,
    prefillTokens: 0,
    generatedTokens: 0,
    tokens: [],
    first: [],
    finished: [],
    preempted: [],
  };
}
