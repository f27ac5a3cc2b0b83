// The engine model reproduces the published benchmark (V0) and a row of the policy study (V1).
import assert from "node:assert/strict";
import { test } from "node:test";
import { randomFrom } from "../../lab/random.js";
import { hashSegments } from "../../simulator/engine/block-hash.js";
import { profile } from "../../simulator/engine/profiles.js";
import { mean, quantile, uniform, VirtualPods } from "./virtual-pods.js";

interface Result {
  meanMs: number;
  p50Ms: number;
  p99Ms: number;
  tokensPerS: number;
}

function average(results: readonly Result[]): Result {
  const of = (key: keyof Result) => mean(results.map((result) => result[key]));
  return {
    meanMs: of("meanMs"),
    p50Ms: of("p50Ms"),
    p99Ms: of("p99Ms"),
    tokensPerS: of("tokensPerS"),
  };
}

function within(actual: number, expected: number, share: number, what: string): void {
  const message = `${what}: ${actual.toFixed(0)}, expected ${expected} within ${share * 100} %`;
  assert.ok(Math.abs(actual / expected - 1) <= share, message);
}

const CLOSED_LOOP = { pods: 5, requests: 3000, concurrency: 60 };

/** Input 1,000 + U[800, 4,000], output U[600, 3,000], 60 requests in flight all the time. */
function runClosedLoop(rule: "random" | "round robin", seed: number): Result {
  const random = randomFrom(seed);
  const pods = new VirtualPods(CLOSED_LOOP.pods, profile("qwq-32b-4xa10-v0"));
  let sent = 0;
  let outputTokens = 0;
  let endMs = 0;
  const sendNext = (nowMs: number): void => {
    if (sent === CLOSED_LOOP.requests) return;
    const pod = rule === "random" ? uniform(random, 0, CLOSED_LOOP.pods) : sent % CLOSED_LOOP.pods;
    const request = {
      id: String(sent++),
      promptTokens: 1000 + uniform(random, 800, 4001),
      outputTokens: uniform(random, 600, 3001),
      blockHashes: [],
      owner: null,
    };
    outputTokens += request.outputTokens;
    pods.submit(pod, request, nowMs);
  };
  pods.onFinish = (_, nowMs) => {
    endMs = nowMs;
    sendNext(nowMs);
  };
  for (let i = 0; i < CLOSED_LOOP.concurrency; i++) {
    pods.events.add(i * 0.1, (nowMs) => sendNext(nowMs));
  }
  pods.events.run();
  const ttft = pods.ttftMs();
  assert.equal(ttft.length, CLOSED_LOOP.requests);
  return {
    meanMs: mean(ttft),
    p50Ms: quantile(ttft, 0.5),
    p99Ms: quantile(ttft, 0.99),
    tokensPerS: outputTokens / (endMs / 1000),
  };
}

/** The study's `random 15/s`: common 1,000 + unique U[800, 4,000), output U[200, 1,200), 240 s. */
function runOpenLoop(seed: number): Result {
  const random = randomFrom(seed);
  const podCount = 8;
  const pods = new VirtualPods(podCount, profile("qwen3-32b-2xh100-v1"));
  const ratePerS = 15;
  let outputTokens = 0;
  let atMs = 0;
  for (let i = 0; i < ratePerS * 240; i++) {
    atMs += (-Math.log(1 - random()) / ratePerS) * 1000;
    const unique = uniform(random, 800, 4000);
    const request = {
      id: String(i),
      promptTokens: 1000 + unique,
      outputTokens: uniform(random, 200, 1200),
      blockHashes: hashSegments([
        { id: 0, tokens: 1000 },
        { id: i + 1, tokens: unique },
      ]),
      owner: null,
    };
    outputTokens += request.outputTokens;
    pods.events.add(atMs, (nowMs) => pods.submit(i % podCount, request, nowMs));
  }
  pods.events.run();
  const ttft = pods.ttftMs();
  return {
    meanMs: mean(ttft),
    p50Ms: quantile(ttft, 0.5),
    p99Ms: quantile(ttft, 0.99),
    tokensPerS: outputTokens / (atMs / 1000),
  };
}

test("V0 under random routing is the published standard route: mean, throughput", () => {
  const result = average([1, 2, 3, 4].map((seed) => runClosedLoop("random", seed)));
  within(result.meanMs, 2405, 0.1, "mean TTFT");
  within(result.p50Ms, 1418, 0.1, "median TTFT");
  within(result.tokensPerS, 898, 0.1, "tokens/s");
});

test("V0 under round robin gives the study's mean and p99", () => {
  const result = average([1, 2, 3].map((seed) => runClosedLoop("round robin", seed)));
  within(result.meanMs, 1467, 0.1, "mean TTFT");
  within(result.p99Ms, 9336, 0.1, "p99 TTFT");
  within(result.tokensPerS, 917, 0.1, "tokens/s");
});

test("V1 under round robin gives the study's random 15/s: 183 / 286 ms", () => {
  const result = average([1, 2].map(runOpenLoop));
  within(result.meanMs, 183, 0.1, "mean TTFT");
  within(result.p99Ms, 286, 0.1, "p99 TTFT");
});
