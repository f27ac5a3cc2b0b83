// The prefix index a second time, as plainly as can be: arrays, searched from end to end.

export class NaiveNode {
  constructor(
    readonly hash: u64,
    readonly isAnswer: bool,
    public tokens: u32,
    public touchedAt: u32,
    /** Of an answer: whether it is the first to the prompt `hash`, so that it can come back. */
    readonly isFirst: bool = false,
  ) {}
}

/** Each pod is an array of nodes, oldest first. */
export class NaiveIndex {
  readonly pods: Array<Array<NaiveNode>> = [];
  readonly capacities: Array<u64> = [];
  nodeCount: u32 = 0;
  evictedCount: u32 = 0;
  /** Answers that came back as part of a prompt. */
  answersDropped: u32 = 0;
  width: u32 = 1;

  constructor(podCount: i32) {
    for (let pod = 0; pod < podCount; pod++) {
      this.pods.push([]);
      this.capacities.push(100000);
    }
  }

  tokens(pod: u32): u64 {
    let sum: u64 = 0;
    const nodes = this.pods[pod];
    for (let i = 0; i < nodes.length; i++) sum += nodes[i].tokens;
    return sum;
  }

  position(pod: u32, hash: u64): i32 {
    const nodes = this.pods[pod];
    for (let i = 0; i < nodes.length; i++) {
      if (!nodes[i].isAnswer && nodes[i].hash == hash) return i;
    }
    return -1;
  }

  touchedAt(pod: u32, hash: u64): u32 {
    const at = this.position(pod, hash);
    return at < 0 ? 0 : this.pods[pod][at].touchedAt;
  }

  depth(pod: u32, hashes: Array<u64>): u32 {
    let depth = 0;
    while (depth < hashes.length && this.position(pod, hashes[depth]) >= 0) depth++;
    return depth;
  }

  /** `nodeCountMax` is what the index under test has after the same call. */
  insert(pod: u32, hashes: Array<u64>, ends: Array<u32>, nowMs: u32, nodeCountMax: u32): void {
    const wasHeld = new Array<bool>(hashes.length);
    for (let i = hashes.length - 1; i >= 0; i--) {
      const start = i > 0 ? ends[i - 1] : 0;
      const tokens = ends[i] > start ? ends[i] - start : 0;
      const at = this.position(pod, hashes[i]);
      wasHeld[i] = at >= 0;
      if (at >= 0) {
        const node = this.pods[pod].splice(at, 1)[0];
        node.tokens = tokens;
        node.touchedAt = nowMs;
        this.pods[pod].push(node);
      } else {
        this.add(pod, new NaiveNode(hashes[i], false, tokens, nowMs), nodeCountMax);
      }
    }
    let heldDepth = 0;
    while (heldDepth < hashes.length && wasHeld[heldDepth]) heldDepth++;
    if (heldDepth > 0 && heldDepth < hashes.length) this.dropAnswer(pod, hashes[heldDepth - 1]);
    this.settle(pod);
  }

  /** `prompt` 0: none. */
  charge(pod: u32, prompt: u64, tokens: u32, nowMs: u32, nodeCountMax: u32): void {
    const isFirst = prompt != 0 && this.answerPosition(pod, prompt) < 0;
    this.add(pod, new NaiveNode(prompt, true, tokens, nowMs, isFirst), nodeCountMax);
    this.settle(pod);
  }

  /** Where the pod's first answer to the prompt is; -1: nowhere. */
  private answerPosition(pod: u32, prompt: u64): i32 {
    const nodes = this.pods[pod];
    for (let i = 0; i < nodes.length; i++) {
      if (nodes[i].isFirst && nodes[i].hash == prompt) return i;
    }
    return -1;
  }

  private dropAnswer(pod: u32, prompt: u64): void {
    const at = this.answerPosition(pod, prompt);
    if (at < 0) return;
    this.pods[pod].splice(at, 1);
    this.nodeCount--;
    this.answersDropped++;
  }

  /** Takes back an insert's checkpoints from number `from` on, but for those touched later. */
  forgetChain(pod: u32, hashes: Array<u64>, from: i32, touchedAtMax: u32): void {
    for (let i = from; i < hashes.length; i++) {
      const at = this.position(pod, hashes[i]);
      if (at < 0 || this.pods[pod][at].touchedAt > touchedAtMax) continue;
      this.pods[pod].splice(at, 1);
      this.nodeCount--;
    }
    this.settle(pod);
  }

  forgetOlder(pod: u32, touchedAtMax: u32): u32 {
    let count = 0;
    while (this.pods[pod].length > 0 && this.pods[pod][0].touchedAt <= touchedAtMax) {
      this.dropOldest(pod);
      count++;
    }
    return count;
  }

  setCapacity(pod: u32, tokens: u32): void {
    this.capacities[pod] = tokens;
    this.settle(pod);
  }

  clear(): void {
    for (let pod = 0; pod < this.pods.length; pod++) this.pods[pod] = [];
    this.nodeCount = 0;
  }

  private add(pod: u32, node: NaiveNode, nodeCountMax: u32): void {
    while (pod >= this.width * 64) {
      this.width *= 2;
      if (pod < this.width * 64) this.evictTo(nodeCountMax);
    }
    this.evictTo(nodeCountMax - 1);
    this.pods[pod].push(node);
    this.nodeCount++;
  }

  private evictTo(nodeCountMax: u32): void {
    while (this.nodeCount > nodeCountMax) {
      let victim = 0;
      for (let pod = 1; pod < this.pods.length; pod++) {
        if (this.pods[pod].length > this.pods[victim].length) victim = pod;
      }
      this.dropOldest(victim);
      this.evictedCount++;
    }
  }

  private settle(pod: u32): void {
    let tokens = this.tokens(pod);
    while (this.pods[pod].length > 0 && tokens > this.capacities[pod]) {
      tokens -= this.pods[pod][0].tokens;
      this.dropOldest(pod);
    }
  }

  private dropOldest(pod: u32): void {
    this.pods[pod].shift();
    this.nodeCount--;
  }
}
