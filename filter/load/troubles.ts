// The record of a pool's pods in trouble in shared data: read whole, changed, and written back only
// if no other VM has written meanwhile.
import { TROUBLES_MAX } from "../constants";
import { getShared, resultAt, resultCas, resultSize, setShared } from "../host/calls";
import { SharedKeys } from "../share/keys";
import { Endpoint, Endpoints } from "./endpoint";

/** One pod in trouble, as it lies in shared data. */
@unmanaged
export class Trouble {
  /** Tells whose row it is, where a new sidecar gave numbers anew. */
  addressHash: u64;
  /** 0: not ejected. */
  ejectedAtMs: f64;
  /** From then on a probe may be sent; after a failed one `backoffMs` later. */
  probeAtMs: f64;
  /** A probe is under way, until its verdict or at most until then; 0: none. */
  probeUntilMs: f64;
  backoffMs: f64;
  number: u16;
  /** In a row. */
  failures: u16;
  /** Ejected for its silence, and not for failures. */
  isHung: bool;
}

const ROW_BYTES: usize = (offsetof<Trouble>() + 7) & ~7;

/** The rows as last read. */
export class Troubles {
  count: u32 = 0;
  private readonly rows: usize = heap.alloc(ROW_BYTES * TROUBLES_MAX);
  private cas: u32 = 0;

  constructor(
    private readonly keys: SharedKeys,
    private readonly endpoints: Endpoints,
  ) {}

  // @ts-ignore: decorator
  @inline
  at(i: u32): Trouble {
    return changetype<Trouble>(this.rows + <usize>i * ROW_BYTES);
  }

  /** The endpoint that a row is of; null when it has left, or is another one now. */
  endpointOf(row: Trouble): Endpoint | null {
    if (<u32>row.number >= this.endpoints.limit) return null;
    const endpoint = this.endpoints.at(row.number);
    return endpoint.isListed && endpoint.addressHash == row.addressHash ? endpoint : null;
  }

  find(number: u32): i32 {
    for (let i: u32 = 0; i < this.count; i++) {
      const row = this.at(i);
      if (<u32>row.number == number && this.endpointOf(row) != null) return <i32>i;
    }
    return -1;
  }

  /** Also the row of one that has left the list: it may be back before the row is dropped. */
  findKept(number: u32): i32 {
    const addressHash = this.endpoints.at(number).addressHash;
    for (let i: u32 = 0; i < this.count; i++) {
      const row = this.at(i);
      if (<u32>row.number == number && row.addressHash == addressHash) return <i32>i;
    }
    return -1;
  }

  /** The endpoint's row, a new one where it has none; null where all rows are taken. */
  rowFor(number: u32): Trouble | null {
    const found = this.find(number);
    if (found >= 0) return this.at(<u32>found);
    this.removeGone();
    if (this.count == TROUBLES_MAX) return null;
    const row = this.at(this.count++);
    memory.fill(changetype<usize>(row), 0, ROW_BYTES);
    row.number = <u16>number;
    row.addressHash = this.endpoints.at(number).addressHash;
    return row;
  }

  remove(i: u32): void {
    this.count -= 1;
    if (i == this.count) return;
    memory.copy(
      this.rows + <usize>i * ROW_BYTES,
      this.rows + <usize>this.count * ROW_BYTES,
      ROW_BYTES,
    );
  }

  /** Removes the rows of pods that have left; true where there were any. */
  removeGone(): bool {
    const had = this.count;
    for (let i: i32 = <i32>had - 1; i >= 0; i--) {
      if (this.endpointOf(this.at(<u32>i)) == null) this.remove(<u32>i);
    }
    return this.count < had;
  }

  /** Reads the record as it is now. */
  read(): void {
    const key = this.keys.health();
    this.count = 0;
    this.cas = 0;
    if (!getShared(key, this.keys.size)) return;
    this.cas = resultCas;
    // A record without rows is one byte: shared data cannot be deleted, and an empty one is absent.
    this.count = min(resultSize / <u32>ROW_BYTES, TROUBLES_MAX);
    memory.copy(this.rows, resultAt, <usize>this.count * ROW_BYTES);
  }

  /** False where another VM has written since the record was read. */
  write(): bool {
    const bytes = this.count == 0 ? 1 : this.count * <u32>ROW_BYTES;
    return setShared(this.keys.health(), this.keys.size, this.rows, bytes, this.cas);
  }
}
