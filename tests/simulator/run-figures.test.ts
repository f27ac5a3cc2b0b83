// Figures of runs: distributions, what counts as steady, means over seeds, intervals.
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { randomFrom } from "../../lab/random.js";
import { Collector } from "../../simulator/run/collector.js";
import { meanFigures, type Figures } from "../../simulator/run/figures.js";
import { pairedInterval, studentT } from "../../simulator/run/intervals.js";
import { LogHistogram } from "../../simulator/run/log-histogram.js";
import type { Load } from "../../simulator/traffic/traffic.js";
import type { StepOutcome } from "../../simulator/engine/engine.js";
import { shortRun } from "./run-support.js";

function near(actual: number, expected: number, error: number): void {
  assert.ok(Math.abs(actual - expected) <= error, `${actual}, expected ${expected}`);
}

test("quantiles of many values are within half a percent of those of the sorted values", () => {
  const random = randomFrom(5);
  const histogram = new LogHistogram();
  const values = Array.from({ length: 20_000 }, () => 10 ** (random() * 6 - 1));
  for (const value of values) histogram.add(value);
  values.sort((a, b) => a - b);
  for (const share of [0, 0.01, 0.5, 0.9, 0.99, 0.999]) {
    const exact = values[Math.floor(values.length * share)]!;
    near(histogram.quantile(share) / exact, 1, 0.005);
  }
  const mean = values.reduce((sum, one) => sum + one, 0) / values.length;
  near(histogram.mean() / mean, 1, 1e-9);
  assert.equal(new LogHistogram().quantile(0.5), 0);
});

test("values out of range count as the nearest bucket", () => {
  const histogram = new LogHistogram();
  for (const value of [0, -1, 1e300]) histogram.add(value);
  assert.equal(histogram.count, 3);
  near(histogram.quantile(0), 0.01, 0.001);
  assert.ok(histogram.quantile(1) > 9e7);
});

type Token = readonly [previousTokenMs: number, lastTokenMs: number];

function step(tokens: readonly Token[]): StepOutcome<null> {
  const made = tokens.map(([previousTokenMs, lastTokenMs]) => ({ previousTokenMs, lastTokenMs }));
  return { tokens: made, generatedTokens: made.length } as unknown as StepOutcome<null>;
}

test("times between tokens, and the second with the most tokens", () => {
  const collector = new Collector({ concurrency: 1 });
  // Two first tokens have no token before them; then gaps of 50, 50, and 150 ms.
  collector.stepEnded(step([[-1, 900], [-1, 900]]), 900); // prettier-ignore
  collector.stepEnded(step([[900, 950], [900, 950]]), 950); // prettier-ignore
  collector.stepEnded(step([[950, 1100]]), 1100);
  const { itlMs, peakTokensPerS } = collector.figures();
  near(itlMs.mean, 250 / 3, 1e-9);
  near(itlMs.p50, 50, 0.25);
  near(itlMs.p99, 150, 0.75);
  assert.equal(peakTokensPerS, 4);
});

test("a moment without any pod tells nothing of how even KV use is", () => {
  const collector = new Collector({ ratePerS: 1 });
  collector.sampleKvUse([0.2, 0.4]);
  collector.sampleKvUse([]);
  assert.ok(Math.abs(collector.figures().kvUseSd - 0.1) < 1e-12);
});

describe("steady figures", () => {
  const ttfts = (load: Load): Figures => {
    const collector = new Collector(load);
    const tokens = { promptTokens: 1, cachedTokens: 0, outputTokens: 2 };
    // They end in another order than they came.
    for (const [number, arrivalMs, ttftMs] of [
      [2, 59_999, 7],
      [0, 0, 1000],
      [3, 60_000, 9],
      [1, 0, 2000],
    ] as const) {
      const firstTokenMs = arrivalMs + ttftMs;
      collector.finished({ number, arrivalMs, firstTokenMs, endMs: firstTokenMs + 10 }, tokens);
    }
    return collector.figures();
  };

  test("leave out the first requests of a closed loop, as many as are in flight", () => {
    assert.deepEqual(ttfts({ concurrency: 2 }).steadyMs, { mean: 8, p50: 9, p99: 9 });
  });

  test("leave out the first minute of an open loop", () => {
    assert.deepEqual(ttfts({ ratePerS: 1 }).steadyMs, { mean: 9, p50: 9, p99: 9 });
  });

  test("are null where nothing is left, for one seed and for the mean", () => {
    const none = ttfts({ concurrency: 4 });
    assert.equal(none.steadyMs, null);
    const some = ttfts({ concurrency: 2 });
    assert.equal(meanFigures([some, none]).steadyMs, null);
    assert.deepEqual(meanFigures([some, ttfts({ ratePerS: 1 })]).steadyMs?.mean, 8.5);
  });
});

test("seed-qwq: the times between tokens are those measured on GPUs, within 3 %", () => {
  const { figures } = shortRun({ workload: "seed-qwq", rule: "random", conversations: 1000 });
  near(figures.itlMs.mean / 63.47, 1, 0.03);
  near(figures.itlMs.p50 / 55.49, 1, 0.03);
  near(figures.tpotQuantilesMs.p50 / 63.33, 1, 0.03);
  near(figures.tpotQuantilesMs.mean, figures.tpotMs, 1e-9);
  const { answers, requestsPerS, durationS } = figures;
  near(requestsPerS * durationS, answers, 1e-6);
  assert.equal(answers, 1000);
  assert.ok(figures.peakTokensPerS > figures.tokensPerS);
});

describe("intervals", () => {
  // Two-sided 95 %: NIST/SEMATECH e-Handbook of Statistical Methods, 1.3.6.7.2, column 0.975.
  for (const [degrees, t] of [
    [1, 12.706],
    [2, 4.303],
    [3, 3.182],
    [4, 2.776],
    [5, 2.571],
    [6, 2.447],
    [7, 2.365],
    [9, 2.262],
    [10, 2.228],
    [19, 2.093],
    [20, 2.086],
    [30, 2.042],
    [60, 2.0],
    [100, 1.984],
  ] as const) {
    test(`t of ${degrees} degrees of freedom is ${t}`, () => near(studentT(degrees), t, 0.0005));
  }

  test("Student's own data: hours of sleep under two drugs, as R's t.test(paired) has them", () => {
    const first = [0.7, -1.6, -0.2, -1.2, -0.1, 3.4, 3.7, 0.8, 0.0, 2.0];
    const second = [1.9, 0.8, 1.1, 0.1, -0.1, 4.4, 5.5, 1.6, 4.6, 3.4];
    const { difference, low, high } = pairedInterval(first, second);
    near(difference, -1.58, 1e-9);
    near(low, -2.4598858, 1e-6);
    near(high, -0.7001142, 1e-6);
  });
});
