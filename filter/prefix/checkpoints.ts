// Where a prompt gets checkpoints, and the list that collects them: places depend on content alone.
import { mix } from "./siphash";

/** Checkpoints of one chain; one prompt of 8 MiB needs about 140, many messages up to 500. */
export const CHECKPOINTS_MAX: u32 = 512;
/** 64 tokens at about 4 bytes each. Finer costs index entries; coarser misses short prefixes. */
export const GRID_BYTES: u32 = 256;
/** To this position the grid is even; beyond it a step is this part of the position. */
const EVEN_BYTES: u32 = 4096;
const GRID_SHIFT: u32 = 4;
/** Ends of messages, and grids of later messages, keep this part of the position between them. */
const GAP_SHIFT: u32 = 6;

/** The grid position after the grid position `position` (the first is GRID_BYTES). */
export function gridStep(position: u32): u32 {
  const step = position < EVEN_BYTES ? GRID_BYTES : position >> GRID_SHIFT;
  return position > u32.MAX_VALUE - step ? u32.MAX_VALUE : position + step;
}

/** Checkpoints in the order of the prompt. Beyond `countMax` nothing more is noted. */
@unmanaged
export class CheckpointList {
  count: u32;
  private countMax: u32;
  /** Where the u64 hashes and the u32 ends of this list begin. */
  hashes: usize;
  ends: usize;
  /** The end of the last one that was noted, 0 before the first. */
  lastEnd: u32;

  /** Prepares an empty list on memory for `countMax` hashes and ends. */
  reset(hashes: usize, ends: usize, countMax: u32): void {
    this.hashes = hashes;
    this.ends = ends;
    this.countMax = countMax;
    this.truncate(0);
  }

  /** Forgets all but the first `count`. */
  truncate(count: u32): void {
    this.count = count;
    this.lastEnd = count == 0 ? 0 : load<u32>(this.ends + ((<usize>(count - 1)) << 2));
  }

  /** Whether a checkpoint at `end` would be far enough from the last one. */
  isFar(end: u32): bool {
    if (this.count == 0) return true;
    const gap = end - this.lastEnd;
    return gap != 0 && gap >= end >> GAP_SHIFT;
  }

  /** Notes a checkpoint: `hash` stands for the `end` bytes before it. */
  push(hash: u64, end: u32): void {
    const count = this.count;
    if (count == this.countMax) return;
    store<u64>(this.hashes + ((<usize>count) << 3), hash);
    store<u32>(this.ends + ((<usize>count) << 2), end);
    this.lastEnd = end;
    this.count = count + 1;
  }

  /** Notes the very end of what the list covers: close to the last one, in its place if full. */
  pushEnd(hash: u64, end: u32): void {
    if (this.count != 0 && end <= this.lastEnd) return;
    if (this.count == this.countMax) this.count -= 1;
    this.push(hash, end);
  }

  /** Counts all ends from a place `bytes` earlier. */
  addToEnds(bytes: u32): void {
    const end = this.ends + ((<usize>this.count) << 2);
    for (let at = this.ends; at < end; at += 4) store<u32>(at, load<u32>(at) + bytes);
    this.lastEnd += bytes;
  }

  /** Moves the list so that it ends where `next`, which lies behind it, begins. */
  moveBefore(next: CheckpointList): void {
    const hashes = next.hashes - ((<usize>this.count) << 3);
    const ends = next.ends - ((<usize>this.count) << 2);
    memory.copy(hashes, this.hashes, (<usize>this.count) << 3);
    memory.copy(ends, this.ends, (<usize>this.count) << 2);
    this.hashes = hashes;
    this.ends = ends;
  }

  /** Makes hashes `first` and later stand for what precedes them, too: `k0`, `k1` key the mix. */
  mixIn(k0: u64, k1: u64, before: u64, first: u32): void {
    const end = this.hashes + ((<usize>this.count) << 3);
    for (let at = this.hashes + ((<usize>first) << 3); at < end; at += 8) {
      store<u64>(at, mix(k0, k1, before, load<u64>(at)));
    }
  }
}
