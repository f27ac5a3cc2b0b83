// One pool's exchange: takes what each gateway tells, gives each what the others told, and where a
// carrier joins further sidecars, speaks and listens through it.
import { createHash } from "node:crypto";
import type { Clock } from "../clock.js";
import type { EndpointNumbers } from "../pools/endpoint-numbers.js";
import type { PodReport } from "../sync/report.js";
import { RecordStore } from "../sync/records.js";
import type { SharedLoad } from "../sync/table.js";
import type { OutMessage, SharedPool } from "./carrier.js";
import { GatewayWatch } from "./gateway-watch.js";
import { LoadLedger } from "./load-ledger.js";
import { decodeNews, encodeNews, type EndpointNews, type News } from "./message.js";
import { Outbox } from "./outbox.js";
import { numbersIn, renumber } from "./record-walk.js";

/** Between them only pods whose load has changed are told, and nothing where none has. */
export const WHOLE_LOAD_MS = 1_000;
const NONE: SharedLoad = { inFlight: 0, unprefilled: 0, backlogTokens: 0, kvTokens: 0 };
const GATEWAY = /^[0-9a-f]{16}$/;

/** What is used of a pool: how a pod's address and our number for it lead to each other. */
interface NumberedPool {
  readonly name: string;
  readonly numbers: Pick<EndpointNumbers, "addressOf" | "numberOf">;
}

/** Who we are, to other sidecars. */
export interface Identity {
  node: string;
  name: string;
}

/** What was last told of one of our gateways. */
interface Told {
  loads: ReadonlyMap<number, SharedLoad>;
  wholeAtMs: number;
}

export class PoolExchange implements SharedPool {
  onRecords: (() => void) | null = null;
  onLoad: ((message: Buffer) => void) | null = null;
  /** What all gateways told lately, ours as well. */
  readonly records = new RecordStore();
  readonly ledger = new LoadLedger();
  readonly outbox = new Outbox();
  readonly watch = new GatewayWatch();
  /** Where a gateway has to be when all that was kept before has come; null: not known yet. */
  replayGoal: number | null = null;
  private readonly told = new Map<string, Told>();
  private outgoing: OutMessage | null = null;
  private sequence = 0;
  private keyId: bigint;

  constructor(
    private readonly pool: NumberedPool,
    private readonly self: Identity,
    private readonly clock: Clock,
    key: Buffer,
  ) {
    this.keyId = keyIdOf(key);
  }

  get name(): string {
    return this.pool.name;
  }

  /** Hashes under another key mean nothing: all records go, theirs and ours. */
  setKey(key: Buffer): void {
    this.keyId = keyIdOf(key);
    this.records.clear();
    this.outbox.clear();
    this.outgoing = null;
    this.watch.forgetSequences();
  }

  /** One of our own gateways has reported. */
  tell(gateway: string, pods: readonly PodReport[], records: Buffer): void {
    const nowMs = this.clock.nowMs();
    const loads = new Map(pods.map((pod) => [pod.number, loadOf(pod)]));
    this.ledger.take(gateway, loads, true, nowMs);
    this.records.add(gateway, records, nowMs);
    // Another name than the filter's is a stranger's: it is served here, and not told elsewhere.
    if (this.onRecords === null || !GATEWAY.test(gateway)) return;
    this.tellLoad(gateway, loads, nowMs);
    this.outbox.add(gateway, records, nowMs, this.clock.unixMs());
    if (records.length > 0) this.onRecords();
  }

  nextRecords(): OutMessage | null {
    if (this.outgoing !== null) return this.outgoing;
    const parcel = this.outbox.take();
    if (parcel === null) return null;
    const endpoints: EndpointNews[] = [];
    for (const number of numbersIn(parcel.records)) {
      const address = this.pool.numbers.addressOf(number);
      if (address !== null) endpoints.push({ number, address, load: NONE });
    }
    const sequence = ++this.sequence;
    const news = { ...this.news(parcel.gateway), sequence, madeAtUnixMs: parcel.atUnixMs };
    const bytes = encodeNews({ ...news, endpoints, records: parcel.records });
    this.outgoing = { id: `${this.self.node}.${this.name}.${sequence}`, bytes };
    return this.outgoing;
  }

  published(id: string): void {
    if (this.outgoing?.id === id) this.outgoing = null;
  }

  takeRecords(message: Uint8Array): void {
    const news = this.decode(message);
    if (news === null || news.node === this.self.node) return;
    if (!this.watch.isNext(news.node, news.sequence)) return;
    const numbers = new Map<number, number>();
    for (const { number, address } of news.endpoints) {
      const ours = this.pool.numbers.numberOf(address);
      if (ours !== null) numbers.set(number, ours);
    }
    const { records, leftOut } = renumber(news.records, numbers);
    this.watch.counts.taken++;
    this.watch.counts.unknownPodRecords += leftOut;
    this.records.add(news.gateway, records, this.clock.nowMs());
  }

  takeLoad(message: Uint8Array): void {
    const news = this.decode(message);
    if (news === null || news.node === this.self.node) return;
    const nowMs = this.clock.nowMs();
    const loads = new Map<number, SharedLoad>();
    for (const { address, load } of news.endpoints) {
      const number = this.pool.numbers.numberOf(address);
      if (number !== null) loads.set(number, load);
    }
    this.watch.counts.taken++;
    this.watch.hear(news, this.clock.unixMs() - news.madeAtUnixMs, nowMs);
    this.ledger.take(news.gateway, loads, news.isWhole, nowMs);
  }

  /** What the others have on a pod, for one of our gateways; null: nothing is shared with it. */
  loadFor(gateway: string, nowMs: number): (number: number) => SharedLoad | null {
    this.ledger.forgetSilent(nowMs);
    const isShared = this.onRecords !== null || this.ledger.hasOthers(gateway);
    return (number) => (isShared ? this.ledger.others(number, gateway) : null);
  }

  private tellLoad(gateway: string, loads: ReadonlyMap<number, SharedLoad>, nowMs: number): void {
    const before = this.told.get(gateway);
    const isWhole = before === undefined || nowMs - before.wholeAtMs >= WHOLE_LOAD_MS;
    const endpoints: EndpointNews[] = [];
    const numbers = new Set([...loads.keys(), ...(before?.loads.keys() ?? [])]);
    for (const number of numbers) {
      const load = loads.get(number) ?? NONE;
      if (isWhole ? load === NONE : isSame(load, before.loads.get(number) ?? NONE)) continue;
      const address = this.pool.numbers.addressOf(number);
      if (address !== null) endpoints.push({ number, address, load });
    }
    this.told.delete(gateway);
    this.told.set(gateway, { loads, wholeAtMs: isWhole ? nowMs : before.wholeAtMs });
    for (const [silent, { wholeAtMs }] of this.told) {
      if (nowMs - wholeAtMs <= 2 * WHOLE_LOAD_MS) break;
      this.told.delete(silent);
    }
    if (!isWhole && endpoints.length === 0) return;
    const made = { sequence: 0, madeAtUnixMs: this.clock.unixMs(), isWhole };
    const records = Buffer.alloc(0);
    this.onLoad?.(encodeNews({ ...this.news(gateway), ...made, endpoints, records }));
  }

  private news(gateway: string): Pick<News, "node" | "gateway" | "name" | "keyId" | "isWhole"> {
    const { node, name } = this.self;
    return { node, gateway, name, keyId: this.keyId, isWhole: false };
  }

  private decode(message: Uint8Array): News | null {
    const decoded = decodeNews(message);
    if (!decoded.ok) this.watch.counts.malformed++;
    else if (decoded.news.keyId !== this.keyId) this.watch.counts.otherKey++;
    else return decoded.news;
    return null;
  }
}

function loadOf(pod: PodReport): SharedLoad {
  return {
    inFlight: pod.inFlight ?? 0,
    unprefilled: pod.unprefilled ?? 0,
    backlogTokens: Math.round(pod.backlogTokens ?? 0),
    kvTokens: Math.round(pod.kvTokens ?? 0),
  };
}

function isSame(a: SharedLoad, b: SharedLoad): boolean {
  return (
    a.inFlight === b.inFlight &&
    a.unprefilled === b.unprefilled &&
    a.backlogTokens === b.backlogTokens &&
    a.kvTokens === b.kvTokens
  );
}

/** Tells keys apart; the key cannot be found from it. */
function keyIdOf(key: Buffer): bigint {
  return createHash("sha256").update("warmroute sharing ").update(key).digest().readBigUInt64LE(0);
}
