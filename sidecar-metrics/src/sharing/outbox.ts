// Records that wait to be published: in order, in messages that form while the one before is on
// its way, and bounded while nothing takes them.
import { split } from "./record-walk.js";

/** Most record bytes in one message; a NATS server takes 1 MiB unless told otherwise. */
export const MESSAGE_RECORD_BYTES_MAX = 64 * 1024;
/** While nothing takes them, the oldest go first. */
export const OUTBOX_BYTES_MAX = 4 * 1024 * 1024;
/** Each costs some memory of its own: 5 minutes of 20 polls a second from 5 gateways. */
export const OUTBOX_BATCHES_MAX = 32_768;
/**
 * As old as what a gateway that starts is told, and well before a number that a record names may
 * be another pod's.
 */
export const OUTBOX_KEPT_MS = 5 * 60_000;

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
  /** When the first of them came, on our clock and in Unix ms. */
  atMs: number;
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
    // In pieces: a message with all records of a long report could be more than a server takes.
    for (const piece of split(records, MESSAGE_RECORD_BYTES_MAX)) {
      // A copy: the body they came in holds much else.
      const kept = Buffer.from(piece);
      this.batches.push({ gateway, records: kept, atMs: nowMs, atUnixMs: nowUnixMs });
      this.waitingBytes += kept.length;
    }
    this.giveUp(nowMs);
  }

  /** Takes out what makes one message: the oldest, and what follows it of the same gateway. */
  take(nowMs: number): Parcel | null {
    this.giveUp(nowMs);
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
    return { gateway: first.gateway, records, atMs: first.atMs, atUnixMs: first.atUnixMs };
  }

  clear(): void {
    this.batches = [];
    this.waitingBytes = 0;
  }

  /** Drops what is too old or too much, the oldest first. */
  private giveUp(nowMs: number): void {
    let count = 0;
    for (const { records, atMs } of this.batches) {
      const isTooMany = this.batches.length - count > OUTBOX_BATCHES_MAX;
      const isTooMuch = this.waitingBytes > OUTBOX_BYTES_MAX;
      if (!isTooMany && !isTooMuch && nowMs - atMs <= OUTBOX_KEPT_MS) break;
      this.droppedBytes += records.length;
      this.waitingBytes -= records.length;
      count++;
    }
    if (count > 0) this.batches.splice(0, count);
  }
}
