// Pods of a small world: engines that step by themselves, come, drain, die and start again, and
// the sidecar's table of them.
import type { EngineConfig } from "../../simulator/engine/options.js";
import { Engine } from "../../simulator/engine/engine.js";
import type { PodRow } from "../host/filter/support/wire.js";
import type { WorldConfig } from "./invariants-config.js";

export type At = (atMs: number, what: string, handle: (nowMs: number) => void) => void;

/** What a pod tells of a request it computes. */
export interface Computed {
  onFirstToken(cachedTokens: number, nowMs: number): void;
  onToken(nowMs: number): void;
  onFinished(nowMs: number): void;
}

export class Pod<T extends Computed> {
  engine: Engine<T>;
  epoch: number;
  isAlive = true;
  /** As the sidecar sees it. */
  isListed = true;
  mayBePicked = true;
  private isStepping = false;

  constructor(
    public number: number,
    readonly address: string,
    epoch: number,
    private readonly config: WorldConfig,
    private readonly at: At,
  ) {
    this.epoch = epoch;
    this.engine = new Engine<T>(engineConfig(config));
  }

  /** A new process, with an empty cache. */
  restart(epoch: number): void {
    this.engine = new Engine<T>(engineConfig(this.config));
    this.epoch = epoch;
    this.isAlive = true;
    this.isStepping = false;
  }

  wake(nowMs: number): void {
    if (this.isStepping) return;
    const { engine } = this;
    const durationMs = engine.startStep(nowMs);
    if (durationMs === null) return;
    this.isStepping = true;
    this.at(nowMs + durationMs, `step of ${this.address}`, (endMs) => {
      // Another process by now: the step was never ended.
      if (engine !== this.engine || !this.isAlive) return;
      this.isStepping = false;
      const { tokens, first, finished } = engine.endStep();
      const { usedBlocks, blockCount } = engine.stats();
      if (usedBlocks < 0 || usedBlocks > blockCount) throw new Error(`${usedBlocks} blocks used`);
      const [firsts, lasts, others] = [[...first], [...finished], [...tokens]];
      for (const one of firsts) one.owner.onFirstToken(Math.max(0, one.cachedTokens), endMs);
      for (const one of others) one.owner.onToken(endMs);
      for (const one of lasts) one.owner.onFinished(endMs);
      this.wake(endMs);
    });
  }

  row(toldTokens: number): PodRow {
    const { waiting, running, kvUse } = this.engine.stats();
    const { number, address, epoch, mayBePicked } = this;
    return {
      ...{ number, address, epoch, mayBePicked },
      ...{ waiting, running, kvUse, ageMs: 20, capacityTokens: toldTokens },
    };
  }
}

function engineConfig(config: WorldConfig): EngineConfig {
  return {
    scheduler: config.scheduler,
    kvTokens: config.kvTokens,
    prefixCaching: true,
    maxRunning: 16,
    timing: {
      stepMs: 10,
      prefillStepMs: 5,
      prefillTokenMs: 0.062,
      sequenceMs: 0.06,
      kvTokenMs: 0.000056,
    },
  };
}
