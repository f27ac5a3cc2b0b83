// Answers one poll of a gateway: takes its report in, gives the load table and, if asked, records.
import { randomBytes } from "node:crypto";
import type { Clock } from "../clock.js";
import type { Pool } from "../pools/pool.js";
import { Gateways } from "./gateways.js";
import { RecordStore } from "./records.js";
import { type DecodedReport, decodeReport } from "./report.js";

const ANSWER_MAGIC = 0x31415257; // "WRA1", little-endian.
const ANSWER_HEADER_BYTES = 16;
const WRONG_POOLS_MAX = 8;
const POOL_NAME_CHARS_MAX = 63;

/** One pool with everything that is known of it. */
export interface PoolState {
  pool: Pool;
  gateways: Gateways;
  records: RecordStore;
}

export type SyncAnswer = { status: 200; body: Buffer } | { status: 400 | 404; error: string };

export class SyncService {
  readonly pools = new Map<string, PoolState>();
  /** Told to the filter: another one means that endpoint numbers begin anew. */
  readonly incarnation = randomBytes(8).readBigUInt64LE();
  /** Pools that gateways asked for in vain, newest last. */
  readonly wrongPools = new Map<string, number>();
  private sequence = 0;

  constructor(
    private readonly clock: Clock,
    private key: Buffer,
  ) {}

  add(pool: Pool): void {
    this.wrongPools.delete(pool.name);
    this.pools.set(pool.name, { pool, gateways: new Gateways(), records: new RecordStore() });
  }

  /** Gateways that ask for it from now on hear that there is no such pool. */
  remove(name: string): void {
    this.pools.delete(name);
  }

  /** A new key makes every hash in the kept records meaningless. */
  setHashKey(key: Buffer): void {
    if (key.equals(this.key)) return;
    this.key = key;
    for (const { records, gateways } of this.pools.values()) {
      records.clear();
      gateways.restartReplays();
    }
  }

  answer(poolName: string, body: Buffer): SyncAnswer {
    const nowMs = this.clock.nowMs();
    const state = this.pools.get(poolName);
    if (state === undefined) {
      this.noteWrongPool(poolName, nowMs);
      const names = [...this.pools.keys()].join(", ");
      return { status: 404, error: `no pool ${quote(poolName)} here, only: ${names}` };
    }
    const decoded = decodeReport(body);
    if (!decoded.ok) return { status: 400, error: decoded.error };
    const batches = this.exchange(state, decoded, nowMs);
    const header = {
      strategy: state.pool.strategy,
      hashKey: this.key,
      incarnation: this.incarnation,
      sequence: ++this.sequence,
      madeAtUnixMs: this.clock.unixMs(),
    };
    const table = state.pool.encode(header, nowMs);
    const head = Buffer.alloc(ANSWER_HEADER_BYTES);
    head.writeUInt32LE(ANSWER_MAGIC, 0);
    head.writeUInt32LE(table.length, 4);
    head.writeUInt32LE(
      batches.reduce((bytes, batch) => bytes + batch.length, 0),
      8,
    );
    // The copy also keeps this answer whole while the next one is encoded into the same bytes.
    return { status: 200, body: Buffer.concat([head, table, ...batches]) };
  }

  private exchange(
    { gateways, records }: PoolState,
    decoded: Extract<DecodedReport, { ok: true }>,
    nowMs: number,
  ): Buffer[] {
    const gateway = gateways.take(decoded.report, nowMs);
    const { incarnation } = decoded.report;
    records.add(incarnation, decoded.records, nowMs);
    if (!decoded.asksReplay) {
      // Asking again after a pause means starting again: whatever it had is lost to it.
      gateway.replayCursor = null;
      return [];
    }
    const { batches, cursor } = records.replay(incarnation, gateway.replayCursor, nowMs);
    gateway.replayCursor = cursor;
    return batches;
  }

  private noteWrongPool(asked: string, nowMs: number): void {
    const name = asked.slice(0, POOL_NAME_CHARS_MAX);
    this.wrongPools.delete(name);
    this.wrongPools.set(name, nowMs);
    for (const oldest of this.wrongPools.keys()) {
      if (this.wrongPools.size <= WRONG_POOLS_MAX) return;
      this.wrongPools.delete(oldest);
    }
  }
}

function quote(asked: string): string {
  return JSON.stringify(asked.slice(0, POOL_NAME_CHARS_MAX));
}
