// Makes faults begin and end by chance, one or two at a time, and keeps when which was there.
import { setTimeout as sleep } from "node:timers/promises";
import { randomFrom } from "../../host/filter/support/random.js";
import type { PodProcess } from "../../faults/support/pod-process.js";
import type { Stack } from "../../faults/support/stack.js";
import { unixMs } from "../../faults/support/steady-load.js";
import { FAULTS, type FaultKind } from "./fault.js";

const AT_A_TIME_MAX = 2;
const PAUSE_MS_MAX = 700;
const LASTS_MS_MIN = 700;
const LASTS_MS_MAX = 5_000;
const LOOK_EVERY_MS = 20;

export interface Fault {
  kind: FaultKind;
  /** That of a fault that has none is not touched. */
  pod: PodProcess;
  /** Milliseconds since 1970; Infinity while it lasts. */
  fromMs: number;
  toMs: number;
}

export class Trouble {
  /** All that there were, in the order of their beginning. */
  readonly faults: Fault[] = [];
  private readonly random: () => number;
  private readonly underWay = new Set<Promise<void>>();
  private readonly taken = new Set<string>();
  private bag: FaultKind[] = [];
  private problem: Error | null = null;

  constructor(
    private readonly stack: Stack,
    seed: number,
    /** Shorter faults and pauses, so that a short soak has each kind. */
    private readonly scale: number,
  ) {
    this.random = randomFrom(seed);
  }

  /** For so long; done when all faults have ended. Throws what did not begin, or end. */
  async run(forMs: number): Promise<void> {
    const endMs = unixMs() + forMs;
    while (unixMs() < endMs && this.problem === null) {
      const pauseMs = this.random() * PAUSE_MS_MAX * this.scale;
      while (this.underWay.size >= AT_A_TIME_MAX) await sleep(LOOK_EVERY_MS);
      if (unixMs() < endMs) this.begin();
      await sleep(pauseMs);
    }
    await Promise.all(this.underWay);
    if (this.problem !== null) throw this.problem;
  }

  private begin(): void {
    const kind = this.draw();
    const free = this.stack.pods.filter((pod) => !this.taken.has(pod.name));
    const pod = free[Math.floor(this.random() * free.length)] as PodProcess;
    const lastsMs = this.scale * (LASTS_MS_MIN + this.random() * (LASTS_MS_MAX - LASTS_MS_MIN));
    const place = kind.place === "pod" ? pod.name : kind.place;
    this.taken.add(place);
    const one = this.last(kind, pod, lastsMs)
      .catch((error: unknown) => (this.problem ??= new Error(`a fault failed: ${String(error)}`)))
      .then(() => {
        this.underWay.delete(one);
        this.taken.delete(place);
      });
    this.underWay.add(one);
  }

  private async last(kind: FaultKind, pod: PodProcess, lastsMs: number): Promise<void> {
    const fault: Fault = { kind, pod, fromMs: unixMs(), toMs: Infinity };
    this.faults.push(fault);
    await kind.begin(this.stack, pod, this.random);
    await sleep(lastsMs);
    await kind.end(this.stack, pod);
    fault.toMs = unixMs();
  }

  /** Each kind once, in a chance order, before any comes again; one whose place is free. */
  private draw(): FaultKind {
    const isFree = (kind: FaultKind): boolean => !this.taken.has(kind.place);
    if (!this.bag.some(isFree)) this.bag = [...this.bag, ...this.shuffled()];
    const index = this.bag.findIndex(isFree);
    return this.bag.splice(index, 1)[0] as FaultKind;
  }

  private shuffled(): FaultKind[] {
    return FAULTS.map((kind) => ({ kind, key: this.random() }))
      .sort((a, b) => a.key - b.key)
      .map(({ kind }) => kind);
  }
}
