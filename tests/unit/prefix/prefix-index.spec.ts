// The index against a naive second implementation, step by step, over sequences from fixed seeds.
import { CHAIN_MAX, PODS_MAX, PrefixIndex } from "../../../filter/prefix/prefix-index";
import { NaiveIndex } from "./naive-index";
import { Random } from "./random";

/** The smallest budget is 256 KiB: about 3,300 nodes at one word, 950 at sixteen. */
const SMALL_BUDGET: u32 = 256 * 1024;
const MIB: u32 = 1024 * 1024;

/** Chains of the universe: prefixes of this many checkpoints are shared and then part. */
const FAMILIES: u32 = 12;
const DEPTH_MAX: u32 = 40;
const FORK_EVERY: u32 = 7;

/** Tokens enough for all nodes: pods then lose checkpoints by shortage of nodes alone. */
const PLENTY: u32 = 10000000;

const candidates = new StaticArray<u64>(PODS_MAX / 64);
const depths = new StaticArray<u16>(PODS_MAX);

class Chain {
  hashes: Array<u64> = [];
  ends: Array<u32> = [];
}

function hashOf(path: u64): u64 {
  // A few hashes are 0 or nearly so, which the tables must tell from free slots.
  const hash = new Random(path + 1).next();
  return hash % 29 == 0 ? 0 : hash % 29 == 1 ? 1 : hash;
}

function randomChain(random: Random): Chain {
  const chain = new Chain();
  let path: u64 = random.below(FAMILIES);
  let end: u32 = 0;
  const length = random.below(DEPTH_MAX + 1);
  for (let i: u32 = 0; i < length; i++) {
    path = path * 4 + (i % FORK_EVERY == FORK_EVERY - 1 ? random.below(3) : 0);
    const isRepeat = i > 0 && random.chance(1, 60);
    chain.hashes.push(isRepeat ? chain.hashes[random.below(i)] : hashOf(path * 64 + i));
    const step = random.chance(1, 10) ? 0 : random.below(400);
    end = random.chance(1, 200) ? end / 2 : end + step;
    chain.ends.push(end);
  }
  return chain;
}

class Options {
  budget: u32 = SMALL_BUDGET;
  podLimit: u32 = 8;
  capacity: u32 = 0;
  steps: u32 = 0;
}

/** The index under test beside the naive one; `fault` is the first difference. */
class Pair {
  readonly index: PrefixIndex;
  readonly naive: NaiveIndex;
  readonly random: Random;
  nowMs: u32 = 0;
  fault: string = "";
  step: u32 = 0;
  /** What the sequence met, so that a case which tests nothing shows. */
  depthSum: u64 = 0;

  constructor(
    seed: u64,
    readonly options: Options,
  ) {
    this.random = new Random(seed);
    this.index = new PrefixIndex(options.budget);
    this.naive = new NaiveIndex(options.podLimit);
    for (let pod: u32 = 0; pod < options.podLimit; pod++) this.setCapacity(pod, options.capacity);
  }

  run(): string {
    for (; this.step < this.options.steps && this.fault == ""; this.step++) {
      this.nowMs += this.random.below(3);
      this.act();
      this.compare(this.random.below(this.options.podLimit));
      if (this.step % 250 == 249) this.compareAll();
    }
    this.compareAll();
    this.index.dispose();
    return this.fault;
  }

  same(what: string, actual: u64, expected: u64, pod: u32 = 0): void {
    if (actual == expected || this.fault != "") return;
    this.fault = `step ${this.step}, pod ${pod}, ${what}: ${actual} instead of ${expected}`;
  }

  act(): void {
    const random = this.random;
    // Pods join one after another, so that the bitmaps grow while there is something in them.
    const podCount: u32 = 1 + (this.options.podLimit * this.step) / this.options.steps;
    const pod = random.below(min(podCount, this.options.podLimit));
    const kind = random.below(1000);
    if (kind < 700) this.insert(pod, randomChain(random));
    else if (kind < 780) this.turns(pod, randomChain(random));
    else if (kind < 800) this.forgetChain(pod, randomChain(random));
    else if (kind < 930) this.charge(pod, this.prompt(randomChain(random)), random.below(900));
    else if (kind < 960) this.forgetOlder(pod, this.nowMs - min(this.nowMs, random.below(3000)));
    else if (kind < 965) this.forgetOlder(pod, u32.MAX_VALUE);
    else if (kind < 999) this.setCapacity(pod, random.below(2 * this.options.capacity + 2000));
    else this.clear();
  }

  insert(pod: u32, chain: Chain): void {
    const hashes = chain.hashes.dataStart;
    this.index.insert(pod, hashes, chain.ends.dataStart, chain.hashes.length, this.nowMs);
    const touchedAt = max(this.nowMs, 1);
    this.naive.insert(pod, chain.hashes, chain.ends, touchedAt, this.index.nodeCountMax);
  }

  /** What an answer answers: any checkpoint, so that other chains may go on from it. */
  prompt(chain: Chain): u64 {
    const count = chain.hashes.length;
    return count > 0 ? chain.hashes[this.random.below(count)] : 0;
  }

  charge(pod: u32, prompt: u64, tokens: u32): void {
    this.index.charge(pod, prompt, tokens, this.nowMs);
    if (tokens == 0) return;
    this.naive.charge(pod, prompt, tokens, max(this.nowMs, 1), this.index.nodeCountMax);
  }

  /** Some turns of a chat: each prompt goes on from the one before, and most are answered. */
  turns(pod: u32, chain: Chain): void {
    const turn = new Chain();
    for (let i = 0; i < chain.hashes.length; i++) {
      turn.hashes.push(chain.hashes[i]);
      turn.ends.push(chain.ends[i]);
      if (!this.random.chance(1, 8)) continue;
      this.insert(pod, turn);
      if (this.random.chance(3, 4)) this.charge(pod, chain.hashes[i], this.random.below(900));
      if (this.random.chance(1, 4)) this.insert(pod, randomChain(this.random));
    }
  }

  forgetChain(pod: u32, chain: Chain): void {
    const count = chain.hashes.length;
    const from = this.random.below(count + 1);
    const touchedAtMax = this.nowMs - min(this.nowMs, this.random.below(300));
    this.index.forgetChain(pod, chain.hashes.dataStart, from, count, touchedAtMax);
    this.naive.forgetChain(pod, chain.hashes, from, touchedAtMax);
  }

  forgetOlder(pod: u32, touchedAtMax: u32): void {
    const expected = this.naive.forgetOlder(pod, touchedAtMax);
    if (touchedAtMax == u32.MAX_VALUE) this.index.forgetPod(pod);
    else this.same("forgotten", this.index.forgetOlder(pod, touchedAtMax), expected);
  }

  setCapacity(pod: u32, tokens: u32): void {
    this.index.setCapacity(pod, tokens);
    this.naive.setCapacity(pod, tokens);
  }

  clear(): void {
    this.index.clear();
    this.naive.clear();
  }

  compare(pod: u32): void {
    this.same("nodes", this.index.nodeCount, this.naive.nodeCount);
    this.same("evicted", this.index.evictedCount, this.naive.evictedCount);
    this.same("tokens", this.index.podTokens(pod), this.naive.tokens(pod), pod);
    const chain = randomChain(this.random);
    for (let i = 0; i < chain.hashes.length; i++) this.compareTouched(pod, chain.hashes[i]);
    this.compareDepths(chain, this.random.below(this.options.podLimit + 1));
  }

  compareTouched(pod: u32, hash: u64): void {
    this.same("touched", this.index.touchedAt(pod, hash), this.naive.touchedAt(pod, hash), pod);
  }

  compareDepths(chain: Chain, podLimit: u32): void {
    // Candidates are set beyond the limit too, where the index must not look.
    for (let i = 0; i < candidates.length; i++) candidates[i] = this.random.next();
    for (let i = 0; i < depths.length; i++) depths[i] = 0xffff;
    const bitmap = changetype<usize>(candidates);
    const out = changetype<usize>(depths);
    this.index.match(chain.hashes.dataStart, chain.hashes.length, bitmap, podLimit, out);
    for (let pod: u32 = 0; pod < <u32>depths.length; pod++) {
      const isCandidate = ((candidates[pod / 64] >> (pod % 64)) & 1) == 1;
      const expected = !isCandidate ? 0 : podLimit > pod ? this.naive.depth(pod, chain.hashes) : 0;
      this.same("depth", depths[pod], podLimit > pod ? expected : 0xffff, pod);
      this.depthSum += expected;
    }
  }

  /** Every node of the naive index must be there; with equal counts nothing else is. */
  compareAll(): void {
    this.same("nodes", this.index.nodeCount, this.naive.nodeCount);
    for (let pod: u32 = 0; pod < this.options.podLimit; pod++) {
      this.same("tokens", this.index.podTokens(pod), this.naive.tokens(pod), pod);
      const nodes = this.naive.pods[pod];
      for (let i = 0; i < nodes.length; i++) {
        if (!nodes[i].isAnswer) this.compareTouched(pod, nodes[i].hash);
      }
    }
  }
}

function differences(seed: u64, podLimit: u32, capacity: u32, budget: u32 = SMALL_BUDGET): string {
  const options = new Options();
  options.podLimit = podLimit;
  options.capacity = capacity;
  options.budget = budget;
  // Few pods need more steps before they fill all nodes.
  options.steps = podLimit <= 8 && capacity == PLENTY ? 1800 : 1000;
  const pair = new Pair(seed, options);
  const fault = pair.run();
  if (fault != "") return fault;
  if (pair.depthSum == 0 && capacity > 1) return "nothing ever matched";
  if (pair.naive.answersDropped == 0 && capacity > 1) return "no answer ever came back";
  const isShort = capacity == PLENTY;
  return pair.naive.evictedCount > 0 == isShort ? "" : `${pair.naive.evictedCount} evictions`;
}

function plainChain(length: i32, salt: u64): Chain {
  const chain = new Chain();
  for (let i = 0; i < length; i++) {
    chain.hashes.push(new Random((salt << 32) + i + 1).next());
    chain.ends.push(10 * (i + 1));
  }
  return chain;
}

function put(index: PrefixIndex, pod: u32, chain: Chain, nowMs: u32 = 1): void {
  index.insert(pod, chain.hashes.dataStart, chain.ends.dataStart, chain.hashes.length, nowMs);
}

function depthOf(index: PrefixIndex, pod: u32, chain: Chain): u32 {
  for (let i = 0; i < candidates.length; i++) candidates[i] = u64.MAX_VALUE;
  const bitmap = changetype<usize>(candidates);
  const out = changetype<usize>(depths);
  index.match(chain.hashes.dataStart, chain.hashes.length, bitmap, PODS_MAX, out);
  return depths[pod];
}

describe("the index equals the naive one", () => {
  test("one pod that evicts by tokens", () => {
    expect(differences(11, 1, 6000)).toBe("");
  });
  test("8 pods that evict by tokens", () => {
    expect(differences(12, 8, 5000)).toBe("");
    expect(differences(13, 8, 40000)).toBe("");
  });
  test("8 pods short of nodes", () => {
    expect(differences(14, 8, PLENTY)).toBe("");
  });
  test("64 and 65 pods, where one word ends", () => {
    expect(differences(16, 64, PLENTY)).toBe("");
    expect(differences(17, 65, PLENTY)).toBe("");
  });
  test("1,024 pods in 1 MiB and in less", () => {
    expect(differences(18, 1024, PLENTY, MIB)).toBe("");
    expect(differences(19, 1024, PLENTY)).toBe("");
  });
  test("a capacity of nothing", () => {
    expect(differences(20, 4, 1)).toBe("");
  });
});

describe("bounds", () => {
  test("a budget outside the range is brought into it", () => {
    const index = new PrefixIndex(0);
    put(index, 1023, plainChain(2000, 1));
    expect(index.nodeCount).toBe(index.nodeCountMax);
    index.dispose();
  });
  test("of a chain longer than all nodes the head stays", () => {
    const index = new PrefixIndex(MIB);
    index.setCapacity(3, u32.MAX_VALUE);
    put(index, 3, plainChain(20000, 2));
    expect(index.nodeCount).toBe(index.nodeCountMax);
    expect(depthOf(index, 3, plainChain(20000, 2))).toBe(index.nodeCountMax);
    index.dispose();
  });
  test("of a chain longer than the pod's capacity the head stays", () => {
    const index = new PrefixIndex(MIB);
    index.setCapacity(3, 1234);
    put(index, 3, plainChain(500, 3));
    expect(depthOf(index, 3, plainChain(500, 3))).toBe(123);
    expect(index.podTokens(3)).toBe(1230);
    index.dispose();
  });
  test("of a chain beyond 16 bits the rest does not count", () => {
    const index = new PrefixIndex(8 * MIB);
    index.setCapacity(3, u32.MAX_VALUE);
    put(index, 3, plainChain(70000, 4));
    expect(index.nodeCount).toBe(CHAIN_MAX);
    expect(depthOf(index, 3, plainChain(70000, 4))).toBe(CHAIN_MAX);
    index.dispose();
  });
  test("no more nodes than asked for are forgotten, the oldest first", () => {
    const index = new PrefixIndex(MIB);
    const chain = plainChain(5, 5);
    put(index, 1, chain);
    put(index, 2, chain);
    expect(index.forgetOlder(1, u32.MAX_VALUE, 2)).toBe(2);
    // A chain is touched from its tail to its head, so its tail is the oldest.
    expect(depthOf(index, 1, chain)).toBe(3);
    expect(index.forgetOlder(1, u32.MAX_VALUE, 0)).toBe(0);
    expect(index.forgetOlder(1, u32.MAX_VALUE, 4)).toBe(3);
    expect(depthOf(index, 2, chain)).toBe(5);
    index.dispose();
  });
  test("pods beyond the last are ignored", () => {
    const index = new PrefixIndex(MIB);
    const pods: u32[] = [PODS_MAX, PODS_MAX + 1, u32.MAX_VALUE];
    for (let i = 0; i < pods.length; i++) {
      put(index, pods[i], plainChain(5, 5));
      index.charge(pods[i], 7, 100, 1);
      index.setCapacity(pods[i], 0);
      index.forgetPod(pods[i]);
      expect(index.forgetOlder(pods[i], u32.MAX_VALUE)).toBe(0);
      expect(index.touchedAt(pods[i], plainChain(1, 5).hashes[0])).toBe(0);
      expect(index.podTokens(pods[i])).toBe(0);
    }
    expect(index.nodeCount).toBe(0);
    index.dispose();
  });
  test("the largest numbers do not overflow a pod's sum", () => {
    const index = new PrefixIndex(MIB);
    index.setCapacity(0, u32.MAX_VALUE);
    for (let i: u32 = 1; i <= 3; i++) index.charge(0, 0, u32.MAX_VALUE, i);
    expect(index.podTokens(0)).toBe(u32.MAX_VALUE);
    expect(index.nodeCount).toBe(1);
    index.dispose();
  });
  test("wider bitmaps keep what fits, and a match across the growth", () => {
    const index = new PrefixIndex(MIB);
    for (let pod: u32 = 0; pod < 1024; pod = pod * 2 + 1) put(index, pod, plainChain(100, 6));
    for (let pod: u32 = 0; pod < 1024; pod = pod * 2 + 1) {
      expect(depthOf(index, pod, plainChain(100, 6))).toBe(100);
    }
    expect(index.evictedCount).toBe(0);
    index.dispose();
  });
});

describe("a chain that the pod never served", () => {
  test("goes from a checkpoint on; what is older stays, for other pods as well", () => {
    const index = new PrefixIndex(MIB);
    const chain = plainChain(10, 7);
    put(index, 2, chain);
    put(index, 3, chain);
    index.forgetChain(2, chain.hashes.dataStart, 4, 10, u32.MAX_VALUE);
    expect(depthOf(index, 2, chain)).toBe(4);
    expect(depthOf(index, 3, chain)).toBe(10);
    index.forgetChain(2, chain.hashes.dataStart, 0, 10, u32.MAX_VALUE);
    expect(depthOf(index, 2, chain)).toBe(0);
    expect(index.podTokens(2)).toBe(0);
    index.dispose();
  });
  test("leaves what another prompt has touched since", () => {
    const index = new PrefixIndex(MIB);
    const chain = plainChain(10, 8);
    index.insert(5, chain.hashes.dataStart, chain.ends.dataStart, 10, 100);
    index.insert(5, chain.hashes.dataStart, chain.ends.dataStart, 6, 101);
    index.forgetChain(5, chain.hashes.dataStart, 0, 10, 100);
    expect(depthOf(index, 5, chain)).toBe(6);
    index.dispose();
  });
});

/** A chain of `length` checkpoints of 10 tokens that goes on from the first `shared` of `start`. */
function goingOn(start: Chain, shared: i32, length: i32, salt: u64): Chain {
  const chain = plainChain(length, salt);
  for (let i = 0; i < shared; i++) chain.hashes[i] = start.hashes[i];
  return chain;
}

describe("an answer", () => {
  test("counts once when the next turn brings it back, and the turn after that", () => {
    const index = new PrefixIndex(MIB);
    const first = plainChain(4, 9);
    const second = goingOn(first, 4, 9, 10);
    const third = goingOn(second, 9, 12, 11);
    put(index, 3, first);
    index.charge(3, first.hashes[3], 30, 1);
    expect(index.podTokens(3)).toBe(40 + 30);
    put(index, 3, second);
    expect(index.podTokens(3)).toBe(90);
    index.charge(3, second.hashes[8], 20, 2);
    expect(index.podTokens(3)).toBe(90 + 20);
    put(index, 3, second);
    expect(index.podTokens(3)).toBe(90 + 20);
    put(index, 3, third);
    expect(index.podTokens(3)).toBe(120);
    expect(index.nodeCount).toBe(12);
    index.dispose();
  });
  test("that a prompt got beside another stays, when one of them comes back", () => {
    const index = new PrefixIndex(MIB);
    const prompt = plainChain(4, 12);
    put(index, 3, prompt);
    index.charge(3, prompt.hashes[3], 30, 1);
    index.charge(3, prompt.hashes[3], 500, 1);
    put(index, 3, goingOn(prompt, 4, 9, 13));
    expect(index.podTokens(3)).toBe(90 + 500);
    // The first one's place is free again.
    index.charge(3, prompt.hashes[3], 7, 1);
    put(index, 3, goingOn(prompt, 4, 5, 14));
    expect(index.podTokens(3)).toBe(100 + 500);
    index.dispose();
  });
  test("of another pod stays", () => {
    const index = new PrefixIndex(MIB);
    const prompt = plainChain(4, 15);
    for (let pod: u32 = 3; pod <= 4; pod++) {
      put(index, pod, prompt);
      index.charge(pod, prompt.hashes[3], 30, 1);
    }
    put(index, 4, goingOn(prompt, 4, 6, 16));
    expect(index.podTokens(3)).toBe(40 + 30);
    expect(index.podTokens(4)).toBe(60);
    index.dispose();
  });
  test("to a prompt that a chain does not go on from stays", () => {
    const index = new PrefixIndex(MIB);
    const prompt = plainChain(4, 17);
    put(index, 3, prompt);
    index.charge(3, prompt.hashes[3], 30, 1);
    // The prompt itself, its start, and one that leaves it before its end.
    put(index, 3, prompt);
    put(index, 3, goingOn(prompt, 3, 3, 18));
    put(index, 3, goingOn(prompt, 3, 8, 18));
    expect(index.podTokens(3)).toBe(40 + 50 + 30);
    expect(index.touchedAt(3, prompt.hashes[3])).toBe(1);
    index.dispose();
  });
  test("goes where the pod's unbroken part of the chain ends, not behind a gap", () => {
    const index = new PrefixIndex(MIB);
    const chain = plainChain(6, 19);
    put(index, 3, chain);
    for (let i = 0; i < 6; i++) index.charge(3, chain.hashes[i], 1 << (8 + i), 1);
    const answers: u32 = 0x3f00;
    // Checkpoints 2, 3 and 5 go, 4 is held behind a gap.
    index.forgetChain(3, chain.hashes.dataStart, 5, 6, 1);
    index.forgetChain(3, chain.hashes.dataStart, 2, 4, 1);
    expect(index.podTokens(3)).toBe(30 + answers);
    put(index, 3, chain);
    expect(index.podTokens(3)).toBe(60 + answers - 0x200);
    // Where the head itself is new, the pod held nothing that an answer could follow.
    index.forgetChain(3, chain.hashes.dataStart, 5, 6, 1);
    index.forgetChain(3, chain.hashes.dataStart, 0, 1, 1);
    put(index, 3, chain);
    expect(index.podTokens(3)).toBe(60 + answers - 0x200);
    index.dispose();
  });
  test("to a prompt of one checkpoint comes back as well", () => {
    const index = new PrefixIndex(MIB);
    const prompt = plainChain(1, 20);
    put(index, 3, prompt);
    index.charge(3, prompt.hashes[0], 30, 1);
    put(index, 3, prompt);
    expect(index.podTokens(3)).toBe(10 + 30);
    put(index, 3, goingOn(prompt, 1, 2, 21));
    expect(index.podTokens(3)).toBe(20);
    index.dispose();
  });
  test("to nothing that is known stays, and so does that of a prompt taken back", () => {
    const index = new PrefixIndex(MIB);
    const chain = plainChain(4, 22);
    chain.hashes[1] = 0;
    put(index, 3, goingOn(chain, 2, 2, 22));
    index.charge(3, 0, 30, 1);
    put(index, 3, chain);
    expect(index.podTokens(3)).toBe(40 + 30);
    index.charge(3, chain.hashes[3], 5, 1);
    index.forgetChain(3, chain.hashes.dataStart, 0, 4, 1);
    expect(index.podTokens(3)).toBe(30 + 5);
    put(index, 3, goingOn(chain, 4, 5, 23));
    expect(index.podTokens(3)).toBe(50 + 30 + 5);
    index.dispose();
  });
  test("makes room for the turn that brings it back", () => {
    const index = new PrefixIndex(MIB);
    const first = plainChain(4, 24);
    const oldest = plainChain(1, 26);
    index.setCapacity(3, 100);
    put(index, 3, oldest);
    put(index, 3, first);
    index.charge(3, first.hashes[3], 50, 1);
    put(index, 3, goingOn(first, 4, 9, 25));
    expect(depthOf(index, 3, oldest)).toBe(1);
    expect(index.podTokens(3)).toBe(100);
    index.dispose();
  });
});
