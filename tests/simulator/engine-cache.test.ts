// The prefix cache: hashes of blocks, the pool's books, and hits against a naive second cache.
import assert from "node:assert/strict";
import { test } from "node:test";
import { randomFrom } from "../../lab/random.js";
import { hashSegments, hashTokens } from "../../simulator/engine/block-hash.js";
import { BlockPool } from "../../simulator/engine/block-pool.js";
import { KvManager } from "../../simulator/engine/kv-manager.js";
import { engineOptions } from "../../simulator/engine/options.js";
import { Sequence } from "../../simulator/engine/sequence.js";
import { NaiveCache, type NaiveHolder } from "./engine-naive-cache.js";
import { uniform } from "./virtual-pods.js";

const FREE_TIMING = {
  stepMs: 1,
  prefillStepMs: 0,
  prefillTokenMs: 0,
  sequenceMs: 0,
  kvTokenMs: 0,
};

function range(length: number, first = 0): number[] {
  return Array.from({ length }, (_, i) => first + i);
}

test("equal prefixes have equal hashes, and a changed token changes all that follow", () => {
  const base = hashTokens(range(80), 16);
  assert.equal(base.length, 5);
  assert.deepEqual(hashTokens(range(79), 16), base.slice(0, 4));
  const changed = range(80);
  changed[40] = 1000;
  const other = hashTokens(changed, 16);
  assert.deepEqual(other.slice(0, 2), base.slice(0, 2));
  for (let i = 2; i < 5; i++) assert.notEqual(other[i], base[i]);
});

test("the same block at another place, or under another salt, has another hash", () => {
  const repeated = hashTokens(new Array<number>(64).fill(7), 16);
  assert.equal(new Set(repeated).size, 4);
  assert.notEqual(hashTokens(range(16), 16, 1)[0], hashTokens(range(16), 16)[0]);
});

test("200,000 blocks have 200,000 hashes, all whole and exact as numbers", () => {
  const seen = new Set<number>();
  for (let prompt = 0; prompt < 2000; prompt++) {
    for (const hash of hashSegments([{ id: prompt, tokens: 1600 }])) seen.add(hash);
  }
  assert.equal(seen.size, 200_000);
  for (const hash of seen) assert.ok(Number.isSafeInteger(hash) && hash >= 0);
});

test("segments share what they have in common up to the block where they part", () => {
  const common = { id: 1, tokens: 1000 };
  const left = hashSegments([common, { id: 2, tokens: 500 }]);
  const right = hashSegments([common, { id: 3, tokens: 500 }]);
  assert.equal(left.length, 93);
  const shared = left.filter((hash, i) => hash === right[i]).length;
  assert.equal(shared, Math.floor(1000 / 16));
  assert.deepEqual(hashSegments([common]), left.slice(0, 62));
});

test("blocks are evicted in the order in which they came free", () => {
  const pool = new BlockPool(3);
  const blocks = [pool.take(), pool.take(), pool.take()];
  assert.equal(pool.take(), -1);
  blocks.forEach((block, i) => pool.register(block, 100 + i));
  for (const block of [blocks[1]!, blocks[0]!, blocks[2]!]) pool.release(block);
  pool.acquire(pool.find(101)); // A hit rescues the oldest.
  assert.equal(pool.take(), blocks[0]);
  assert.equal(pool.find(100), -1);
  assert.equal(pool.find(102), blocks[2]);
  pool.check(
    new Map([
      [blocks[0]!, 1],
      [blocks[1]!, 1],
    ]),
  );
});

test("of blocks with equal content the oldest is found, until it is evicted", () => {
  const pool = new BlockPool(3);
  const twins = [pool.take(), pool.take(), pool.take()];
  for (const block of twins) pool.register(block, 5);
  for (const block of [twins[1]!, twins[0]!, twins[2]!]) pool.release(block);
  const found = [pool.find(5)];
  for (let i = 0; i < 3; i++) {
    pool.take();
    found.push(pool.find(5));
  }
  assert.deepEqual(found, [twins[0], twins[0], twins[2], -1]);
  assert.equal(pool.cachedCount, 0);
});

/** Random sequences come, grow, end, and the model and the naive cache must agree at every step. */
function compareWithNaive(seed: number): void {
  const random = randomFrom(seed);
  const blockTokens = 4;
  const blockCount = 24;
  const options = engineOptions({
    scheduler: "v1",
    kvTokens: blockCount * blockTokens,
    blockTokens,
    timing: FREE_TIMING,
  });
  const kv = new KvManager(options);
  const naive = new NaiveCache(blockCount, blockTokens);
  const alive: { model: Sequence<null>; naive: NaiveHolder }[] = [];
  for (let i = 0; i < 400; i++) {
    if (alive.length < 4 && random() < 0.5) {
      // Few different tokens and many equal beginnings: much is shared, and twins arise.
      const tokens = Array.from({ length: uniform(random, 2, 30) }, (_, at) =>
        at < 8 ? 0 : uniform(random, 0, 2),
      );
      const request = {
        id: String(i),
        promptTokens: tokens.length,
        outputTokens: 1,
        blockHashes: hashTokens(tokens, blockTokens),
        owner: null,
      };
      const pair = {
        model: new Sequence<null>(request, 0),
        naive: { tokens, blocks: [], computed: 0 },
      };
      const hits = kv.cachedBlocks(pair.model);
      assert.equal(hits, naive.hits(tokens), `hits of request ${i}, seed ${seed}`);
      kv.attach(pair.model, hits);
      naive.attach(pair.naive, hits);
      alive.push(pair);
    }
    const pair = alive[uniform(random, 0, alive.length)];
    if (!pair) continue;
    const length = pair.naive.tokens.length;
    if (pair.model.computedTokens >= length || random() < 0.1) {
      kv.release(pair.model);
      naive.release(pair.naive);
      alive.splice(alive.indexOf(pair), 1);
    } else {
      const tokens = Math.min(length, pair.model.computedTokens + uniform(random, 1, 9));
      const hasGrown = kv.grow(pair.model, tokens);
      assert.equal(hasGrown, naive.grow(pair.naive, tokens));
      if (hasGrown) pair.model.computedTokens = pair.naive.computed = tokens;
    }
    assert.equal(kv.pool.freeCount, naive.freeCount, `free after ${i}, seed ${seed}`);
    assert.equal(kv.pool.cachedCount, naive.cachedCount, `cached after ${i}, seed ${seed}`);
    const refs = new Map<number, number>();
    for (const { model } of alive) {
      for (const block of model.blocks) refs.set(block, (refs.get(block) ?? 0) + 1);
    }
    kv.pool.check(refs);
  }
}

test("hits, eviction and free blocks agree with the naive cache on 40 random histories", () => {
  for (let seed = 1; seed <= 40; seed++) compareWithNaive(seed);
});
