// One pool's exchange: takes what each gateway tells, gives each what the others told, and where a
// carrier joins further sidecars, speaks and listens through it.
import type { Clock } from "../clock.js";
import type { EndpointNumbers } from "../pools/endpoint-numbers.js";
import type { PodReport } from "../sync/report.js";
import { GATEWAYS_MAX } from "../sync/gateways.js";
import { RecordStore } from "../sync/records.js";
import type { SharedLoad } from "../sync/table.js";
import type { OutMessage, SharedPool } from "./carrier.js";
import { GatewayWatch } from "./gateway-watch.js";
import { isSame, loadOf, NONE } from "./load.js";
import { LoadLedger } from "./load-ledger.js";
import { decodeNews, encodeNews, type EndpointNews, keyIdOf, type News } from "./message.js";
import { Outbox, OUTBOX_KEPT_MS } from "./outbox.js";
import { numbersIn, renumber, walkRecords } from "./record-walk.js";

/** Between them only pods whose load has changed are told, and nothing where none has. */
export const WHOLE_LOAD_MS = 1_000;
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

/** Where the numbers of an exchange go on that takes the place of a former one. */
export interface Numbering {
  /** Of the last message of records. */
  sequence: number;
  nextBatch: number;
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
  readonly records: RecordStore;
  readonly ledger = new LoadLedger();
  readonly outbox = new Outbox();
  readonly watch = new GatewayWatch();
  /** Where a gateway has to be when all that was kept before has come; null: not known yet. */
  replayGoal: number | null = null;
  private readonly told = new Map<string, Told>();
  private outgoing: (OutMessage & { atMs: number; recordBytes: number }) | null = null;
  private sequence: number;
  private keyId: bigint;

  constructor(
    private readonly pool: NumberedPool,
    private readonly self: Identity,
    private readonly clock: Clock,
    key: Buffer,
    from: Numbering = { sequence: 0, nextBatch: 0 },
  ) {
    this.keyId = keyIdOf(key);
    this.sequence = from.sequence;
    this.records = new RecordStore(from.nextBatch);
  }

  get name(): string {
    return this.pool.name;
  }

  get numbering(): Numbering {
    return { sequence: this.sequence, nextBatch: this.records.end };
  }

  /** Bytes of records that no stream has confirmed. */
  get unpublishedBytes(): number {
    return this.outbox.bytes + (this.outgoing?.recordBytes ?? 0);
  }

  /** Hashes under another key mean nothing: all records go, theirs and ours. */
  setKey(key: Buffer): void {
    this.keyId = keyIdOf(key);
    this.records.clear();
    this.outbox.clear();
    this.outgoing = null;
    this.watch.forgetSequences();
  }

  /** One of our own gateways has reported; null: it does not say what it has on which pod. */
  tell(gateway: string, pods: readonly PodReport[] | null, records: Buffer): void {
    const nowMs = this.clock.nowMs();
    const loads = pods && new Map(pods.map((pod) => [pod.number, loadOf(pod)]));
    if (loads !== null) this.ledger.take(gateway, loads, true, nowMs);
    this.records.add(gateway, records, nowMs);
    // Another name than the filter's is a stranger's: it is served here, and not told elsewhere.
    if (this.onRecords === null || !GATEWAY.test(gateway)) return;
    if (loads !== null) this.tellLoad(gateway, loads, nowMs);
    this.outbox.add(gateway, records, nowMs, this.clock.unixMs());
    if (records.length > 0) this.onRecords();
  }

  nextRecords(): OutMessage | null {
    const nowMs = this.clock.nowMs();
    if (this.outgoing !== null) {
      if (nowMs - this.outgoing.atMs <= OUTBOX_KEPT_MS) return this.outgoing;
      // A message that no server takes does not stop those behind it for good.
      this.outbox.droppedBytes += this.outgoing.recordBytes;
    }
    this.outgoing = null;
    const parcel = this.outbox.take(nowMs);
    if (parcel === null) return null;
    const endpoints: EndpointNews[] = [];
    for (const number of numbersIn(parcel.records)) {
      const address = this.pool.numbers.addressOf(number);
      if (address !== null) endpoints.push({ number, address, load: NONE });
    }
    const sequence = ++this.sequence;
    const news = { ...this.news(parcel.gateway), sequence, madeAtUnixMs: parcel.atUnixMs };
    const bytes = encodeNews({ ...news, endpoints, records: parcel.records });
    const id = `${this.self.node}.${this.name}.${sequence}`;
    this.outgoing = { id, bytes, atMs: parcel.atMs, recordBytes: parcel.records.length };
    return this.outgoing;
  }

  published(id: string): void {
    if (this.outgoing?.id === id) this.outgoing = null;
  }

  takeRecords(message: Uint8Array): void {
    const news = this.decode(message);
    if (news === null) return;
    if (!this.watch.isNext(news.node, news.sequence)) return;
    if (!walkRecords(news.records, () => {})) {
      this.watch.counts.malformed++;
      return;
    }
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
    if (news === null) return;
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
      const isTooMany = this.told.size > GATEWAYS_MAX;
      if (!isTooMany && nowMs - wholeAtMs <= 2 * WHOLE_LOAD_MS) break;
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

  /** Null for what is not to be taken, and for our own. */
  private decode(message: Uint8Array): News | null {
    const decoded = decodeNews(message);
    if (!decoded.ok) this.watch.counts.malformed++;
    else if (decoded.news.node === this.self.node) return null;
    else if (decoded.news.keyId !== this.keyId) {
      this.watch.hearStranger(decoded.news.name, this.clock.nowMs());
    } else return decoded.news;
    return null;
  }
}
