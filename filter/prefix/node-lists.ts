// The nodes of the index, one for each checkpoint that a pod holds, threaded by pod in LRU order.

/** One checkpoint (or answer) in one pod's cache. Nodes are named by address; 0 is none. */
@unmanaged
export class Node {
  /** The checkpoint's hash; for an answer 0 or a key, neither of which a prompt can match. */
  hash: u64;
  /** Neighbours in the pod's list. In a free node `newer` leads to the next free one. */
  older: usize;
  newer: usize;
  /** Tokens between the checkpoint before and this one. */
  tokens: u32;
  /** Time of the last touch, never 0. */
  touchedAt: u32;
  /** POD_FREE in a free node. */
  pod: u32;
  private spare: u32;
}

export const NODE_BYTES: u32 = 32;
const POD_FREE: u32 = u32.MAX_VALUE;

/** One pod's list and its sums. */
@unmanaged
export class PodList {
  tokens: u64;
  oldest: usize;
  newest: usize;
  nodeCount: u32;
  capacityTokens: u32;
}

export const POD_LIST_BYTES: u32 = 24;

if (offsetof<Node>() != NODE_BYTES) ERROR("NODE_BYTES is not the size of a node");
if (offsetof<PodList>() != POD_LIST_BYTES) ERROR("POD_LIST_BYTES is not the size of a list");

export class NodeLists {
  /** Nodes in use, over all pods. */
  nodeCount: u32 = 0;
  nodeCountMax: u32 = 0;
  private pods: usize = 0;
  private nodes: usize = 0;
  private freed: usize = 0;
  /** Nodes that were ever in use; the rest is not linked anywhere, so laying costs nothing. */
  private usedCount: u32 = 0;

  /** Takes podCount * POD_LIST_BYTES bytes at `pods`, and nodeCountMax * NODE_BYTES at `nodes`. */
  lay(pods: usize, podCount: u32, capacityTokens: u32, nodes: usize, nodeCountMax: u32): void {
    this.pods = pods;
    this.nodes = nodes;
    this.nodeCountMax = nodeCountMax;
    memory.fill(pods, 0, podCount * POD_LIST_BYTES);
    for (let pod: u32 = 0; pod < podCount; pod++) this.list(pod).capacityTokens = capacityTokens;
    this.forgetNodes();
  }

  /** Forgets all nodes; capacities stay. */
  empty(podCount: u32): void {
    for (let pod: u32 = 0; pod < podCount; pod++) {
      const list = this.list(pod);
      list.tokens = 0;
      list.oldest = 0;
      list.newest = 0;
      list.nodeCount = 0;
    }
    this.forgetNodes();
  }

  @inline
  list(pod: u32): PodList {
    return changetype<PodList>(this.pods + pod * POD_LIST_BYTES);
  }

  /** The node with this number, below nodeCount; only right after `compact`. */
  @inline
  at(number: u32): Node {
    return changetype<Node>(this.nodes + <usize>number * NODE_BYTES);
  }

  /** Adds the pod's newest node and returns its address; 0 when all nodes are in use. */
  add(pod: u32, hash: u64, tokens: u32, touchedAt: u32): usize {
    let address = this.freed;
    if (address != 0) {
      this.freed = changetype<Node>(address).newer;
    } else {
      if (this.usedCount >= this.nodeCountMax) return 0;
      address = changetype<usize>(this.at(this.usedCount++));
    }
    const node = changetype<Node>(address);
    node.hash = hash;
    node.tokens = tokens;
    node.touchedAt = touchedAt;
    node.pod = pod;
    const list = this.list(pod);
    this.linkNewest(list, node);
    list.tokens += tokens;
    list.nodeCount++;
    this.nodeCount++;
    return address;
  }

  /** Makes `node` the newest of its pod. */
  touch(node: Node, tokens: u32, touchedAt: u32): void {
    const list = this.list(node.pod);
    list.tokens = list.tokens - node.tokens + tokens;
    node.tokens = tokens;
    node.touchedAt = touchedAt;
    if (node.newer == 0) return;
    this.unlink(list, node);
    this.linkNewest(list, node);
  }

  /** Gives `node` back. */
  remove(node: Node): void {
    const list = this.list(node.pod);
    this.unlink(list, node);
    list.tokens -= node.tokens;
    list.nodeCount--;
    this.nodeCount--;
    node.pod = POD_FREE;
    node.newer = this.freed;
    this.freed = changetype<usize>(node);
  }

  /**
   * Moves the nodes to the front of their memory, of which only `nodeCountMax` (not below
   * nodeCount) stay in use. Lists keep their order.
   */
  compact(nodeCountMax: u32): void {
    let hole: u32 = 0;
    // Each round fills one hole from the end or leaves a free node out there.
    for (let end = this.usedCount; end > this.nodeCount; end--) {
      const last = this.at(end - 1);
      if (last.pod == POD_FREE) continue;
      while (hole < end && this.at(hole).pod != POD_FREE) hole++;
      this.move(last, this.at(hole));
    }
    this.freed = 0;
    this.usedCount = this.nodeCount;
    this.nodeCountMax = nodeCountMax;
  }

  private forgetNodes(): void {
    this.freed = 0;
    this.usedCount = 0;
    this.nodeCount = 0;
  }

  private move(from: Node, to: Node): void {
    memory.copy(changetype<usize>(to), changetype<usize>(from), NODE_BYTES);
    from.pod = POD_FREE;
    const list = this.list(to.pod);
    if (to.older != 0) changetype<Node>(to.older).newer = changetype<usize>(to);
    else list.oldest = changetype<usize>(to);
    if (to.newer != 0) changetype<Node>(to.newer).older = changetype<usize>(to);
    else list.newest = changetype<usize>(to);
  }

  @inline
  private linkNewest(list: PodList, node: Node): void {
    const address = changetype<usize>(node);
    node.older = list.newest;
    node.newer = 0;
    if (list.newest != 0) changetype<Node>(list.newest).newer = address;
    else list.oldest = address;
    list.newest = address;
  }

  @inline
  private unlink(list: PodList, node: Node): void {
    if (node.older != 0) changetype<Node>(node.older).newer = node.newer;
    else list.oldest = node.newer;
    if (node.newer != 0) changetype<Node>(node.newer).older = node.older;
    else list.newest = node.older;
  }
}
