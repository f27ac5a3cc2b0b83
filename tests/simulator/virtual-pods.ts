// A router in virtual time for the engine's tests: arrivals, and engines that step by themselves.
import { Engine, type StepOutcome } from "../../simulator/engine/engine.js";
import type { EngineConfig } from "../../simulator/engine/options.js";
import type { EngineRequest, Sequence } from "../../simulator/engine/sequence.js";
import { EventQueue } from "../../simulator/run/event-queue.js";

export type Random = () => number;

/** A whole number in [low, high). */
export function uniform(random: Random, low: number, high: number): number {
  return low + Math.floor(random() * (high - low));
}

/** Pods whose engines run by events; `onStep` sees each step at its end. */
export class VirtualPods {
  readonly engines: Engine<null>[];
  readonly sequences: Sequence<null>[] = [];
  readonly events = new EventQueue();
  onFinish: (sequence: Sequence<null>, nowMs: number) => void = () => {};
  onStep: (pod: number, outcome: StepOutcome<null>) => void = () => {};
  private readonly isBusy: boolean[];

  constructor(podCount: number, config: EngineConfig) {
    this.engines = Array.from({ length: podCount }, () => new Engine<null>(config));
    this.isBusy = this.engines.map(() => false);
  }

  submit(pod: number, request: EngineRequest<null>, nowMs: number): void {
    this.sequences.push(this.engines[pod]!.submit(request, nowMs));
    if (!this.isBusy[pod]) this.startStep(pod, nowMs);
  }

  /** TTFT of all requests in ms, ascending. */
  ttftMs(): number[] {
    return this.sequences.map((s) => s.firstTokenMs - s.arrivalMs).sort((a, b) => a - b);
  }

  private startStep(pod: number, nowMs: number): void {
    const durationMs = this.engines[pod]!.startStep(nowMs);
    this.isBusy[pod] = durationMs !== null;
    if (durationMs === null) return;
    this.events.add(nowMs + durationMs, (endMs) => {
      const outcome = this.engines[pod]!.endStep();
      this.onStep(pod, outcome);
      for (const sequence of outcome.finished) this.onFinish(sequence, endMs);
      this.startStep(pod, endMs);
    });
  }
}

export function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}

/** The value below which the share lies; values ascending. */
export function quantile(values: readonly number[], share: number): number {
  return values[Math.min(values.length - 1, Math.floor(values.length * share))] as number;
}
