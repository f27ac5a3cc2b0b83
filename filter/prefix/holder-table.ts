// Open-addressing table from a checkpoint's hash to the bitmap of the pods that hold it.

const WORD_BYTES: u32 = 8;
const HASH_BYTES: u32 = 8;

/** Odd, so no bit of the hash is lost; the upper half of the product chooses the slot. */
const SPREAD: u64 = 0x9e3779b97f4a7c15;

/**
 * Linear probing, with the following entries shifted back when one goes, so that there are no
 * tombstones and a probe stays short for ever. Hash 0 marks a free slot: callers never pass it.
 * The owner of the memory sees to it that a third of the slots stays free.
 */
export class HolderTable {
  /** Words of one bitmap; pods 0 to 64 * width - 1 fit. */
  width: u32 = 0;
  /** Hashes with at least one holder. */
  size: u32 = 0;
  private base: usize = 0;
  private end: usize = 0;
  private slots: u32 = 0;
  private stride: u32 = 0;

  static slotBytes(width: u32): u32 {
    return HASH_BYTES + width * WORD_BYTES;
  }

  /** Takes slots * slotBytes(width) bytes at `base` (8-byte aligned) as an empty table. */
  lay(base: usize, slots: u32, width: u32): void {
    this.base = base;
    this.slots = slots;
    this.width = width;
    this.stride = HolderTable.slotBytes(width);
    this.end = base + <usize>slots * this.stride;
    this.empty();
  }

  empty(): void {
    memory.fill(this.base, 0, this.end - this.base);
    this.size = 0;
  }

  /** Where the bitmap of `hash` lies, until the next change; 0 when no pod holds it. */
  find(hash: u64): usize {
    const at = this.probe(hash);
    return at != 0 && load<u64>(at) == hash ? at + HASH_BYTES : 0;
  }

  /** Notes that `pod`, below 64 * width, holds `hash`. */
  add(hash: u64, pod: u32): void {
    const at = this.probe(hash);
    if (at == 0) return;
    if (load<u64>(at) != hash) {
      store<u64>(at, hash);
      this.size++;
    }
    const word = at + HASH_BYTES + (pod >> 6) * WORD_BYTES;
    store<u64>(word, load<u64>(word) | ((<u64>1) << (pod & 63)));
  }

  /** Notes that `pod`, below 64 * width, no longer holds `hash`; the last holder takes it along. */
  remove(hash: u64, pod: u32): void {
    const bitmap = this.find(hash);
    if (bitmap == 0) return;
    const word = bitmap + (pod >> 6) * WORD_BYTES;
    store<u64>(word, load<u64>(word) & ~((<u64>1) << (pod & 63)));
    const bitmapEnd = bitmap + this.width * WORD_BYTES;
    for (let at = bitmap; at < bitmapEnd; at += WORD_BYTES) {
      if (load<u64>(at) != 0) return;
    }
    this.free(bitmap - HASH_BYTES);
  }

  /** The slot of `hash`, or the free slot where it belongs; 0 only if there is neither. */
  private probe(hash: u64): usize {
    let at = this.home(hash);
    for (let left = this.slots; left > 0; left--) {
      const there = load<u64>(at);
      if (there == hash || there == 0) return at;
      at = this.after(at);
    }
    return 0;
  }

  @inline
  private home(hash: u64): usize {
    // Multiply and shift instead of a mask: the number of slots need not be a power of two.
    const slot = (((hash * SPREAD) >> 32) * <u64>this.slots) >> 32;
    return this.base + <usize>slot * this.stride;
  }

  @inline
  private after(at: usize): usize {
    const next = at + this.stride;
    return next == this.end ? this.base : next;
  }

  /** Bytes from `from` forward to `to`, round the end. */
  @inline
  private distance(from: usize, to: usize): usize {
    return to >= from ? to - from : to + (this.end - this.base) - from;
  }

  private free(slot: usize): void {
    let hole = slot;
    let at = slot;
    for (let left = this.slots; left > 1; left--) {
      at = this.after(at);
      const hash = load<u64>(at);
      if (hash == 0) break;
      // An entry may move back only as far as its home, or a probe would miss it.
      if (this.distance(this.home(hash), at) < this.distance(hole, at)) continue;
      memory.copy(hole, at, this.stride);
      hole = at;
    }
    memory.fill(hole, 0, this.stride);
    this.size--;
  }
}
