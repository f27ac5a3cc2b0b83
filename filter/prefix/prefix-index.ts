// Which pods hold how much of a prompt: bounded, exact LRU for each pod, unbroken matches only.
import { ENDPOINTS_MAX } from "../constants";
import { Holdings } from "./holdings";
import { legalHash, walkChain } from "./chain-walk";
import { Node } from "./node-lists";

/** Pods are numbered from 0 to this less one; calls with other numbers do nothing. */
export const PODS_MAX: u32 = ENDPOINTS_MAX;

/** Capacity of a pod that has not told its own, in tokens. */
export const CAPACITY_TOKENS_DEFAULT: u32 = 100000;

/** Checkpoints of one chain that count, the leading ones: depths are 16 bits wide. */
export const CHAIN_MAX: u32 = 65535;

/** Bounds of the budget: below it is raised to hold the pods' lists, above no heap block is. */
const BUDGET_BYTES_MIN: u32 = 256 * 1024;
const BUDGET_BYTES_MAX: u32 = 1024 * 1024 * 1024 - 64 * 1024;

/** Sets an answer apart from the prompt. Any constant does: hashes are keyed. */
const ANSWER_MARK: u64 = 0x9e3779b97f4a7c15;

const LIVE_BYTES: u32 = PODS_MAX / 8;

if ((PODS_MAX & (PODS_MAX - 1)) != 0 || PODS_MAX < 64) {
  ERROR("the bitmaps are whole words and double up to PODS_MAX");
}

export class PrefixIndex {
  private readonly block: usize;
  private readonly held: Holdings;

  /** Takes `budgetBytes` (256 KiB to 1 GiB; others are brought into that range) for good. */
  constructor(budgetBytes: u32) {
    const bytes = min(max(budgetBytes, BUDGET_BYTES_MIN), BUDGET_BYTES_MAX) & ~7;
    const block = heap.alloc(bytes);
    // The first bytes are scratch of `match`: the pods that still match.
    const at = block + LIVE_BYTES;
    this.held = new Holdings(at, bytes - LIVE_BYTES, PODS_MAX, CAPACITY_TOKENS_DEFAULT);
    this.block = block;
  }

  /** Gives the memory back; no method may be called afterwards. */
  dispose(): void {
    heap.free(this.block);
  }

  /** Nodes in use: one for each checkpoint in each pod, and one for each answer. */
  get nodeCount(): u32 {
    return this.held.lists.nodeCount;
  }

  /** Nodes that fit the budget; falls when higher pod numbers make the bitmaps wider. */
  get nodeCountMax(): u32 {
    return this.held.lists.nodeCountMax;
  }

  /** Nodes taken from the pod with most, because all were in use. Never falls. */
  get evictedCount(): u32 {
    return this.held.evictedCount;
  }

  /** Tokens that the pod is believed to hold, never above its capacity. */
  podTokens(pod: u32): u32 {
    return pod < PODS_MAX ? <u32>this.held.lists.list(pod).tokens : 0;
  }

  /**
   * Writes to `depths` (u16 for each pod below `podLimit`) how many leading checkpoints of the
   * chain the pod holds without a gap; 0 for pods whose bit in `candidates` (u64 words, enough for
   * podLimit bits) is not set. `podLimit` counts up to PODS_MAX.
   */
  match(hashes: usize, count: u32, candidates: usize, podLimit: u32, depths: usize): void {
    const limit = min(podLimit, PODS_MAX);
    memory.fill(depths, 0, limit << 1);
    const words = min((limit + 63) >> 6, this.held.holders.width);
    if (words == 0) return;
    memory.copy(this.block, candidates, words << 3);
    const beyond = words << 6 > limit ? (words << 6) - limit : 0;
    const last = this.block + ((words - 1) << 3);
    store<u64>(last, load<u64>(last) & (u64.MAX_VALUE >> beyond));
    walkChain(this.held.holders, hashes, min(count, CHAIN_MAX), this.block, words, depths);
  }

  /**
   * Notes that the pod now holds the whole chain, its head most recently. `tokenEnds` (u32) are
   * the tokens from the start of the prompt to each checkpoint. `now` 0 counts as 1.
   */
  insert(pod: u32, hashes: usize, tokenEnds: usize, count: u32, now: u32): void {
    if (pod >= PODS_MAX) return;
    const touchedAt = max(now, 1);
    // A chain was last touched from tail to head, so the node newer than this one is the next.
    let guess: usize = 0;
    const length = min(count, CHAIN_MAX);
    let firstNew = length;
    for (let i = length; i-- > 0;) {
      const hash = legalHash(load<u64>(hashes + (i << 3)));
      const tokens = tokensAt(tokenEnds, i);
      let address = guess;
      if (address == 0 || changetype<Node>(address).hash != hash) {
        address = this.held.find(pod, hash);
      }
      if (address != 0) {
        guess = changetype<Node>(address).newer;
        this.held.lists.touch(changetype<Node>(address), tokens, touchedAt);
      } else {
        guess = 0;
        firstNew = i;
        this.held.add(pod, hash, tokens, touchedAt);
      }
    }
    // Where the chain goes on beyond a prompt that the pod held, the answer to that is part of it.
    if (firstNew != 0 && firstNew != length) {
      const prompt = load<u64>(hashes + ((firstNew - 1) << 3));
      const answer = this.held.find(pod, answerKey(prompt));
      if (answer != 0) this.held.drop(changetype<Node>(answer));
    }
    this.held.settle(pod);
  }

  /**
   * Counts an answer's tokens against the pod's capacity, as its most recent node. `prompt` is the
   * last checkpoint of what it answers, 0 where there is none. An insert that goes on from there
   * drops it, as part of that chain. Of several answers to one prompt only the first goes so.
   */
  charge(pod: u32, prompt: u64, tokens: u32, now: u32): void {
    if (pod >= PODS_MAX || tokens == 0) return;
    const key = answerKey(prompt);
    const isFirst = this.held.find(pod, key) == 0;
    this.held.add(pod, isFirst ? key : 0, tokens, max(now, 1));
    this.held.settle(pod);
  }

  /** Time when the pod's checkpoint was last inserted; 0 when the pod does not hold it. */
  touchedAt(pod: u32, hash: u64): u32 {
    if (pod >= PODS_MAX) return 0;
    const address = this.held.find(pod, legalHash(hash));
    return address != 0 ? changetype<Node>(address).touchedAt : 0;
  }

  /**
   * Drops the pod's oldest nodes up to the first one touched after `touchedAtMax`, at most
   * `nodesMax`, and returns how many, answers included.
   */
  forgetOlder(pod: u32, touchedAtMax: u32, nodesMax: u32 = u32.MAX_VALUE): u32 {
    if (pod >= PODS_MAX) return 0;
    const list = this.held.lists.list(pod);
    let dropped: u32 = 0;
    while (dropped < nodesMax && list.oldest != 0) {
      const oldest = changetype<Node>(list.oldest);
      if (oldest.touchedAt > touchedAtMax) break;
      this.held.drop(oldest);
      dropped += 1;
    }
    this.held.settle(pod);
    return dropped;
  }

  /**
   * Drops the chain's checkpoints from number `from` on, for a prompt that the pod never served;
   * those touched after `touchedAtMax` are another prompt's as well and stay.
   */
  forgetChain(pod: u32, hashes: usize, from: u32, count: u32, touchedAtMax: u32): void {
    if (pod >= PODS_MAX) return;
    for (let i = from; i < min(count, CHAIN_MAX); i++) {
      const address = this.held.find(pod, legalHash(load<u64>(hashes + (i << 3))));
      if (address == 0 || changetype<Node>(address).touchedAt > touchedAtMax) continue;
      this.held.drop(changetype<Node>(address));
    }
    this.held.settle(pod);
  }

  /** Drops all nodes of the pod. Its capacity stays. */
  forgetPod(pod: u32): void {
    this.forgetOlder(pod, u32.MAX_VALUE);
  }

  /** Drops all nodes of all pods. Capacities stay. */
  clear(): void {
    this.held.clear();
  }

  /** Tokens that the pod's cache holds; drops its oldest nodes until they fit. */
  setCapacity(pod: u32, tokens: u32): void {
    if (pod >= PODS_MAX) return;
    this.held.lists.list(pod).capacityTokens = tokens;
    this.held.settle(pod);
  }
}

/** Under what an answer to `prompt` is found: a hash that no prompt has. 0: it is not found. */
function answerKey(prompt: u64): u64 {
  return prompt != 0 ? legalHash(rotl<u64>(prompt, 32) ^ ANSWER_MARK) : 0;
}

/** Tokens of checkpoint `i` alone; ends that fall count as none. */
function tokensAt(tokenEnds: usize, i: u32): u32 {
  const end = load<u32>(tokenEnds + (i << 2));
  const start = i > 0 ? load<u32>(tokenEnds + ((i - 1) << 2)) : 0;
  return end > start ? end - start : 0;
}
