// The KV blocks of one engine: reference counts, the prefix cache and its LRU list, all O(1).

const NONE = -1;
/** A block without a hash: never a hash, which are 0 or more. */
const UNHASHED = -1;

/**
 * Follows vLLM's block pool: a block whose last user left keeps its content and joins the end of
 * the free list, so the list is the LRU order of the cache; taking a block takes the head of the
 * list and forgets its content. Two blocks with the same content may exist, because the block
 * table of a running request never changes; a lookup finds the oldest of them.
 */
export class BlockPool {
  /** Blocks with no user; what they hold may still be hit. */
  freeCount: number;
  /** Blocks whose content can be hit, used or free. */
  cachedCount = 0;

  private readonly refs: Int32Array;
  private readonly hashes: Float64Array;
  /** The free list, doubly linked; entry `blockCount` is its head and tail. */
  private readonly next: Int32Array;
  private readonly previous: Int32Array;
  /**
   * Blocks of the same hash, oldest first; the table has the first one, whose `twinPrevious` is
   * the last one.
   */
  private readonly twinNext: Int32Array;
  private readonly twinPrevious: Int32Array;
  /** Open addressing: block number, or NONE. */
  private readonly table: Int32Array;
  private readonly tableMask: number;

  constructor(readonly blockCount: number) {
    this.freeCount = blockCount;
    this.refs = new Int32Array(blockCount);
    this.hashes = new Float64Array(blockCount).fill(UNHASHED);
    this.next = new Int32Array(blockCount + 1);
    this.previous = new Int32Array(blockCount + 1);
    for (let block = 0; block <= blockCount; block++) {
      this.next[block] = block === blockCount ? 0 : block + 1;
      this.previous[block] = block === 0 ? blockCount : block - 1;
    }
    this.twinNext = new Int32Array(blockCount).fill(NONE);
    this.twinPrevious = new Int32Array(blockCount).fill(NONE);
    // At most half full, so probe sequences stay short.
    const tableSize = 2 ** Math.ceil(Math.log2(blockCount * 2 + 2));
    this.table = new Int32Array(tableSize).fill(NONE);
    this.tableMask = tableSize - 1;
  }

  /** The block that holds this content, or -1. */
  find(hash: number): number {
    return this.table[this.slotOf(hash)] as number;
  }

  isFree(block: number): boolean {
    return this.refs[block] === 0;
  }

  /** One more user of a block that was found. */
  acquire(block: number): void {
    if (this.refs[block] === 0) this.unlinkFree(block);
    this.refs[block]!++;
  }

  /** A block for new content, or -1; evicts what it held. */
  take(): number {
    const block = this.next[this.blockCount] as number;
    if (block === this.blockCount) return NONE;
    this.unlinkFree(block);
    this.forget(block);
    this.refs[block] = 1;
    return block;
  }

  /** One user less; the last one puts the block at the young end of the free list. */
  release(block: number): void {
    if (--this.refs[block]! > 0) return;
    const last = this.previous[this.blockCount] as number;
    this.next[last] = block;
    this.previous[block] = last;
    this.next[block] = this.blockCount;
    this.previous[this.blockCount] = block;
    this.freeCount++;
  }

  /** Makes the content of a block in use findable. */
  register(block: number, hash: number): void {
    if (this.hashes[block] !== UNHASHED) return;
    this.hashes[block] = hash;
    this.cachedCount++;
    const slot = this.slotOf(hash);
    const first = this.table[slot] as number;
    if (first === NONE) {
      this.table[slot] = block;
      this.twinPrevious[block] = block;
      return;
    }
    const last = this.twinPrevious[first] as number;
    this.twinNext[last] = block;
    this.twinPrevious[block] = last;
    this.twinPrevious[first] = block;
  }

  /** Counts everything again and throws when the books do not balance; for tests. */
  check(expectedRefs?: ReadonlyMap<number, number>): void {
    let free = 0;
    let cached = 0;
    for (let block = 0; block < this.blockCount; block++) {
      const refs = this.refs[block] as number;
      if (refs < 0) throw new Error(`block ${block} has ${refs} users`);
      if (refs === 0) free++;
      if (this.hashes[block] !== UNHASHED) cached++;
      if (expectedRefs && refs !== (expectedRefs.get(block) ?? 0)) {
        throw new Error(`block ${block} has ${refs} users, not ${expectedRefs.get(block) ?? 0}`);
      }
    }
    let listed = 0;
    for (let at = this.next[this.blockCount]!; at !== this.blockCount; at = this.next[at]!)
      listed++;
    if (free !== this.freeCount || free !== listed)
      throw new Error(`free: ${free}, list ${listed}`);
    if (cached !== this.cachedCount) throw new Error(`cached: ${cached} != ${this.cachedCount}`);
  }

  private unlinkFree(block: number): void {
    const before = this.previous[block] as number;
    const after = this.next[block] as number;
    this.next[before] = after;
    this.previous[after] = before;
    this.freeCount--;
  }

  private forget(block: number): void {
    const hash = this.hashes[block] as number;
    if (hash === UNHASHED) return;
    // Before the hash goes: the table compares by the hashes of its blocks.
    this.unlinkTwin(block, this.slotOf(hash));
    this.hashes[block] = UNHASHED;
    this.cachedCount--;
  }

  private unlinkTwin(block: number, slot: number): void {
    const first = this.table[slot] as number;
    const before = this.twinPrevious[block] as number;
    const after = this.twinNext[block] as number;
    this.twinNext[block] = NONE;
    if (block === first) {
      if (after === NONE) return this.deleteSlot(slot);
      this.table[slot] = after;
      this.twinPrevious[after] = before;
      return;
    }
    this.twinNext[before] = after;
    this.twinPrevious[after === NONE ? first : after] = before;
  }

  /** The slot of the hash, or the empty one where it would go. */
  private slotOf(hash: number): number {
    let slot = (hash >>> 0) & this.tableMask;
    for (;;) {
      const block = this.table[slot] as number;
      if (block === NONE || this.hashes[block] === hash) return slot;
      slot = (slot + 1) & this.tableMask;
    }
  }

  /** Backward-shift deletion: no tombstones, so lookups never slow down. */
  private deleteSlot(slot: number): void {
    let hole = slot;
    let at = slot;
    for (;;) {
      at = (at + 1) & this.tableMask;
      const block = this.table[at] as number;
      if (block === NONE) break;
      const home = ((this.hashes[block] as number) >>> 0) & this.tableMask;
      if (((at - home) & this.tableMask) < ((at - hole) & this.tableMask)) continue;
      this.table[hole] = block;
      hole = at;
    }
    this.table[hole] = NONE;
  }
}
