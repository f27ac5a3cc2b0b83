// Answers one poll of a gateway: takes its report in, gives the load table and others' records.
import { randomBytes } from "node:crypto";
import type { Clock } from "../clock.js";
import type { Pool } from "../pools/pool.js";
import type { Carrier } from "../sharing/carrier.js";
import { type Numbering, PoolExchange } from "../sharing/pool-exchange.js";
import { Gateways } from "./gateways.js";
import { type DecodedReport, decodeReport, type GatewayReport } from "./report.js";

const ANSWER_MAGIC = 0x31415257; // "WRA1", little-endian.
const ANSWER_HEADER_BYTES = 16;
const U32 = 2 ** 32;
const WRONG_POOLS_MAX = 8;
const POOL_NAME_CHARS_MAX = 63;
/** Pools that are gone and whose numbers are remembered: far more than ever come back. */
const NUMBERINGS_MAX = 1_024;
/** In place of a sidecar: no answer has come yet. */
const NO_SIDECAR = "0".repeat(16);
const NO_RECORDS = Buffer.alloc(0);

/** One pool with everything that is known of it. */
export interface PoolState {
  pool: Pool;
  gateways: Gateways;
  exchange: PoolExchange;
}

export type SyncAnswer = { status: 200; body: Buffer } | { status: 400 | 404; error: string };

export class SyncService {
  readonly pools = new Map<string, PoolState>();
  /** Told to the filter: another one means that endpoint numbers begin anew. */
  readonly incarnation = randomBytes(8).readBigUInt64LE();
  /** Pools that gateways asked for in vain, newest last. */
  readonly wrongPools = new Map<string, number>();
  /** Joins other sidecars; null: there are none, only the gateways here share. */
  carrier: Carrier | null = null;
  private sequence = 0;
  /** The first table that has the key. */
  private keySequence = 0;
  /** Of pools that are gone. Were a number used twice, others would take it for heard. */
  private readonly numberings = new Map<string, Numbering>();

  constructor(
    private readonly clock: Clock,
    private key: Buffer,
    /** What people call the gateways here. */
    readonly name: string,
  ) {}

  /** The life of this sidecar, as it is written in reports and messages. */
  get node(): string {
    return this.incarnation.toString(16).padStart(16, "0");
  }

  add(pool: Pool): void {
    this.wrongPools.delete(pool.name);
    const self = { node: this.node, name: this.name };
    const from = this.numberings.get(pool.name);
    const exchange = new PoolExchange(pool, self, this.clock, this.key, from);
    this.pools.set(pool.name, { pool, gateways: new Gateways(), exchange });
    // Records name pods: those of pods that are not known yet would be lost.
    pool.whenListed(() => {
      if (this.pools.get(pool.name)?.exchange === exchange) this.carrier?.follow(exchange);
    });
  }

  /** Gateways that ask for it from now on hear that there is no such pool. */
  remove(name: string): void {
    const state = this.pools.get(name);
    if (state === undefined) return;
    this.carrier?.unfollow(state.exchange);
    this.pools.delete(name);
    this.numberings.delete(name);
    this.numberings.set(name, state.exchange.numbering);
    for (const oldest of this.numberings.keys()) {
      if (this.numberings.size <= NUMBERINGS_MAX) return;
      this.numberings.delete(oldest);
    }
  }

  /** Reads the kept records again, from their beginning. */
  private refollow({ pool, exchange }: PoolState): void {
    if (!pool.isListed) return;
    this.carrier?.unfollow(exchange);
    this.carrier?.follow(exchange);
  }

  /** A new key makes every hash in the kept records meaningless. */
  setHashKey(key: Buffer): void {
    if (key.equals(this.key)) return;
    this.key = key;
    this.keySequence = this.sequence + 1;
    for (const state of this.pools.values()) {
      state.exchange.setKey(key);
      // What others said under the new key before we had it was passed over.
      this.refollow(state);
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
    const { batches, cursor } = this.exchange(state, decoded, nowMs);
    const header = {
      strategy: state.pool.strategy,
      hashKey: this.key,
      incarnation: this.incarnation,
      sequence: ++this.sequence,
      madeAtUnixMs: this.clock.unixMs(),
    };
    const loadOf = state.exchange.loadFor(decoded.report.incarnation, nowMs);
    const table = state.pool.encode(header, nowMs, loadOf);
    const head = Buffer.alloc(ANSWER_HEADER_BYTES);
    head.writeUInt32LE(ANSWER_MAGIC, 0);
    head.writeUInt32LE(table.length, 4);
    head.writeUInt32LE(
      batches.reduce((bytes, batch) => bytes + batch.length, 0),
      8,
    );
    head.writeUInt32LE(cursor % U32, 12);
    // The copy also keeps this answer whole while the next one is encoded into the same bytes.
    return { status: 200, body: Buffer.concat([head, table, ...batches]) };
  }

  /** Takes in what the gateway told, and finds what it has not heard. */
  private exchange(
    { pool, gateways, exchange }: PoolState,
    { report, records }: Extract<DecodedReport, { ok: true }>,
    nowMs: number,
  ): { batches: Buffer[]; cursor: number } {
    const cursor = this.cursorOf(report, exchange);
    gateways.take(report, cursor, nowMs);
    // In the first report after a sidecar that was before us the numbers are that one's. Records
    // name epochs as well, so that they do no harm, and most often the numbers are the same.
    const giver = report.records?.sidecar ?? NO_SIDECAR;
    const isNumberedHere = giver === this.node || giver === NO_SIDECAR;
    const hasKey = giver !== this.node || (report.tableSequence ?? Infinity) >= this.keySequence;
    const pods = isNumberedHere ? report.pods : null;
    // What it told before it had the key is hashed with another.
    exchange.tell(report.incarnation, pods, hasKey ? records : NO_RECORDS);
    // Until the pods' lives are known the filter would drop records of them.
    if (report.records === null || !pool.hasBeenScraped)
      return { batches: [], cursor: cursor ?? 0 };
    return exchange.records.after(report.incarnation, cursor, nowMs);
  }

  /** A cursor that another sidecar gave, or this one in another life, says nothing here. */
  private cursorOf({ records }: GatewayReport, exchange: PoolExchange): number | null {
    if (records?.sidecar !== this.node) return null;
    return exchange.records.cursorOf(records.next);
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
