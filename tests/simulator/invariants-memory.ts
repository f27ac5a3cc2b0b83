// What one VM of the filter holds at this moment, read from its linear memory: no callback could
// tell it without changing it.
import type { WasmHost } from "../../simulator/host/index.js";
import {
  aligned,
  DECISION,
  ENDPOINT,
  HEAD,
  HEAD_ENTRY,
  type Layout,
  NODE,
  POD_LIST,
} from "./invariants-layout.js";

/** Pods that the index has lists for, and their capacity while unknown (filter/constants.ts). */
export const PODS_MAX = 1024;
export const CAPACITY_TOKENS_DEFAULT = 100_000;
const ADDRESS_BYTES_MAX = 47;
const HISTORY_BYTES = 32 * 4;
const REASONS_ROOM = 24;
const DECISIONS_KEPT = 8;
/** As `filter/load/endpoint.ts` lays a row: fields, address, history. */
const ADDRESS_OFFSET = aligned(ENDPOINT.bytes, 8);
const ENDPOINT_BYTES = aligned(ADDRESS_OFFSET + ADDRESS_BYTES_MAX + 1, 8) + HISTORY_BYTES;
const DECISIONS_OFFSET = HEAD.bytes + REASONS_ROOM * 8;
const ENTRIES_OFFSET = DECISIONS_OFFSET + DECISIONS_KEPT * DECISION.bytes;

/** One entry of a pod's list. */
export interface NodeSeen {
  /** The upper 52 bits of the hash; 0: an answer. */
  hash: number;
  tokens: number;
  touchedAt: number;
}

/** A VM's requests on one pod, as its head shows them. */
export interface HeadLoad {
  inFlight: number;
  unprefilled: number;
  backlogTokens: number;
  kvTokens: number;
}

export interface DecisionSeen {
  endpoint: number;
  reason: number;
  promptTokens: number;
  matchedTokens: number;
}

/** Names fields of one class at one address. */
export class Struct {
  constructor(
    private readonly view: DataView,
    private readonly layout: Layout,
    private readonly at: number,
  ) {}

  get(name: string): number {
    return this.layout.read(this.view, this.at, name);
  }
}

export class VmMemory {
  private readonly lists: number;
  private rows = 0;
  private head = 0;

  /** Before the first table: the index is found by its empty lists. */
  constructor(private readonly host: WasmHost) {
    this.lists = this.findLists();
  }

  get bytes(): number {
    return this.host.memoryBytes;
  }

  /** Finds the rows by pod `number`, whose address and figures the newest table has told. */
  findRows(number: number, address: string, epoch: number): void {
    if (this.rows !== 0) return;
    const { view } = this;
    const bytes = Buffer.from(view.buffer);
    for (let at = bytes.indexOf(address); at >= 0; at = bytes.indexOf(address, at + 1)) {
      const row = at - ADDRESS_OFFSET;
      if (row % 8 !== 0 || row < 0) continue;
      const fields = new Struct(view, ENDPOINT, row);
      if (fields.get("addressSize") !== address.length || fields.get("epoch") !== epoch) continue;
      if (fields.get("isListed") !== 1) continue;
      this.rows = row - number * ENDPOINT_BYTES;
      return;
    }
    throw new Error(`no row of ${address} in the VM's memory`);
  }

  /** Finds the head that the VM keeps for itself, by what it has just published of it. */
  findHead(published: Uint8Array): void {
    const start = published.subarray(0, HEAD.offset("segmentSequence"));
    // The heartbeat is written before it is published, so that both are equal.
    this.head = Buffer.from(this.view.buffer).indexOf(start);
    if (this.head < 0) throw new Error("the VM's own head is not in its memory");
  }

  get hasRows(): boolean {
    return this.rows !== 0;
  }

  get hasHead(): boolean {
    return this.head !== 0;
  }

  row(number: number): Struct {
    return new Struct(this.view, ENDPOINT, this.rows + number * ENDPOINT_BYTES);
  }

  address(number: number): string {
    const at = this.rows + number * ENDPOINT_BYTES + ADDRESS_OFFSET;
    const size = this.row(number).get("addressSize");
    return Buffer.from(this.view.buffer, at, size).toString("latin1");
  }

  headField(name: string): number {
    return HEAD.read(this.view, this.head, name);
  }

  /** The decision of that number, counted from 0; null where newer ones took its place. */
  decision(number: number): DecisionSeen | null {
    const count = this.headField("decisionCount");
    if (number >= count) throw new Error(`decision ${number} of ${count}`);
    if (number < count - DECISIONS_KEPT) return null;
    const at = this.head + DECISIONS_OFFSET + (number % DECISIONS_KEPT) * DECISION.bytes;
    const seen = new Struct(this.view, DECISION, at);
    return {
      endpoint: seen.get("endpoint"),
      reason: seen.get("reason"),
      promptTokens: seen.get("promptTokens"),
      matchedTokens: seen.get("matchedTokens"),
    };
  }

  list(pod: number): Struct {
    return new Struct(this.view, POD_LIST, this.lists + pod * POD_LIST.bytes);
  }

  /** All that a pod is believed to hold, oldest first. */
  nodes(pod: number): NodeSeen[] {
    const { view } = this;
    const list = this.list(pod);
    const count = list.get("nodeCount");
    const found: NodeSeen[] = [];
    let newest = 0;
    for (let at = list.get("oldest"); at !== 0; at = NODE.read(view, at, "newer")) {
      if (found.length === count) throw new Error(`the list of pod ${pod} is longer than ${count}`);
      if (NODE.read(view, at, "pod") !== pod) throw new Error(`pod ${pod} lists another's node`);
      if (NODE.read(view, at, "older") !== newest) throw new Error(`pod ${pod}: a broken link`);
      newest = at;
      found.push({
        hash: hashIn(view, at + NODE.offset("hash")),
        tokens: NODE.read(view, at, "tokens"),
        touchedAt: NODE.read(view, at, "touchedAt"),
      });
    }
    if (list.get("newest") !== newest) throw new Error(`pod ${pod}: the newest is not the last`);
    return found;
  }

  private get view(): DataView {
    return new DataView((this.host.exports["memory"] as WebAssembly.Memory).buffer);
  }

  /** Lists of pods nobody has spoken of: all 0 but for the capacity, 1,024 times in a row. */
  private findLists(): number {
    const words = new Uint32Array(this.view.buffer);
    const stride = POD_LIST.bytes / 4;
    const capacity = POD_LIST.offset("capacityTokens") / 4;
    let first = -1;
    for (let at = words.indexOf(CAPACITY_TOKENS_DEFAULT); at >= 0;) {
      const before = words.subarray(Math.max(0, at - capacity), at);
      if (!before.every((word) => word === 0)) first = -1;
      else if (first < 0) first = at;
      if (first >= 0 && at === first + (PODS_MAX - 1) * stride) return (first - capacity) * 4;
      const next = words.indexOf(CAPACITY_TOKENS_DEFAULT, at + 1);
      if (next !== at + stride) first = -1;
      at = next;
    }
    throw new Error("the index is not in the VM's memory");
  }
}

/** The loads that a head record in shared data shows, by endpoint number. */
export function loadsOf(record: Uint8Array): Map<number, HeadLoad> {
  const view = new DataView(record.buffer, record.byteOffset, record.byteLength);
  const loads = new Map<number, HeadLoad>();
  for (let i = 0; i < HEAD.read(view, 0, "entryCount"); i++) {
    const entry = new Struct(view, HEAD_ENTRY, ENTRIES_OFFSET + i * HEAD_ENTRY.bytes);
    loads.set(entry.get("endpoint"), {
      inFlight: entry.get("inFlight"),
      unprefilled: entry.get("unprefilled"),
      backlogTokens: entry.get("backlogTokens"),
      kvTokens: entry.get("kvTokens"),
    });
  }
  return loads;
}

/** One field of a head record in shared data. */
export function headField(record: Uint8Array, name: string): number {
  const view = new DataView(record.buffer, record.byteOffset, record.byteLength);
  return HEAD.read(view, 0, name);
}

/** 52 bits of a hash as a number: with 10^5 of them the chance that two meet is 10^-6. */
export function hashIn(view: DataView, at: number): number {
  return view.getUint32(at + 4, true) * 2 ** 20 + (view.getUint32(at, true) >>> 12);
}
