// The lease of a pool in shared data: which VM polls the sidecar, the number of the newest table,
// and how far the sidecar's records are applied, so that whichever VM polls next goes on there.
import { getShared, resultAt, resultCas, resultSize, setShared } from "../host/calls";
import { SharedKeys } from "../share/keys";

/** Another VM writes the lease when it takes it over: twice within one call is an oddity. */
const TRIES_MAX: u32 = 4;

/** The lease as it lies in shared data. */
@unmanaged
export class Lease {
  /** Incarnation of the VM that polls. */
  holder: u64;
  untilMs: f64;
  /** Drawn once in the life of the shared data: the gateway, as the sidecar sees it. */
  gateway: u64;
  startedMs: f64;
  /** The sidecar that gave the cursor: the incarnation in its tables. 0: there was no answer. */
  sidecar: u64;
  /** The cursor: how far its records are applied, in numbers that only that sidecar knows. */
  nextBatch: u32;
  /** Grows with each table that is published. */
  tableNumber: u32;
  /** The holder serves requests, so that most of what goes up is its own. */
  isServing: bool;
  /** One of the VMs has logged that headers cannot be held. */
  hasWarned: bool;
}

export class SharedLease {
  /** As last read, or written. */
  readonly now: Lease = changetype<Lease>(heap.alloc(offsetof<Lease>()));
  private cas: u32 = 0;

  constructor(private readonly keys: SharedKeys) {}

  read(): void {
    const key = this.keys.lease();
    const at = changetype<usize>(this.now);
    if (getShared(key, this.keys.size) && resultSize == offsetof<Lease>()) {
      memory.copy(at, resultAt, offsetof<Lease>());
    } else {
      memory.fill(at, 0, offsetof<Lease>());
    }
    this.cas = resultCas;
  }

  /** False where another VM has written it since it was read. */
  write(): bool {
    const at = changetype<usize>(this.now);
    return setShared(this.keys.lease(), this.keys.size, at, <u32>offsetof<Lease>(), this.cas);
  }

  /** True for the first VM that asks: one line in the log says what concerns all of them. */
  claimWarning(): bool {
    for (let i: u32 = 0; i < TRIES_MAX; i++) {
      this.read();
      if (this.now.hasWarned) return false;
      this.now.hasWarned = true;
      if (this.write()) return true;
    }
    // Rather twice than never.
    return true;
  }

  /** What was warned of is over: should it come again, it is worth a line again. */
  forgetWarning(): void {
    for (let i: u32 = 0; i < TRIES_MAX; i++) {
      this.read();
      if (!this.now.hasWarned) return;
      this.now.hasWarned = false;
      if (this.write()) return;
    }
  }

  /**
   * Tells of a newer table, and moves the cursor if it still is where the report had it: `told` of
   * `toldBy`. False where it is not, since another VM has had those records by its own answer, and
   * this one's must not be applied beside them.
   */
  advance(toldBy: u64, told: u32, sidecar: u64, nextBatch: u32): bool {
    for (let i: u32 = 0; i < TRIES_MAX; i++) {
      this.read();
      const lease = this.now;
      const isWhereTold = lease.sidecar == toldBy && lease.nextBatch == told;
      lease.tableNumber += 1;
      if (isWhereTold) {
        lease.sidecar = sidecar;
        lease.nextBatch = nextBatch;
      }
      if (this.write()) return isWhereTold;
    }
    return false;
  }
}
