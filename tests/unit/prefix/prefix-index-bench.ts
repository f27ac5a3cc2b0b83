// The compiled half of benchmarks/micro/prefix-index.ts: requests against one index.
import { PODS_MAX, PrefixIndex } from "../../../filter/prefix/prefix-index";
import { Random } from "./random";

/** A prompt of 220 KB has about 110 checkpoints; at 4 bytes a token 500 tokens each. */
const CHECKPOINTS: u32 = 110;
const TOKENS_PER_CHECKPOINT: u32 = 500;

/** Of each prompt the head is shared by all prompts of its group. */
const SHARED: u32 = 80;
const GROUPS: u32 = 150;
const PROMPTS_PER_GROUP: u32 = 5;

const hashes = heap.alloc(CHECKPOINTS * 8);
const ends = heap.alloc(CHECKPOINTS * 4);
const candidates = heap.alloc(PODS_MAX / 8);
const depths = heap.alloc(PODS_MAX * 2);
let index: PrefixIndex = new PrefixIndex(0);
let random: Random = new Random(1);
let podCount: u32 = 0;
let requests: u32 = 0;

/** Starts with an empty index for `pods` pods of `capacityTokens` each. */
export function start(pods: u32, capacityTokens: u32, budgetBytes: u32): void {
  index.dispose();
  index = new PrefixIndex(budgetBytes);
  random = new Random(pods);
  podCount = pods;
  requests = 0;
  memory.fill(candidates, 0xff, PODS_MAX / 8);
  for (let pod: u32 = 0; pod < pods; pod++) index.setCapacity(pod, capacityTokens);
  for (let i: u32 = 0; i < CHECKPOINTS; i++) {
    store<u32>(ends + (i << 2), (i + 1) * TOKENS_PER_CHECKPOINT);
  }
}

/**
 * Matches and inserts `count` prompts, each into the first pod that holds most of it or, in one
 * case of 8, into any. Returns the sum of the depths found.
 */
export function run(count: u32): f64 {
  let sum: f64 = 0;
  for (let i: u32 = 0; i < count; i++) {
    prepare();
    index.match(hashes, CHECKPOINTS, candidates, podCount, depths);
    let best: u32 = 0;
    for (let pod: u32 = 1; pod < podCount; pod++) {
      if (load<u16>(depths + (pod << 1)) > load<u16>(depths + (best << 1))) best = pod;
    }
    sum += load<u16>(depths + (best << 1));
    if (random.chance(1, 8)) best = random.below(podCount);
    index.insert(best, hashes, ends, CHECKPOINTS, ++requests);
  }
  return sum;
}

/** The cost of `run` outside the index. */
export function prepareOnly(count: u32): f64 {
  let sum: f64 = 0;
  for (let i: u32 = 0; i < count; i++) {
    prepare();
    for (let pod: u32 = 1; pod < podCount; pod++) sum += load<u16>(depths + (pod << 1));
  }
  return sum + <f64>load<u64>(hashes);
}

/** The depth of one prompt that all pods hold: the widest walk there is. */
export function matchHeldByAll(count: u32): f64 {
  prepare();
  for (let pod: u32 = 0; pod < podCount; pod++) {
    index.insert(pod, hashes, ends, CHECKPOINTS, ++requests);
  }
  for (let i: u32 = 0; i < count; i++) {
    index.match(hashes, CHECKPOINTS, candidates, podCount, depths);
  }
  return load<u16>(depths);
}

export function nodeCount(): u32 {
  return index.nodeCount;
}

export function nodeCountMax(): u32 {
  return index.nodeCountMax;
}

function prepare(): void {
  const group = random.below(GROUPS);
  const prompt = random.below(PROMPTS_PER_GROUP);
  for (let i: u32 = 0; i < CHECKPOINTS; i++) {
    const own = i < SHARED ? 0 : prompt + 1;
    // Two multiplications stand for the keyed hash, whose bits are all alike.
    const place = ((<u64>group) << 32) | ((<u64>own) << 16) | i;
    const mixed = (place + 1) * 0x9e3779b97f4a7c15;
    store<u64>(hashes + (i << 3), (mixed ^ (mixed >> 29)) * 0xbf58476d1ce4e5b9);
  }
}
