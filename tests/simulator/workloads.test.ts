// Tests the workloads' shapes and sizes: drawn from a seed, Poisson in time, as large as they say.
import assert from "node:assert/strict";
import { test } from "node:test";
import { chats, type ChatOptions } from "../../simulator/workloads/chats.js";
import { groups } from "../../simulator/workloads/groups.js";
import { Random } from "../../simulator/workloads/random.js";
import { unique } from "../../simulator/workloads/unique.js";
import {
  poissonArrivals,
  workloadSize,
  type Workload,
} from "../../simulator/workloads/workload.js";

const CHATS: ChatOptions = {
  seed: 7,
  seconds: 20,
  chatsPerSecond: 3,
  assistants: 10,
  popularity: { s: 1, v: 2 },
  systemTokens: { min: 20, max: 60 },
  turns: { min: 1, max: 4 },
  firstTokens: { min: 5, max: 30 },
  nextTokens: { min: 5, max: 10 },
  outputTokens: { min: 1, max: 8 },
  gap: { minMs: 500, meanMs: 1000 },
};

const WORKLOADS: [string, Workload][] = [
  ["chats", chats(CHATS)],
  [
    "groups",
    groups({
      seed: 7,
      seconds: 20,
      requestsPerSecond: 5,
      groups: 30,
      sharedTokens: 40,
      questionTokens: 12,
      outputTokens: 9,
    }),
  ],
  [
    "unique",
    unique({
      seed: 7,
      seconds: 20,
      requestsPerSecond: 5,
      promptTokens: { min: 10, max: 50 },
      outputTokens: { min: 1, max: 9 },
    }),
  ],
];

for (const [name, workload] of WORKLOADS) {
  test(`${name}: the size is that of counting every token of every prompt`, () => {
    assert.deepEqual(workloadSize(workload), countedSize(workload));
  });

  test(`${name}: conversations start in order, turns follow each other, all within the run`, () => {
    const starts = workload.conversations.map((one) => one.turns[0]?.plannedMs ?? NaN);
    assert.deepEqual(
      starts,
      [...starts].sort((a, b) => a - b),
    );
    for (const { turns } of workload.conversations) {
      for (const [index, turn] of turns.entries()) {
        assert.ok(turn.plannedMs >= 0 && turn.plannedMs < 20_000);
        const previous = turns[index - 1];
        if (previous) assert.ok(turn.plannedMs >= previous.plannedMs + CHATS.gap.minMs);
      }
    }
  });
}

test("the same seed gives the same workload, another seed another one", () => {
  assert.deepEqual(chats(CHATS), chats({ ...CHATS }));
  assert.notDeepEqual(chats(CHATS), chats({ ...CHATS, seed: 8 }));
});

test("sizes stay within their ranges and reach both ends", () => {
  const { sharedTokens, conversations } = chats({ ...CHATS, seconds: 500, assistants: 400 });
  const first = conversations.map((one) => one.turns[0]?.promptTokens ?? NaN);
  const next = conversations.flatMap((one) => one.turns.slice(1)).map((turn) => turn.promptTokens);
  const output = conversations.flatMap((one) => one.turns).map((turn) => turn.outputTokens);
  assert.deepEqual([Math.min(...sharedTokens), Math.max(...sharedTokens)], [20, 60]);
  assert.deepEqual([Math.min(...first), Math.max(...first)], [5, 30]);
  assert.deepEqual([Math.min(...next), Math.max(...next)], [5, 10]);
  assert.deepEqual([Math.min(...output), Math.max(...output)], [1, 8]);
  assert.equal(Math.max(...conversations.map((one) => one.turns.length)), 4);
});

test("a longer run begins with the chats of a shorter one", () => {
  const short = chats(CHATS).conversations;
  const long = chats({ ...CHATS, seconds: 40 }).conversations;
  for (const [index, { shared, turns }] of short.entries()) {
    assert.equal(long[index]?.shared, shared);
    assert.deepEqual(long[index].turns.slice(0, turns.length), turns);
  }
});

test("arrivals are Poisson: gaps with the asked mean, as much spread, and a long tail", () => {
  const times = [...poissonArrivals(Random.from(3), 50, 2000)];
  const gaps = times.map((time, index) => time - (times[index - 1] ?? 0));
  const mean = gaps.reduce((sum, gap) => sum + gap, 0) / gaps.length;
  const variance = gaps.reduce((sum, gap) => sum + (gap - mean) ** 2, 0) / gaps.length;
  // 100,000 gaps of 20 ms: the mean is off by 0.3 % in one run of three.
  assert.ok(Math.abs(mean - 20) < 0.2, `mean gap ${mean} ms`);
  assert.ok(Math.abs(Math.sqrt(variance) - 20) < 0.4, `deviation ${Math.sqrt(variance)} ms`);
  // e^-3 of the gaps are longer than three means; a clipped source has none.
  const long = gaps.filter((gap) => gap > 60).length / gaps.length;
  assert.ok(Math.abs(long - Math.exp(-3)) < 0.005, `share of long gaps ${long}`);
});

/** The same sums the slow way: each token by name, with how often it is sent or generated. */
function countedSize(workload: Workload): ReturnType<typeof workloadSize> {
  const uses = new Map<string, number>();
  const sent = new Set<string>();
  const use = (token: string) => uses.set(token, (uses.get(token) ?? 0) + 1);
  let requests = 0;
  let promptTokens = 0;
  let outputTokens = 0;
  for (const [chat, { shared, turns }] of workload.conversations.entries()) {
    const context = named(`shared${shared}`, shared < 0 ? 0 : (workload.sharedTokens[shared] ?? 0));
    for (const [index, turn] of turns.entries()) {
      context.push(...named(`chat${chat} user${index}`, turn.promptTokens));
      requests += 1;
      promptTokens += context.length;
      outputTokens += turn.outputTokens;
      context.forEach((token) => sent.add(token) && use(token));
      const answer = named(`chat${chat} answer${index}`, turn.outputTokens);
      answer.forEach(use);
      context.push(...answer);
    }
  }
  const reusedTokens = [...sent].filter((token) => (uses.get(token) ?? 0) > 1).length;
  return { requests, promptTokens, outputTokens, distinctTokens: sent.size, reusedTokens };
}

function named(part: string, tokens: number): string[] {
  return Array.from({ length: tokens }, (_, position) => `${part} ${position}`);
}
