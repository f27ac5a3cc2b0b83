// Open-addressing table from (pod, checkpoint hash) to the node that stands for the pair.
import { Node } from "./node-lists";

/** Lower half: the node's address, 0 in a free slot. Upper half: the pair's mixed key. */
export const FINDER_SLOT_BYTES: u32 = 8;

/** Odd constants: pods that hold the same hash must land far apart. */
const POD_SPREAD: u64 = 0xd6e8feb86659fd93;
const SPREAD: u64 = 0x9e3779b97f4a7c15;

/**
 * Probing reads a node only when the upper 32 bits of the mixed key agree, and shifting entries
 * back reads none. The owner of the memory sees to it that a third of the slots stays free.
 */
export class NodeFinder {
  private base: usize = 0;
  private end: usize = 0;
  private slots: u32 = 0;

  /** Takes slots * FINDER_SLOT_BYTES bytes at `base` (8-byte aligned) as an empty table. */
  lay(base: usize, slots: u32): void {
    this.base = base;
    this.slots = slots;
    this.end = base + <usize>slots * FINDER_SLOT_BYTES;
    this.empty();
  }

  empty(): void {
    memory.fill(this.base, 0, this.end - this.base);
  }

  /** Address of the node of this pod and hash, 0 when there is none. */
  find(pod: u32, hash: u64): usize {
    const key = mixedKey(pod, hash);
    let at = this.home(key);
    for (let left = this.slots; left > 0; left--) {
      const entry = load<u64>(at);
      if (entry == 0) break;
      if (<u32>(entry >> 32) == key) {
        const address = <usize>(<u32>entry);
        const node = changetype<Node>(address);
        if (node.hash == hash && node.pod == pod) return address;
      }
      at = this.after(at);
    }
    return 0;
  }

  /** Adds a node that is not in the table. */
  add(node: Node): void {
    const key = mixedKey(node.pod, node.hash);
    let at = this.home(key);
    for (let left = this.slots; left > 0; left--) {
      if (load<u64>(at) == 0) {
        store<u64>(at, ((<u64>key) << 32) | (<u64>changetype<usize>(node)));
        return;
      }
      at = this.after(at);
    }
  }

  /** Takes a node out; its pod and hash must still be set. */
  remove(node: Node): void {
    const key = mixedKey(node.pod, node.hash);
    const wanted = ((<u64>key) << 32) | (<u64>changetype<usize>(node));
    let at = this.home(key);
    for (let left = this.slots; left > 0; left--) {
      const entry = load<u64>(at);
      if (entry == 0) return;
      if (entry == wanted) {
        this.free(at);
        return;
      }
      at = this.after(at);
    }
  }

  private free(slot: usize): void {
    let hole = slot;
    let at = slot;
    for (let left = this.slots; left > 1; left--) {
      at = this.after(at);
      const entry = load<u64>(at);
      if (entry == 0) break;
      // An entry may move back only as far as its home, or a probe would miss it.
      const home = this.home(<u32>(entry >> 32));
      if (this.distance(home, at) < this.distance(hole, at)) continue;
      store<u64>(hole, entry);
      hole = at;
    }
    store<u64>(hole, 0);
  }

  @inline
  private home(key: u32): usize {
    return this.base + <usize>((<u64>key * <u64>this.slots) >> 32) * FINDER_SLOT_BYTES;
  }

  @inline
  private after(at: usize): usize {
    const next = at + FINDER_SLOT_BYTES;
    return next == this.end ? this.base : next;
  }

  /** Bytes from `from` forward to `to`, round the end. */
  @inline
  private distance(from: usize, to: usize): usize {
    return to >= from ? to - from : to + (this.end - this.base) - from;
  }
}

function mixedKey(pod: u32, hash: u64): u32 {
  return <u32>(((hash ^ (<u64>(pod + 1) * POD_SPREAD)) * SPREAD) >> 32);
}
