// The engine's schedulers: step by step on cases worked out by hand, then on random histories.
import assert from "node:assert/strict";
import { test } from "node:test";
import { randomFrom } from "../../lab/random.js";
import { hashTokens } from "../../simulator/engine/block-hash.js";
import { Engine } from "../../simulator/engine/engine.js";
import type { EngineConfig } from "../../simulator/engine/options.js";
import { profile, PROFILES } from "../../simulator/engine/profiles.js";
import type { EngineRequest, Sequence } from "../../simulator/engine/sequence.js";
import { uniform } from "./virtual-pods.js";

const V1: EngineConfig = {
  scheduler: "v1",
  kvTokens: 100_000,
  timing: { stepMs: 10, prefillStepMs: 0, prefillTokenMs: 0.1, sequenceMs: 1, kvTokenMs: 0.001 },
};
const V0: EngineConfig = {
  scheduler: "v0",
  kvTokens: 100_000,
  timing: { stepMs: 50, prefillStepMs: 20, prefillTokenMs: 0.5, sequenceMs: 1, kvTokenMs: 0 },
};

/** Token i of the sequence `name` is a number that no other name has. */
function tokensOf(name: number, count: number): number[] {
  return Array.from({ length: count }, (_, i) => name * 1_000_000 + i);
}

function request(
  promptTokens: number,
  outputTokens: number,
  tokens: readonly number[] = [],
): EngineRequest<null> {
  return { id: "r", promptTokens, outputTokens, blockHashes: hashTokens(tokens), owner: null };
}

/** Runs until nothing is left to do; returns the time. */
function drain(engine: Engine<null>, startMs: number): number {
  let nowMs = startMs;
  for (let i = 0; i < 1_000_000; i++) {
    const outcome = engine.step(nowMs);
    if (!outcome) return nowMs;
    nowMs = outcome.endMs;
  }
  throw new Error("the engine never came to rest");
}

function closeTo(actual: number, expected: number): void {
  assert.ok(Math.abs(actual - expected) < 1e-6, `${actual} is not ${expected}`);
}

test("V1 cuts a long prompt to the token budget and prefills beside decoding", () => {
  const engine = new Engine<null>({ ...V1, maxStepTokens: 1000 });
  const short = engine.submit(request(100, 50), 0);
  // 10 + 100 tokens x 0.1 + 1 sequence + 100 KV tokens x 0.001
  closeTo(engine.startStep(0)!, 21.1);
  engine.endStep();
  closeTo(short.firstTokenMs, 21.1);
  const long = engine.submit(request(2500, 1), 30);
  const prefilled: number[] = [];
  let nowMs = 30;
  while (long.state !== "finished") {
    const outcome = engine.step(nowMs)!;
    prefilled.push(outcome.prefillTokens);
    nowMs = outcome.endMs;
  }
  assert.deepEqual(prefilled, [999, 999, 502]);
  assert.equal(short.generatedTokens, 4);
  // 3 steps of 10, 2,500 tokens x 0.1, 2 sequences a step, KV 101 + 999, 102 + 1998, 103 + 2500
  closeTo(long.firstTokenMs, 30 + 30 + 250 + 6 + (1100 + 2100 + 2603) * 0.001);
});

test("V0 lets prompts in before it decodes, as many whole ones as the budget takes", () => {
  const engine = new Engine<null>({ ...V0, maxStepTokens: 1000 });
  const first = engine.submit(request(400, 3), 0);
  closeTo(engine.step(0)!.endMs, 20 + 200);
  for (let i = 0; i < 3; i++) engine.submit(request(500, 1), 220);
  const second = engine.step(220)!;
  assert.equal(second.prefillTokens, 1000);
  assert.equal(second.finished.length, 2);
  closeTo(second.endMs - second.startMs, 20 + 500);
  assert.equal(first.generatedTokens, 1);
  assert.equal(engine.step(740)!.prefillTokens, 500);
  const decode = engine.step(1010)!;
  assert.deepEqual(decode.tokens, [first]);
  closeTo(decode.endMs - decode.startMs, 51);
});

test("requests are admitted in order, and never more than maxRunning run", () => {
  for (const config of [V0, V1]) {
    const engine = new Engine<null>({ ...config, maxRunning: 2 });
    const all = [1, 2, 3, 4].map((i) => engine.submit(request(100, 5 * i), 0));
    engine.step(0);
    assert.deepEqual(engine.stats().running, 2);
    assert.deepEqual(engine.stats().waiting, 2);
    drain(engine, 1000);
    const admitted = all.map((sequence) => sequence.admittedMs);
    assert.deepEqual(
      admitted,
      [...admitted].sort((a, b) => a - b),
    );
  }
});

test("a prompt that is wholly cached still computes its last token", () => {
  const engine = new Engine<null>(V1);
  const tokens = tokensOf(1, 32);
  engine.submit(request(32, 1, tokens), 0);
  drain(engine, 0);
  const again = engine.submit(request(32, 1, tokens), 100);
  const longer = engine.submit(request(33, 1, [...tokens, 5]), 100);
  drain(engine, 100);
  assert.equal(again.cachedTokens, 16);
  assert.equal(longer.cachedTokens, 32);
  const { prefixQueries, prefixHits, promptTokens, generationTokens } = engine.stats();
  assert.deepEqual(
    { prefixQueries, prefixHits, promptTokens, generationTokens },
    { prefixQueries: 97, prefixHits: 48, promptTokens: 97, generationTokens: 3 },
  );
});

test("equal prompts that start in one step share their blocks", () => {
  const engine = new Engine<null>(V1);
  const tokens = tokensOf(1, 160);
  const both = [1, 2].map(() => engine.submit(request(160, 2, tokens), 0));
  const outcome = engine.step(0)!;
  assert.deepEqual(
    both.map((sequence) => sequence.cachedTokens),
    [0, 144],
  );
  assert.equal(outcome.prefillTokens, 160 + 16);
  assert.equal(engine.stats().usedBlocks, 10 + 1);
});

test("the next turn finds the answer in the cache, but for its last token", () => {
  const engine = new Engine<null>(V1);
  const conversation = tokensOf(1, 200);
  engine.submit(request(40, 41, conversation.slice(0, 81)), 0);
  drain(engine, 0);
  const next = engine.submit(request(200, 1, conversation), 5000);
  drain(engine, 5000);
  // 40 + 41 tokens, of which 80 were computed: 5 full blocks.
  assert.equal(next.cachedTokens, 80);
});

test("without prefix caching nothing is hit and nothing is counted", () => {
  const engine = new Engine<null>({ ...V1, prefixCaching: false });
  const all = [0, 1].map((i) => engine.submit(request(320, 1, tokensOf(1, 320)), i));
  drain(engine, 10);
  assert.deepEqual(
    all.map((sequence) => sequence.cachedTokens),
    [0, 0],
  );
  assert.equal(engine.stats().prefixQueries, 0);
  assert.equal(engine.stats().cachedShare, 0);
});

test("out of blocks, the newest is preempted and computed again, and all finish whole", () => {
  for (const config of [V0, V1]) {
    const engine = new Engine<null>({ ...config, kvTokens: 1600, watermark: 0 });
    const all = [1, 2, 3].map((i) => engine.submit(request(400, 400, tokensOf(i, 400)), i));
    let nowMs = 10;
    let preempted: Sequence<null>[] = [];
    while (preempted.length === 0) {
      const outcome = engine.step(nowMs)!;
      preempted = [...outcome.preempted];
      nowMs = outcome.endMs;
    }
    assert.deepEqual(preempted, [all[2]]);
    assert.equal(all[2]!.state, "waiting");
    assert.equal(engine.waiting[0], all[2]);
    drain(engine, nowMs);
    // Two of 799 computed tokens are 100 blocks, all there are: the second is never in the way.
    for (const { generatedTokens } of all) assert.equal(generatedTokens, 400);
    assert.deepEqual(
      all.map(({ preemptions }) => preemptions > 0),
      [false, false, true],
    );
    assert.equal(engine.stats().usedBlocks, 0);
    assert.equal(engine.stats().generationTokens, 1200);
  }
});

test("cancelled requests free their blocks: waiting, running, and in the middle of a step", () => {
  const engine = new Engine<null>({ ...V1, maxRunning: 2 });
  const [kept, dropped, queued] = [1, 2, 3].map((i) =>
    engine.submit(request(160, 10, tokensOf(i, 170)), 0),
  ) as [Sequence<null>, Sequence<null>, Sequence<null>];
  engine.startStep(0);
  engine.cancel(queued);
  assert.equal(engine.stats().waiting, 0);
  engine.cancel(dropped);
  assert.equal(engine.stats().usedBlocks, 20);
  const outcome = engine.endStep();
  assert.deepEqual(outcome.tokens, [kept]);
  assert.equal(engine.stats().usedBlocks, 10);
  engine.cancel(kept);
  engine.cancel(kept);
  assert.deepEqual([engine.stats().usedBlocks, engine.stats().running], [0, 0]);
  assert.equal(engine.startStep(100), null);
});

test("requests that can never fit are refused before they block the queue", () => {
  const engine = new Engine<null>({ ...V0, kvTokens: 1600, maxSequenceTokens: 2000 });
  assert.equal(engine.sequenceTokensMax, 1584); // 100 blocks less 1 % of watermark.
  assert.equal(engine.refusal(1500, 84), null);
  assert.equal(engine.refusal(1500, 85), "too-long");
  assert.equal(engine.refusal(0, 1), "empty");
  assert.throws(() => engine.submit(request(1500, 85), 0), /refused: too-long/);
  const largest = engine.submit(request(1500, 84), 0);
  drain(engine, 0);
  assert.equal(largest.state, "finished");
});

test("V1 admits a prompt only when all of it fits, or its first chunk where so configured", () => {
  for (const admitWholePrompt of [true, false]) {
    const engine = new Engine<null>({
      ...V1,
      kvTokens: 1600,
      maxStepTokens: 500,
      admitWholePrompt,
    });
    engine.submit(request(400, 100), 0);
    engine.step(0);
    engine.submit(request(1300, 1), 10);
    engine.step(10);
    assert.equal(engine.stats().running, admitWholePrompt ? 1 : 2);
  }
});

test("every profile has sane options and runs a request", () => {
  for (const name of Object.keys(PROFILES)) {
    const engine = new Engine<null>(profile(name));
    engine.submit(request(2000, 20), 0);
    assert.ok(drain(engine, 0) > 0);
  }
  assert.throws(() => profile("gpu"), /no profile "gpu"; there are qwq-32b-4xa10-v0/);
  assert.throws(() => new Engine({ ...V1, maxRunning: 0 }), /maxRunning is 0/);
});

/** Requests come, end and are cancelled at random on a cache that is too small for them. */
function runRandomHistory(config: EngineConfig, seed: number): void {
  const random = randomFrom(seed);
  const engine = new Engine<null>({ ...config, kvTokens: 2000, maxStepTokens: 300, maxRunning: 8 });
  const all: Sequence<null>[] = [];
  const check = (): void => {
    const refs = new Map<number, number>();
    for (const { blocks } of engine.running) {
      for (const block of blocks) refs.set(block, (refs.get(block) ?? 0) + 1);
    }
    for (const { blocks } of engine.waiting) assert.equal(blocks.length, 0);
    engine.kv.pool.check(refs);
    const { usedBlocks, blockCount, running } = engine.stats();
    assert.equal(usedBlocks + engine.kv.pool.freeCount, blockCount);
    assert.ok(running <= 8);
  };
  let nowMs = 0;
  for (let i = 0; i < 600; i++) {
    if (random() < 0.2) {
      const tokens = [...tokensOf(uniform(random, 0, 4), 200), ...tokensOf(10 + i, 300)];
      const promptTokens = uniform(random, 1, 400);
      const outputTokens = uniform(random, 1, 100);
      all.push(engine.submit(request(promptTokens, outputTokens, tokens), nowMs));
    }
    const durationMs = engine.startStep(nowMs);
    if (random() < 0.05 && all.length > 0) engine.cancel(all[uniform(random, 0, all.length)]!);
    if (durationMs !== null) nowMs = engine.endStep().endMs;
    if (random() < 0.05 && all.length > 0) engine.cancel(all[uniform(random, 0, all.length)]!);
    check();
  }
  drain(engine, nowMs);
  check();
  assert.equal(engine.stats().usedBlocks, 0);
  for (const { state, generatedTokens, request: wanted, blocks } of all) {
    assert.equal(blocks.length, 0);
    if (state === "finished") assert.equal(generatedTokens, wanted.outputTokens);
    else assert.equal(state, "cancelled");
  }
}

test("blocks balance after every step of 30 random histories, and nothing is stuck", () => {
  for (let seed = 1; seed <= 10; seed++) {
    runRandomHistory(V0, seed);
    runRandomHistory({ ...V0, prefixCaching: true }, seed);
    runRandomHistory(V1, seed);
  }
});
