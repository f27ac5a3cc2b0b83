// Records that wait to be published: in order, in messages that form while the one before is on
// its way, and bounded while nothing takes them.

/** Most record bytes in one message; a NATS server takes 1 MiB unless told otherwise. */
export const MESSAGE_RECORD_BYTES_MAX = 64 * 1024;
/** While nothing takes them, the oldest go first. */
export const OUTBOX_BYTES_MAX = 4 * 1024 * 1024;
/** As old as what a gateway that starts is told. */
const KEPT_MS = 5 * 60_000;

interface Batch {
  gateway: string;
  records: Buffer;
  atMs: number;
  atUnixMs: number;
}

/** What goes in one message: the records of one gateway. */
export interface Parcel {
  gateway: string;
  records: Buffer;
  /** When the first of them came, Unix ms. */
  atUnixMs: number;
}

export class Outbox {
  private batches: Batch[] = [];
  private waitingBytes = 0;
  /** Bytes that were given up, because nothing took them for too long. */
  droppedBytes = 0;

  get bytes(): number {
    return this.waitingBytes;
  }

  add(gateway: string, records: Buffer, nowMs: number, nowUnixMs: number): void {
    if (records.length === 0) return;
    // A copy: the body they came in holds much else.
    const kept = Buffer.from(records);
    this.batches.push({ gateway, records: kept, atMs: nowMs, atUnixMs: nowUnixMs });
    this.waitingBytes += kept.length;
    let first = this.batches[0];
    while (
      first !== undefined &&
      (this.waitingBytes > OUTBOX_BYTES_MAX || nowMs - first.atMs > KEPT_MS)
    ) {
      this.droppedBytes += first.records.length;
      this.waitingBytes -= first.records.length;
      this.batches.shift();
      first = this.batches[0];
    }
  }

  /** Takes out what makes one message: the oldest, and what follows it of the same gateway. */
  take(): Parcel | null {
    const first = this.batches[0];
    if (first === undefined) return null;
    let count = 0;
    let bytes = 0;
    for (const { gateway, records } of this.batches) {
      const isFull = count > 0 && bytes + records.length > MESSAGE_RECORD_BYTES_MAX;
      if (gateway !== first.gateway || isFull) break;
      bytes += records.length;
      count++;
    }
    const taken = this.batches.splice(0, count);
    this.waitingBytes -= bytes;
    const records = Buffer.concat(taken.map((batch) => batch.records));
    return { gateway: first.gateway, records, atUnixMs: first.atUnixMs };
  }

  clear(): void {
    this.batches = [];
    this.waitingBytes = 0;
  }
}
