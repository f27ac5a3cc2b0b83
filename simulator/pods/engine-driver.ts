// Runs an engine in real time: ends each step when its time is over, without drift.
import type { Engine, StepOutcome } from "../engine/engine.js";
import type { EngineRequest, Sequence } from "../engine/sequence.js";

/** Where time comes from; Node's own in `systemClock`. */
export interface Clock {
  /** Milliseconds since some fixed moment, with fractions. */
  nowMs(): number;
  /** Seconds since 1970, with fractions. */
  unixSeconds(): number;
  /** Calls back once, `delayMs` from now or a little later; the function returned takes it back. */
  after(delayMs: number, callback: () => void): () => void;
}

export const systemClock: Clock = {
  nowMs: () => performance.now(),
  unixSeconds: () => (performance.timeOrigin + performance.now()) / 1000,
  after: (delayMs, callback) => {
    const timer = setTimeout(callback, delayMs);
    return () => clearTimeout(timer);
  },
};

/** A step may end this much early: Node's timers count whole milliseconds. */
const EARLY_MS = 0.5;
/** More lag is given up: the process stood still, and a burst of old tokens would be no truth. */
const LAG_MS_MAX = 1000;
/** Then other work gets its turn. */
const STEPS_PER_TURN_MAX = 64;

/**
 * The next step starts when the last one was due, not when its timer fired; so a late timer delays
 * single tokens by about a millisecond, and the rate over many steps is exact.
 */
export class EngineDriver<T> {
  private stepEndMs: number | null = null;
  private disarm: (() => void) | null = null;
  private isClosed = false;
  /** Factor on the time of a step; null: the engine stands still. */
  private pace: number | null = 1;

  constructor(
    readonly engine: Engine<T>,
    private readonly clock: Clock,
    private readonly onStep: (outcome: StepOutcome<T>) => void,
  ) {}

  submit(request: EngineRequest<T>): Sequence<T> {
    // Steps that are over must not see a request that came after them.
    this.endDueSteps();
    const nowMs = this.clock.nowMs();
    const sequence = this.engine.submit(request, nowMs);
    if (this.stepEndMs === null) this.startStep(nowMs);
    this.arm();
    return sequence;
  }

  cancel(sequence: Sequence<T>): void {
    this.engine.cancel(sequence);
  }

  /** Steps that start from now on take `factor` times as long; with null none ends until later. */
  setPace(factor: number | null): void {
    this.endDueSteps();
    this.pace = factor;
    this.arm();
  }

  close(): void {
    this.isClosed = true;
    this.disarm?.();
    this.disarm = null;
    this.stepEndMs = null;
  }

  private endDueSteps(): void {
    if (this.pace === null) return;
    const nowMs = this.clock.nowMs();
    if (this.stepEndMs !== null && nowMs - this.stepEndMs > LAG_MS_MAX) this.stepEndMs = nowMs;
    for (let i = 0; i < STEPS_PER_TURN_MAX; i++) {
      const endMs = this.stepEndMs;
      if (endMs === null || endMs - nowMs > EARLY_MS) return;
      const outcome = this.engine.endStep();
      this.onStep(outcome);
      this.startStep(endMs);
    }
  }

  private startStep(startMs: number): void {
    const durationMs = this.isClosed ? null : this.engine.startStep(startMs, this.pace ?? 1);
    this.stepEndMs = durationMs === null ? null : startMs + durationMs;
  }

  private arm(): void {
    this.disarm?.();
    this.disarm = null;
    if (this.stepEndMs === null || this.pace === null) return;
    const delayMs = Math.max(0, Math.round(this.stepEndMs - this.clock.nowMs()));
    this.disarm = this.clock.after(delayMs, () => {
      this.endDueSteps();
      this.arm();
    });
  }
}
