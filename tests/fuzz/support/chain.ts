// Lists of checkpoints as docs/decisions/0002 has them, for the reference reading.
import { hashBytes, mix, out } from "./siphash.js";

/** A hash in two halves. */
export interface Hash {
  lo: number;
  hi: number;
}

/** The last hash that was made. */
export function taken(): Hash {
  return { lo: out.lo, hi: out.hi };
}

export function mixed(a: Hash, b: Hash): Hash {
  mix(a.lo, a.hi, b.lo, b.hi);
  return taken();
}

export function plus(a: Hash, b: Hash): Hash {
  const lo = (a.lo + b.lo) | 0;
  return { lo, hi: (a.hi + b.hi + (lo >>> 0 < a.lo >>> 0 ? 1 : 0)) | 0 };
}

/** A small number as a hash. */
export function word(lo: number): Hash {
  return { lo, hi: 0 };
}

/** 0 stands for "absent". */
export function notZero(hash: Hash): Hash {
  return hash.lo === 0 && hash.hi === 0 ? word(1) : hash;
}

export interface Checkpoint {
  hash: Hash;
  /** Bytes of prompt before it. */
  end: number;
}

/** The finest grid, to EVEN_BYTES; then a step is 1/16 of the position. */
const GRID_BYTES = 256;
const EVEN_BYTES = 4096;

export class Checkpoints {
  readonly all: Checkpoint[] = [];

  constructor(private readonly countMax: number) {}

  /** Checkpoints keep 1/64 of the position between them. */
  isFar(end: number): boolean {
    const last = this.all.at(-1);
    return last === undefined || (end !== last.end && end - last.end >= Math.floor(end / 64));
  }

  push(hash: Hash, end: number): void {
    if (this.all.length < this.countMax) this.all.push({ hash, end });
  }

  pushEnd(hash: Hash, end: number): void {
    const last = this.all.at(-1);
    if (last !== undefined && end <= last.end) return;
    if (this.all.length === this.countMax) this.all.pop();
    this.push(hash, end);
  }

  /** Makes those from `first` on stand for what precedes them as well. */
  mixIn(before: Hash, first = 0): void {
    for (let i = first; i < this.all.length; i++) {
      this.all[i]!.hash = mixed(before, this.all[i]!.hash);
    }
  }
}

/** The bytes of one section are gathered here, one section at a time. */
let gathered = new Uint8Array(1 << 16);

/** The text of a message, a system prompt or a prompt. */
export class Section {
  /** Bytes that count as prompt; those that only part one thing from another do not. */
  position = 0;
  private used = 0;
  private nextGrid = GRID_BYTES;
  private readonly marks: number[] = [];
  private readonly ends: number[] = [];
  private grids: { offset: number; end: number }[] = [];

  constructor(
    private readonly list: Checkpoints,
    private readonly startBytes: number,
  ) {}

  text(bytes: Uint8Array): void {
    let from = 0;
    while (from < bytes.length) {
      const count = Math.min(bytes.length - from, this.nextGrid - this.position);
      this.put(bytes.subarray(from, from + count));
      this.advance(count);
      from += count;
    }
  }

  /** Further bytes of the hash that are no prompt. */
  put(bytes: Uint8Array): void {
    if (this.used + bytes.length > gathered.length) {
      const larger = new Uint8Array(2 * (this.used + bytes.length));
      larger.set(gathered.subarray(0, this.used));
      gathered = larger;
    }
    gathered.set(bytes, this.used);
    this.used += bytes.length;
  }

  token(id: number): void {
    this.put(Uint8Array.of(id, id >>> 8, id >>> 16, id >>> 24));
    this.advance(4);
  }

  /** What is not text counts by its hash. */
  part({ lo, hi }: Hash, bytes: number): void {
    this.put(Uint8Array.of(0xfe, lo, lo >> 8, lo >> 16, lo >> 24, hi, hi >> 8, hi >> 16, hi >> 24));
    this.advance(bytes);
  }

  /** Notes the grid's checkpoints; the hash of all. */
  close(): Hash {
    for (const { offset, end } of this.grids) {
      // Whether a place is noted depends on those noted before it, not on their hashes.
      if (!this.isFar(end)) continue;
      this.marks.push(offset);
      this.ends.push(end);
    }
    hashBytes(gathered, this.used, this.marks, (i) => this.list.push(taken(), this.ends[i]!));
    this.grids = [];
    return taken();
  }

  private isFar(end: number): boolean {
    const last = this.ends.at(-1);
    if (last === undefined) return this.list.isFar(end);
    return end !== last && end - last >= Math.floor(end / 64);
  }

  private advance(bytes: number): void {
    this.position += bytes;
    if (this.position < this.nextGrid) return;
    while (this.nextGrid <= this.position) {
      this.nextGrid += this.nextGrid < EVEN_BYTES ? GRID_BYTES : this.nextGrid >> 4;
    }
    this.grids.push({ offset: this.used, end: this.startBytes + this.position });
  }
}
