// Keeps what the gateways of one pool told lately, and gives each one the others' share of it.
import { split } from "../sharing/record-walk.js";

export const KEPT_MS = 5 * 60_000;
export const GATEWAY_BYTES_MAX = 4 * 1024 * 1024;
/** Over all gateways of the pool, so that inventing gateways buys no memory. */
export const POOL_BYTES_MAX = 32 * 1024 * 1024;
/** Each batch costs some memory of its own: 5 minutes of 20 polls a second from 10 gateways. */
export const BATCHES_MAX = 65_536;
/** In one answer; the filter applies them at once (docs/table-format.md, "Answer"). */
export const ANSWER_RECORD_BYTES_MAX = 32 * 1024;
/** A longer one could not share an answer with another. */
const BATCH_BYTES_MAX = 16 * 1024;
/** A cursor is 32 bits wide where it travels, and begins again at 0 behind the greatest. */
const U32 = 2 ** 32;

interface Batch {
  id: number;
  gateway: string;
  atMs: number;
  /** Null once dropped before its turn. */
  records: Buffer | null;
}

export class RecordStore {
  /** Oldest first; those before `head` are gone. */
  private batches: Batch[] = [];
  private head = 0;
  private poolBytes = 0;
  private readonly gatewayBytes = new Map<string, number>();

  /** `nextId`: where the store that was before goes on, for cursors into it are still about. */
  constructor(private nextId = 0) {}

  get bytes(): number {
    return this.poolBytes;
  }

  add(gateway: string, records: Buffer, nowMs: number): void {
    this.dropOld(nowMs);
    // A copy: the body it came in holds much else.
    for (const piece of split(records, BATCH_BYTES_MAX))
      this.keep(gateway, Buffer.from(piece), nowMs);
    while (this.poolBytes > POOL_BYTES_MAX || this.batches.length - this.head > BATCHES_MAX) {
      this.dropHead();
    }
  }

  /** Where a gateway is that has got everything. */
  get end(): number {
    return this.nextId;
  }

  /**
   * The next records of others for `gateway`, oldest first, in whole batches, and where it is after
   * them. `cursor` is what an earlier call returned; null: from the oldest on.
   */
  after(
    gateway: string,
    cursor: number | null,
    nowMs: number,
  ): { batches: Buffer[]; cursor: number } {
    this.dropOld(nowMs);
    const batches: Buffer[] = [];
    let bytes = 0;
    // Never further back than what there is: 32 bits could not tell it from one far ahead.
    let next = this.nextId - this.countAfter(cursor);
    for (let i = this.firstFrom(next); i < this.batches.length; i++) {
      const batch = this.batches[i] as Batch;
      if (batch.records !== null && batch.gateway !== gateway) {
        if (bytes + batch.records.length > ANSWER_RECORD_BYTES_MAX) break;
        bytes += batch.records.length;
        batches.push(batch.records);
      }
      next = batch.id + 1;
    }
    return { batches, cursor: next };
  }

  /** Batches between a cursor and the end, a gateway's own among them; null: from the oldest on. */
  countAfter(cursor: number | null): number {
    const oldest = this.batches[this.head]?.id ?? this.nextId;
    return this.nextId - Math.max(cursor ?? 0, oldest);
  }

  /** The cursor that was told as 32 bits; one that nobody was given is long past. */
  cursorOf(told: number): number {
    return Math.max(0, this.nextId - ((((this.nextId - told) % U32) + U32) % U32));
  }

  clear(): void {
    this.batches = [];
    this.head = 0;
    this.poolBytes = 0;
    this.gatewayBytes.clear();
  }

  private keep(gateway: string, kept: Buffer, nowMs: number): void {
    this.batches.push({ id: this.nextId++, gateway, atMs: nowMs, records: kept });
    this.poolBytes += kept.length;
    const bytes = (this.gatewayBytes.get(gateway) ?? 0) + kept.length;
    this.gatewayBytes.set(gateway, bytes);
    if (bytes > GATEWAY_BYTES_MAX) this.dropOldestOf(gateway);
  }

  /** Ids grow by one from batch to batch, so the place of one is known without a search. */
  private firstFrom(id: number): number {
    const first = this.batches[this.head];
    return first === undefined ? this.batches.length : this.head + Math.max(0, id - first.id);
  }

  private dropOld(nowMs: number): void {
    for (;;) {
      const first = this.batches[this.head];
      if (first === undefined || nowMs - first.atMs <= KEPT_MS) return;
      this.dropHead();
    }
  }

  private dropHead(): void {
    this.empty(this.batches[this.head] as Batch);
    this.head++;
    // Moves the rest down now and then, so that each batch is moved once on average.
    if (this.head < 1_024 || this.head * 2 < this.batches.length) return;
    this.batches = this.batches.slice(this.head);
    this.head = 0;
  }

  private dropOldestOf(gateway: string): void {
    for (let i = this.head; i < this.batches.length; i++) {
      if ((this.gatewayBytes.get(gateway) ?? 0) <= GATEWAY_BYTES_MAX) return;
      const batch = this.batches[i] as Batch;
      if (batch.gateway === gateway) this.empty(batch);
    }
  }

  private empty(batch: Batch): void {
    if (batch.records === null) return;
    const left = (this.gatewayBytes.get(batch.gateway) ?? 0) - batch.records.length;
    this.poolBytes -= batch.records.length;
    if (left > 0) this.gatewayBytes.set(batch.gateway, left);
    else this.gatewayBytes.delete(batch.gateway);
    batch.records = null;
  }
}
