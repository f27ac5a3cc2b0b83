// Collects what became of the requests of a run, and sums it up.

/** The figures of one run, or the mean of several. */
export interface Figures {
  ttftMs: { mean: number; p50: number; p90: number; p99: number };
  /** Mean time between two tokens of an answer. */
  tpotMs: number;
  /** Mean time from arrival to the last token. */
  e2eS: number;
  /** Tokens of all answers, by the time from the first arrival to the last token. */
  tokensPerS: number;
  /** Prompt tokens found in the pods' prefix caches, of all prompt tokens. */
  cachedShare: number;
  /** Standard deviation of KV use over the pods, mean over the time of the run. */
  kvUseSd: number;
  /** Requests that got no answer. */
  errors: number;
}

/** When things happened to a request, in virtual ms. */
export interface Times {
  arrivalMs: number;
  firstTokenMs: number;
  endMs: number;
}

export class Collector {
  private readonly ttftMs: number[] = [];
  private tpotMsSum = 0;
  private e2eMsSum = 0;
  private outputTokens = 0;
  private promptTokens = 0;
  private cachedTokens = 0;
  private endMs = 0;
  private kvUseSdSum = 0;
  private kvUseSamples = 0;
  private errors = 0;

  finished(
    times: Times,
    tokens: { promptTokens: number; cachedTokens: number; outputTokens: number },
  ): void {
    const { arrivalMs, firstTokenMs, endMs } = times;
    this.ttftMs.push(firstTokenMs - arrivalMs);
    this.tpotMsSum += (endMs - firstTokenMs) / Math.max(1, tokens.outputTokens - 1);
    this.e2eMsSum += endMs - arrivalMs;
    this.outputTokens += tokens.outputTokens;
    this.promptTokens += tokens.promptTokens;
    this.cachedTokens += tokens.cachedTokens;
    this.endMs = Math.max(this.endMs, endMs);
  }

  refused(): void {
    this.errors++;
  }

  /** KV use of each pod at one moment, 0 to 1. */
  sampleKvUse(uses: readonly number[]): void {
    const mean = uses.reduce((sum, use) => sum + use, 0) / uses.length;
    const variance = uses.reduce((sum, use) => sum + (use - mean) ** 2, 0) / uses.length;
    this.kvUseSdSum += Math.sqrt(variance);
    this.kvUseSamples++;
  }

  figures(): Figures {
    const { ttftMs } = this;
    const count = Math.max(1, ttftMs.length);
    ttftMs.sort((a, b) => a - b);
    const quantile = (share: number): number => ttftMs[Math.floor(ttftMs.length * share)] ?? 0;
    return {
      ttftMs: {
        mean: ttftMs.reduce((sum, one) => sum + one, 0) / count,
        p50: quantile(0.5),
        p90: quantile(0.9),
        p99: quantile(0.99),
      },
      tpotMs: this.tpotMsSum / count,
      e2eS: this.e2eMsSum / count / 1000,
      tokensPerS: this.endMs > 0 ? this.outputTokens / (this.endMs / 1000) : 0,
      cachedShare: this.cachedTokens / Math.max(1, this.promptTokens),
      kvUseSd: this.kvUseSdSum / Math.max(1, this.kvUseSamples),
      errors: this.errors,
    };
  }
}

/** The mean of several runs; errors are added up. */
export function meanFigures(all: readonly Figures[]): Figures {
  const mean = (of: (figures: Figures) => number): number =>
    all.reduce((sum, figures) => sum + of(figures), 0) / all.length;
  return {
    ttftMs: {
      mean: mean(({ ttftMs }) => ttftMs.mean),
      p50: mean(({ ttftMs }) => ttftMs.p50),
      p90: mean(({ ttftMs }) => ttftMs.p90),
      p99: mean(({ ttftMs }) => ttftMs.p99),
    },
    tpotMs: mean(({ tpotMs }) => tpotMs),
    e2eS: mean(({ e2eS }) => e2eS),
    tokensPerS: mean(({ tokensPerS }) => tokensPerS),
    cachedShare: mean(({ cachedShare }) => cachedShare),
    kvUseSd: mean(({ kvUseSd }) => kvUseSd),
    errors: all.reduce((sum, { errors }) => sum + errors, 0),
  };
}
