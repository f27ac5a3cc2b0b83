// A router in virtual time for the engine's tests: arrivals, and engines that step by themselves.
import { Engine, type StepOutcome } from "../../simulator/engine/engine.js";
import type { EngineConfig } from "../../simulator/engine/options.js";
import type { EngineRequest, Sequence } from "../../simulator/engine/sequence.js";

export type Random = () => number;

/** mulberry32: a small generator with a seed, so a run repeats. */
export function seededRandom(seed: number): Random {
  let state = seed | 0;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296;
  };
}

/** A whole number in [low, high). */
export function uniform(random: Random, low: number, high: number): number {
  return low + Math.floor(random() * (high - low));
}

type Handler = (nowMs: number) => void;

/** Events by time; those of the same time in the order in which they were added. */
class EventQueue {
  private readonly heap: { atMs: number; order: number; handle: Handler }[] = [];
  private count = 0;

  add(atMs: number, handle: Handler): void {
    const { heap } = this;
    heap.push({ atMs, order: this.count++, handle });
    for (let at = heap.length - 1; at > 0;) {
      const parent = (at - 1) >> 1;
      if (!this.isBefore(at, parent)) break;
      this.swap(at, parent);
      at = parent;
    }
  }

  /** Handles events until none is left. */
  run(): void {
    for (let next = this.pop(); next; next = this.pop()) next.handle(next.atMs);
  }

  private pop(): { atMs: number; handle: Handler } | undefined {
    const { heap } = this;
    if (heap.length === 0) return undefined;
    this.swap(0, heap.length - 1);
    const first = heap.pop();
    for (let at = 0; ;) {
      let least = at;
      for (const child of [2 * at + 1, 2 * at + 2]) {
        if (child < heap.length && this.isBefore(child, least)) least = child;
      }
      if (least === at) return first;
      this.swap(at, least);
      at = least;
    }
  }

  private isBefore(a: number, b: number): boolean {
    const left = this.heap[a]!;
    const right = this.heap[b]!;
    return left.atMs < right.atMs || (left.atMs === right.atMs && left.order < right.order);
  }

  private swap(a: number, b: number): void {
    const kept = this.heap[a]!;
    this.heap[a] = this.heap[b]!;
    this.heap[b] = kept;
  }
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
