// The prefix index a second time, as plainly as can be: arrays, searched from end to end.

export class NaiveNode {
  constructor(
    readonly hash: u64,
    readonly isAnswer: bool,
    public tokens: u32,
    public touchedAt: u32,
  ) {}
}

/** Each pod is an array of nodes, oldest first. */
export class NaiveIndex {
  readonly pods: Array<Array<NaiveNode>> = [];
  readonly capacities: Array<u64> = [];
  nodeCount: u32 = 0;
  evictedCount: u32 = 0;
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
    for (let i = hashes.length - 1; i >= 0; i--) {
      const start = i > 0 ? ends[i - 1] : 0;
      const tokens = ends[i] > start ? ends[i] - start : 0;
      const at = this.position(pod, hashes[i]);
      if (at >= 0) {
        const node = this.pods[pod].splice(at, 1)[0];
        node.tokens = tokens;
        node.touchedAt = nowMs;
        this.pods[pod].push(node);
      } else {
        this.add(pod, new NaiveNode(hashes[i], false, tokens, nowMs), nodeCountMax);
      }
    }
    this.settle(pod);
  }

  charge(pod: u32, tokens: u32, nowMs: u32, nodeCountMax: u32): void {
    this.add(pod, new NaiveNode(0, true, tokens, nowMs), nodeCountMax);
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
