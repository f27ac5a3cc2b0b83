// Sidecars and gateways without sockets: real SyncServices on one clock, joined by a fake carrier.
import assert from "node:assert/strict";
import type { PodSettings } from "../../../sidecar-metrics/src/pools/endpoint.js";
import { Pool } from "../../../sidecar-metrics/src/pools/pool.js";
import { SyncService } from "../../../sidecar-metrics/src/sync/sync.js";
import { FakeServer } from "./fake-carrier.js";
import { decodeAnswer, insertRecord, report } from "./support.js";

export const KEY = Buffer.alloc(16, 7);
export const POOL = "p";
/** The first field of a row where nothing is shared. */
export const NOT_SHARED = 0xffff_ffff;
/** In flight, unprefilled, backlog tokens, KV tokens. */
export type Load = [number, number, number, number];

export class World {
  nowMs = 1_000_000;
  readonly server = new FakeServer();

  /** `isJoined`: over the fake server. */
  sidecar(addresses: string[], options: SidecarOptions = {}): TestSidecar {
    const sidecar = new TestSidecar(this, options);
    if (addresses.length > 0) sidecar.list(addresses);
    return sidecar;
  }

  wait(ms: number): void {
    this.nowMs += ms;
  }
}

interface SidecarOptions {
  name?: string;
  isJoined?: boolean;
  /** What its wall clock is wrong by. */
  skewMs?: number;
  key?: Buffer;
}

export class TestSidecar {
  readonly sync: SyncService;
  readonly carrier;
  pool: Pool;

  constructor(
    readonly world: World,
    { name = "gateway", isJoined = true, skewMs = 0, key = KEY }: SidecarOptions,
  ) {
    const clock = {
      nowMs: () => world.nowMs,
      unixMs: () => 1_790_000_000_000 + world.nowMs + skewMs,
      random: () => 0.5,
    };
    this.sync = new SyncService(clock, key, name);
    this.carrier = world.server.connect();
    if (isJoined) this.sync.carrier = this.carrier;
    const settings = { name: POOL, engine: "vllm", modelName: null, strategy: null } as const;
    this.pool = new Pool(settings, { added() {}, removed() {} });
    this.sync.add(this.pool);
  }

  get exchange() {
    const state = this.sync.pools.get(POOL);
    assert.ok(state);
    return state.exchange;
  }

  get counts() {
    return this.exchange.watch.counts;
  }

  /** The pods in this order; each was asked once. */
  list(addresses: string[]): void {
    this.pool.setList({ pods: addresses.map(podAt) }, this.world.nowMs);
    for (const endpoint of this.pool.endpoints) {
      endpoint.record({ result: "timeout", detail: "", sentAtMs: this.world.nowMs });
    }
  }

  stop(): void {
    void this.carrier.stop();
  }
}

function podAt(address: string): PodSettings {
  const metrics = { scheme: "http", metricsPath: "/metrics", metricsPort: null } as const;
  return { address, isDraining: false, uid: null, podName: null, ...metrics };
}

interface Poll {
  /** By address. */
  loads?: Record<string, Load>;
  /** Hash and address of each insert. */
  says?: [bigint, string][];
  /** The answer does not arrive. */
  isLost?: boolean;
}

/** A gateway as docs/table-format.md describes it: knows pods by what the last table says. */
export class TestGateway {
  /** Hash and address of all that it was told, in order. */
  readonly heard: [bigint, string][] = [];
  rows = new Map<string, ReturnType<typeof decodeAnswer>["rows"][number]>();
  cursor = { sidecar: "0".repeat(16), next: 0 };
  private tableSequence = 0;

  constructor(
    readonly incarnation: string,
    public sidecar: TestSidecar,
  ) {}

  poll({ loads = {}, says = [], isLost = false }: Poll = {}): ReturnType<typeof decodeAnswer> {
    const pods = Object.entries(loads).map(
      ([address, [inFlight, unprefilled, backlogTokens, kvTokens]]) => {
        const n = this.numberOf(address);
        return { n, inFlight, unprefilled, backlogTokens, kvTokens };
      },
    );
    const { incarnation, cursor, tableSequence } = this;
    const json = { incarnation, tableSequence, pods, records: cursor };
    const records = says.map(([hash, address]) => insertRecord(hash, this.numberOf(address)));
    const answer = this.sidecar.sync.answer(POOL, report(json, Buffer.concat(records)));
    assert.equal(answer.status, 200);
    const decoded = decodeAnswer(answer.body);
    assert.ok(decoded.isWhole && decoded.isChecksumRight);
    if (!isLost) this.take(decoded);
    return decoded;
  }

  /** What the row of a pod says of the others. */
  shared(address: string): number[] {
    return this.row(address).shared;
  }

  hashes(): bigint[] {
    return this.heard.map(([hash]) => hash);
  }

  private take(answer: ReturnType<typeof decodeAnswer>): void {
    this.rows = new Map(answer.rows.map((row) => [row.address, row]));
    const names = new Map(answer.rows.map(({ number, address }) => [number, address]));
    const { records } = answer;
    for (let at = 0; at < records.length; at += records.readUInt16LE(at)) {
      const address = names.get(records.readUInt16LE(at + 8)) ?? "?";
      this.heard.push([records.readBigUInt64LE(at + 12), address]);
    }
    this.cursor = { sidecar: answer.incarnation, next: answer.nextBatch };
    this.tableSequence = Number(answer.sequence);
  }

  private numberOf(address: string): number {
    return this.row(address).number;
  }

  private row(address: string) {
    const row = this.rows.get(address);
    assert.ok(row, `${this.incarnation} knows no pod ${address}`);
    return row;
  }
}

/** A gateway that has its first table. */
export function gateway(sidecar: TestSidecar, digit: string): TestGateway {
  const made = new TestGateway(digit.repeat(16), sidecar);
  made.poll();
  return made;
}
