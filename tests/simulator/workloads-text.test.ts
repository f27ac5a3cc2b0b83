// Tests the random generator against published vectors, and the texts that workloads are made of.
import assert from "node:assert/strict";
import { test } from "node:test";
import { chats } from "../../simulator/workloads/chats.js";
import { Random, drawShare, zipfShares } from "../../simulator/workloads/random.js";
import type { RandomState } from "../../simulator/workloads/random.js";
import { WorkloadText, words } from "../../simulator/workloads/text.js";

const BLOCK_BYTES = 64;
const WORKLOAD = chats({
  seed: 11,
  seconds: 30,
  chatsPerSecond: 1,
  assistants: 5,
  popularity: { s: 0, v: 1 },
  systemTokens: { min: 50, max: 90 },
  turns: { min: 2, max: 4 },
  firstTokens: { min: 20, max: 40 },
  nextTokens: { min: 20, max: 40 },
  outputTokens: { min: 5, max: 9 },
  gap: { minMs: 10, meanMs: 10 },
});

// From the authors' C program; the second as github.com/edorfaus/xoshiro-6502 keeps it.
const VECTORS: [RandomState, number[]][] = [
  [
    [1, 2, 3, 4],
    [11520, 0, 5927040, 70819200, 2031721883, 1637235492, 1287239034, 3734860849],
  ],
  [
    [0x964d4a0c, 0xd40ab895, 0xad7fdecb, 0x3006f0f0],
    [0xf1391922, 0x6fe53806, 0xa5be2840, 0xf510ee70],
  ],
];

for (const [state, expected] of VECTORS) {
  test(`xoshiro128** from ${state.join(", ")} gives the published values`, () => {
    const random = new Random(state);
    assert.deepEqual(
      expected.map(() => random.uint32()),
      expected,
    );
  });
}

test("generators of neighbouring parts share no draw", () => {
  const draws = new Set<number>();
  for (let seed = 0; seed < 20; seed++) {
    for (let part = 0; part < 20; part++) {
      const random = Random.from(seed, part);
      for (let i = 0; i < 5; i++) draws.add(random.uint32());
    }
  }
  // 2,000 draws of 32 bits collide once in 2,000 runs of this test over all seeds.
  assert.equal(draws.size, 2000);
});

test("popular items are drawn as often as their shares say", () => {
  const weights = [1, 2, 3, 4, 5].map((rank) => 1 / (2 + rank - 1) ** 1.2);
  const sum = weights.reduce((total, weight) => total + weight, 0);
  const random = Random.from(5);
  const shares = zipfShares(5, 1.2, 2);
  const counts = [0, 0, 0, 0, 0];
  for (let i = 0; i < 100_000; i++) counts[drawShare(random, shares)]! += 1;
  for (const [rank, weight] of weights.entries()) {
    assert.ok(Math.abs(counts[rank]! / 100_000 - weight / sum) < 0.006, `rank ${rank}`);
  }
});

test("a text has four bytes of ASCII for each token, and is the same for the same seed", () => {
  for (const tokens of [0, 1, 2, 16, 999]) {
    const text = words(Random.from(1, tokens), tokens);
    assert.equal(Buffer.byteLength(text), 4 * tokens);
    assert.match(text, /^[\x20-\x7e]*$/);
    assert.equal(words(Random.from(1, tokens), tokens), text);
  }
});

test("a turn's messages begin with those of the turn before, its answer added", () => {
  const text = new WorkloadText(WORKLOAD, 11, 0);
  const chat = WORKLOAD.conversations.findIndex((one) => one.turns.length >= 3);
  const answers = ["first answer", "second answer"];
  const [first, second, third] = [0, 1, 2].map((turn) => text.messages(chat, turn, answers));
  assert.deepEqual(
    first!.map((one) => one.role),
    ["system", "user"],
  );
  assert.deepEqual(second!.slice(0, 3), [
    ...first!,
    { role: "assistant", content: "first answer" },
  ]);
  assert.deepEqual(third!.slice(0, 5), [
    ...second!,
    { role: "assistant", content: "second answer" },
  ]);
  assert.equal(third!.length, 6);
});

test("chats of one assistant share its prompt, and no other text of the workload repeats", () => {
  const text = new WorkloadText(WORKLOAD, 11, 0);
  const seen = new Map<string, number>();
  for (const [chat, { shared }] of WORKLOAD.conversations.entries()) {
    const [system, user] = text.messages(chat, 0, []);
    assert.equal(system?.content, text.shared(shared));
    seen.set(user!.content, (seen.get(user!.content) ?? 0) + 1);
  }
  assert.equal(seen.size, WORKLOAD.conversations.length);
});

test("another edition of a seed shares no block of text with it", () => {
  const [one, other] = [0, 1].map((edition) => blocks(new WorkloadText(WORKLOAD, 11, edition)));
  assert.ok(one!.size > 100);
  for (const block of one!) assert.ok(!other!.has(block), block);
});

function blocks(text: WorkloadText): Set<string> {
  const found = new Set<string>();
  for (const [chat, { turns }] of WORKLOAD.conversations.entries()) {
    for (const { content } of text.messages(chat, turns.length - 1, [])) {
      for (let start = 0; start + BLOCK_BYTES <= content.length; start += BLOCK_BYTES) {
        found.add(content.slice(start, start + BLOCK_BYTES));
      }
    }
  }
  return found;
}
