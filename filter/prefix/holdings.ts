// What every pod holds: nodes, the two tables over them, and the memory they share.
import { HolderTable } from "./holder-table";
import { FINDER_SLOT_BYTES, NodeFinder } from "./node-finder";
import { NODE_BYTES, Node, NodeLists, POD_LIST_BYTES } from "./node-lists";
import { RichestPod } from "./richest-pod";

/**
 * Keeps lists, tables and heap in step. Everything lies in one block, and growing the bitmaps
 * re-lays the tables in place: nothing is allocated after construction. A node of
 * hash 0 is in no table: an answer that is never looked for.
 */
export class Holdings {
  readonly lists: NodeLists = new NodeLists();
  readonly holders: HolderTable = new HolderTable();
  /** Nodes taken from the pod with most, because all were in use. Never falls. */
  evictedCount: u32 = 0;
  private readonly finder: NodeFinder = new NodeFinder();
  private readonly richest: RichestPod;
  private readonly nodesAt: usize;
  private readonly nodesBytes: u32;

  /** Takes `bytes` at `block` (8-byte aligned), of which the pods' own lists are a part. */
  constructor(
    block: usize,
    bytes: u32,
    private readonly podCount: u32,
    capacityTokens: u32,
  ) {
    const richestAt = block + podCount * POD_LIST_BYTES;
    const nodesAt = richestAt + RichestPod.bytes(podCount);
    const nodesBytes = bytes - <u32>(nodesAt - block);
    this.richest = new RichestPod(richestAt, podCount);
    this.nodesAt = nodesAt;
    this.nodesBytes = nodesBytes;
    this.lists.lay(block, podCount, capacityTokens, nodesAt, nodesThatFit(nodesBytes, 1));
    this.layTables(1);
  }

  /** Address of the node of this pod and hash, 0 when there is none. */
  @inline
  find(pod: u32, hash: u64): usize {
    return this.finder.find(pod, hash);
  }

  /**
   * Adds a node that is not there yet as the pod's newest. When all nodes are in use, the pod with
   * most loses its oldest. `settle` must follow before another pod changes.
   */
  add(pod: u32, hash: u64, tokens: u32, touchedAt: u32): void {
    if (pod >= this.holders.width << 6) this.widen(pod);
    if (this.lists.nodeCount >= this.lists.nodeCountMax) {
      this.richest.set(pod, this.lists.list(pod).nodeCount);
      const victim = this.richest.top();
      this.drop(changetype<Node>(this.lists.list(victim).oldest));
      this.richest.set(victim, this.lists.list(victim).nodeCount);
      this.evictedCount++;
    }
    const node = changetype<Node>(this.lists.add(pod, hash, tokens, touchedAt));
    if (hash == 0) return;
    this.finder.add(node);
    this.holders.add(hash, pod);
  }

  drop(node: Node): void {
    if (node.hash != 0) {
      this.finder.remove(node);
      this.holders.remove(node.hash, node.pod);
    }
    this.lists.remove(node);
  }

  /** Brings the pod under its capacity, and the heap up to date. */
  settle(pod: u32): void {
    const list = this.lists.list(pod);
    while (list.oldest != 0 && list.tokens > list.capacityTokens) {
      this.drop(changetype<Node>(list.oldest));
    }
    this.richest.set(pod, list.nodeCount);
  }

  /** Drops all nodes of all pods. Capacities stay. */
  clear(): void {
    this.lists.empty(this.podCount);
    this.finder.empty();
    this.holders.empty();
    this.richest.empty();
  }

  /** Makes room in the bitmaps for `pod`: fewer nodes then fit the same memory. */
  private widen(pod: u32): void {
    let width = this.holders.width;
    while (width << 6 <= pod) width <<= 1;
    const nodeCountMax = nodesThatFit(this.nodesBytes, width);
    this.richest.set(pod, this.lists.list(pod).nodeCount);
    // Both tables are laid anew below, so the nodes that go need not leave them.
    while (this.lists.nodeCount > nodeCountMax) {
      const victim = this.richest.top();
      this.lists.remove(changetype<Node>(this.lists.list(victim).oldest));
      this.richest.set(victim, this.lists.list(victim).nodeCount);
      this.evictedCount++;
    }
    this.lists.compact(nodeCountMax);
    this.layTables(width);
    for (let i: u32 = 0; i < this.lists.nodeCount; i++) {
      const node = this.lists.at(i);
      if (node.hash == 0) continue;
      this.finder.add(node);
      this.holders.add(node.hash, node.pod);
    }
  }

  /** Lays both tables, empty, behind the nodes. */
  private layTables(width: u32): void {
    const slots = slotsFor(this.lists.nodeCountMax);
    const finderAt = this.nodesAt + <usize>this.lists.nodeCountMax * NODE_BYTES;
    this.finder.lay(finderAt, slots);
    this.holders.lay(finderAt + <usize>slots * FINDER_SLOT_BYTES, slots, width);
  }
}

/** A third of the slots stays free even when each node has a hash of its own. */
function slotsFor(nodeCount: u32): u32 {
  return nodeCount + (nodeCount >> 1) + 2;
}

/** The most nodes that fit `bytes` together with their slots in both tables. */
function nodesThatFit(bytes: u32, width: u32): u32 {
  const slotBytes = <u64>(FINDER_SLOT_BYTES + HolderTable.slotBytes(width));
  return <u32>(((<u64>bytes - 2 * slotBytes) * 2) / (2 * <u64>NODE_BYTES + 3 * slotBytes));
}
