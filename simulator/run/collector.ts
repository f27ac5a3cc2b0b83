// Collects what becomes of the requests of a run, and sums it up.
import type { StepOutcome } from "../engine/engine.js";
import type { Load } from "../traffic/traffic.js";
import type { Figures, Quantiles } from "./figures.js";
import type { Goodput } from "./goodput.js";
import { LogHistogram } from "./log-histogram.js";

/** In an open loop the caches fill and the rules learn for about that long. */
export const START_MS = 60_000;
const SECOND_MS = 1000;

/** When things happened to a request, in virtual ms. */
export interface Times {
  /** Counts from 0 in the order of arrival. */
  number: number;
  arrivalMs: number;
  firstTokenMs: number;
  endMs: number;
}

export class Collector {
  private readonly ttftMs: number[] = [];
  private readonly steadyMs: number[] = [];
  private readonly tpotMs: number[] = [];
  private readonly e2eMs: number[] = [];
  private readonly itlMs = new LogHistogram();
  private outputTokens = 0;
  private promptTokens = 0;
  private cachedTokens = 0;
  private endMs = 0;
  private kvUseSdSum = 0;
  private kvUseSamples = 0;
  private errors = 0;
  private second = 0;
  private tokensOfSecond = 0;
  private peakTokens = 0;

  constructor(private readonly load: Load) {}

  /** A pod's step has ended; steps come in the order of their ends. */
  stepEnded<T>({ tokens, generatedTokens }: StepOutcome<T>, endMs: number): void {
    for (const { previousTokenMs, lastTokenMs } of tokens) {
      if (previousTokenMs >= 0) this.itlMs.add(lastTokenMs - previousTokenMs);
    }
    const second = Math.floor(endMs / SECOND_MS);
    if (second !== this.second) this.tokensOfSecond = 0;
    this.second = second;
    this.tokensOfSecond += generatedTokens;
    this.peakTokens = Math.max(this.peakTokens, this.tokensOfSecond);
  }

  finished(
    times: Times,
    tokens: { promptTokens: number; cachedTokens: number; outputTokens: number },
  ): void {
    const { arrivalMs, firstTokenMs, endMs } = times;
    this.ttftMs.push(firstTokenMs - arrivalMs);
    if (!this.isStart(times)) this.steadyMs.push(firstTokenMs - arrivalMs);
    this.tpotMs.push((endMs - firstTokenMs) / Math.max(1, tokens.outputTokens - 1));
    this.e2eMs.push(endMs - arrivalMs);
    this.outputTokens += tokens.outputTokens;
    this.promptTokens += tokens.promptTokens;
    this.cachedTokens += tokens.cachedTokens;
    this.endMs = Math.max(this.endMs, endMs);
  }

  /** A request has ended without an answer, or with a part of one. */
  failed(): void {
    this.errors++;
  }

  /** KV use of each pod at one moment, 0 to 1; none where no pod is up, which tells nothing. */
  sampleKvUse(uses: readonly number[]): void {
    if (uses.length === 0) return;
    const mean = uses.reduce((sum, use) => sum + use, 0) / uses.length;
    const variance = uses.reduce((sum, use) => sum + (use - mean) ** 2, 0) / uses.length;
    this.kvUseSdSum += Math.sqrt(variance);
    this.kvUseSamples++;
  }

  /** Times to the first token, lowest first. */
  sortedTtftMs(): readonly number[] {
    return this.ttftMs.sort((a, b) => a - b);
  }

  figures(goodput: Goodput | null = null): Figures {
    const tpotQuantilesMs = quantilesOf(this.tpotMs);
    const e2eQuantilesMs = quantilesOf(this.e2eMs);
    const durationS = this.endMs / 1000;
    const perS = (count: number): number => (durationS > 0 ? count / durationS : 0);
    const { itlMs } = this;
    return {
      ttftMs: { ...quantilesOf(this.ttftMs), p90: quantile(this.sortedTtftMs(), 0.9) },
      tpotMs: tpotQuantilesMs.mean,
      e2eS: e2eQuantilesMs.mean / 1000,
      tokensPerS: perS(this.outputTokens),
      cachedShare: this.cachedTokens / Math.max(1, this.promptTokens),
      kvUseSd: this.kvUseSdSum / Math.max(1, this.kvUseSamples),
      errors: this.errors,
      steadyMs: this.steadyMs.length > 0 ? quantilesOf(this.steadyMs) : null,
      tpotQuantilesMs,
      itlMs: { mean: itlMs.mean(), p50: itlMs.quantile(0.5), p99: itlMs.quantile(0.99) },
      e2eQuantilesMs,
      answers: this.ttftMs.length,
      durationS,
      inputTokens: this.promptTokens,
      outputTokens: this.outputTokens,
      requestsPerS: perS(this.ttftMs.length),
      inputTokensPerS: perS(this.promptTokens),
      peakTokensPerS: this.peakTokens,
      goodput,
    };
  }

  private isStart({ number, arrivalMs }: Times): boolean {
    const { load } = this;
    return "concurrency" in load ? number < load.concurrency : arrivalMs < START_MS;
  }
}

/** Sorts the values. */
function quantilesOf(values: number[]): Quantiles {
  values.sort((a, b) => a - b);
  const mean = values.reduce((sum, one) => sum + one, 0) / Math.max(1, values.length);
  return { mean, p50: quantile(values, 0.5), p99: quantile(values, 0.99) };
}

function quantile(sorted: readonly number[], share: number): number {
  return sorted[Math.floor(sorted.length * share)] ?? 0;
}
