// Keeps what the gateways of one pool told each other lately, for one that starts anew.

export const KEPT_MS = 5 * 60_000;
export const GATEWAY_BYTES_MAX = 4 * 1024 * 1024;
/** Over all gateways of the pool, so that inventing gateways buys no memory. */
export const POOL_BYTES_MAX = 32 * 1024 * 1024;
/** Each batch costs some memory of its own: 5 minutes of 20 polls a second from 10 gateways. */
export const BATCHES_MAX = 65_536;
export const REPLAY_BYTES_MAX = 1024 * 1024;

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
  private nextId = 0;
  private poolBytes = 0;
  private readonly gatewayBytes = new Map<string, number>();

  get bytes(): number {
    return this.poolBytes;
  }

  add(gateway: string, records: Buffer, nowMs: number): void {
    this.dropOld(nowMs);
    if (records.length === 0) return;
    // A copy: the body it came in holds much else.
    const kept = Buffer.from(records);
    this.batches.push({ id: this.nextId++, gateway, atMs: nowMs, records: kept });
    this.poolBytes += kept.length;
    const bytes = (this.gatewayBytes.get(gateway) ?? 0) + kept.length;
    this.gatewayBytes.set(gateway, bytes);
    if (bytes > GATEWAY_BYTES_MAX) this.dropOldestOf(gateway);
    while (this.poolBytes > POOL_BYTES_MAX || this.batches.length - this.head > BATCHES_MAX) {
      this.dropHead();
    }
  }

  /**
   * The next records of others for `gateway`, oldest first, in whole batches; `cursor` is null at
   * the first call and what the last call returned after that. No batches: it has seen them all.
   */
  replay(
    gateway: string,
    cursor: number | null,
    nowMs: number,
  ): { batches: Buffer[]; cursor: number } {
    this.dropOld(nowMs);
    const batches: Buffer[] = [];
    let bytes = 0;
    let next = cursor ?? 0;
    for (let i = this.firstFrom(next); i < this.batches.length; i++) {
      const batch = this.batches[i] as Batch;
      if (batch.records !== null && batch.gateway !== gateway) {
        if (bytes + batch.records.length > REPLAY_BYTES_MAX) break;
        bytes += batch.records.length;
        batches.push(batch.records);
      }
      next = batch.id + 1;
    }
    return { batches, cursor: next };
  }

  clear(): void {
    this.batches = [];
    this.head = 0;
    this.poolBytes = 0;
    this.gatewayBytes.clear();
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
