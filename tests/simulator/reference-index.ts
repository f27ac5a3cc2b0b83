// The prefix index once more, as plainly as can be: one Map for each pod, in the order of use.

/** One thing that a pod holds: a checkpoint under its name, or an answer. */
export interface Held {
  tokens: number;
  /** When it was last used, in the filter's steps of 16 ms; never 0. */
  touchedAt: number;
}

/** A checkpoint of a prompt, by the name of all that comes before it. */
export interface ChainLink {
  key: string;
  /** Tokens from the start of the prompt. */
  tokenEnd: number;
}

/** Begins the names of answers that stay until they are the oldest. */
export const ANSWER = "answer ";
/** Begins the name of the first answer to a prompt, before that prompt's name. */
const ANSWER_TO = "the answer to ";

interface PodContent {
  /** Oldest first. */
  held: Map<string, Held>;
  tokens: number;
  capacityTokens: number;
}

/**
 * Exact LRU for each pod, bounded by its tokens; all pods together are bounded by `nodesMax`, and
 * where that is reached the pod with the most entries loses its oldest.
 */
export class ReferenceIndex {
  readonly pods: PodContent[];
  nodeCount = 0;
  evictedCount = 0;
  /** Pods that changed since somebody cleared it. */
  readonly changed = new Set<number>();
  private answers = 0;

  constructor(
    podCount: number,
    capacityTokens: number,
    private readonly nodesMax: number,
  ) {
    this.pods = Array.from({ length: podCount }, () => ({
      held: new Map<string, Held>(),
      tokens: 0,
      capacityTokens,
    }));
  }

  /** How many links of the chain the pod holds, from its start, without a gap. */
  depth(pod: number, chain: readonly ChainLink[]): number {
    const { held } = this.pods[pod]!;
    const missing = chain.findIndex(({ key }) => !held.has(key));
    return missing < 0 ? chain.length : missing;
  }

  /** 0: it does not hold it. */
  touchedAt(pod: number, key: string): number {
    return this.pods[pod]!.held.get(key)?.touchedAt ?? 0;
  }

  /**
   * The pod now holds the whole chain, its start most recently. Where it goes on beyond a prompt
   * that the pod held, the answer to that prompt is part of it.
   */
  insert(pod: number, chain: readonly ChainLink[], touchedAt: number): void {
    const isNew: boolean[] = [];
    for (let i = chain.length - 1; i >= 0; i--) {
      const before = i === 0 ? 0 : chain[i - 1]!.tokenEnd;
      isNew[i] = !this.pods[pod]!.held.has(chain[i]!.key);
      this.put(pod, chain[i]!.key, { tokens: chain[i]!.tokenEnd - before, touchedAt });
    }
    const answered = chain[isNew.indexOf(true) - 1];
    if (answered !== undefined) this.dropIfHeld(pod, `${ANSWER_TO}${answered.key}`);
    this.settle(pod);
  }

  /** An answer to that prompt is in the pod's cache as well; null: to none that is known. */
  charge(pod: number, prompt: string | null, tokens: number, touchedAt: number): void {
    if (tokens === 0) return;
    const name = `${ANSWER_TO}${prompt}`;
    const isFirst = prompt !== null && !this.pods[pod]!.held.has(name);
    this.put(pod, isFirst ? name : `${ANSWER}${this.answers++}`, { tokens, touchedAt });
    this.settle(pod);
  }

  /** What was not used after that time is gone. */
  forgetOlder(pod: number, touchedAtMax: number): void {
    for (const [key, { touchedAt }] of this.pods[pod]!.held) {
      if (touchedAt > touchedAtMax) break;
      this.drop(pod, key);
    }
  }

  /** Takes back an insert, but for what was used after that time. */
  withdraw(pod: number, keys: readonly string[], touchedAtMax: number): void {
    for (const key of keys) {
      const found = this.pods[pod]!.held.get(key);
      if (found !== undefined && found.touchedAt <= touchedAtMax) this.drop(pod, key);
    }
  }

  forgetPod(pod: number): void {
    for (const key of this.pods[pod]!.held.keys()) this.drop(pod, key);
  }

  clear(): void {
    for (let pod = 0; pod < this.pods.length; pod++) this.forgetPod(pod);
  }

  setCapacity(pod: number, tokens: number): void {
    this.pods[pod]!.capacityTokens = tokens;
    this.settle(pod);
  }

  private put(pod: number, key: string, entry: Held): void {
    const content = this.pods[pod]!;
    if (content.held.has(key)) this.drop(pod, key);
    else if (this.nodeCount >= this.nodesMax) this.evict();
    content.held.set(key, entry);
    content.tokens += entry.tokens;
    this.nodeCount++;
    this.changed.add(pod);
  }

  private evict(): void {
    let richest = 0;
    for (let pod = 1; pod < this.pods.length; pod++) {
      if (this.pods[pod]!.held.size > this.pods[richest]!.held.size) richest = pod;
    }
    this.dropOldest(richest);
    this.evictedCount++;
  }

  private settle(pod: number): void {
    const content = this.pods[pod]!;
    while (content.tokens > content.capacityTokens) this.dropOldest(pod);
  }

  private dropIfHeld(pod: number, key: string): void {
    if (this.pods[pod]!.held.has(key)) this.drop(pod, key);
  }

  private dropOldest(pod: number): void {
    for (const key of this.pods[pod]!.held.keys()) {
      this.drop(pod, key);
      return;
    }
  }

  private drop(pod: number, key: string): void {
    const content = this.pods[pod]!;
    content.tokens -= content.held.get(key)!.tokens;
    content.held.delete(key);
    this.nodeCount--;
    this.changed.add(pod);
  }
}
