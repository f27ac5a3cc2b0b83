// What one VM of the filter holds at this moment, read from its linear memory: no callback could
// tell it without changing it.
import type { WasmHost } from "../../simulator/host/index.js";
import {
  aligned,
  DECISION,
  ENDPOINT,
  HEAD,
  HEAD_ENTRY,
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

const node = {
  newer: NODE.reader("newer"),
  older: NODE.reader("older"),
  pod: NODE.reader("pod"),
  tokens: NODE.reader("tokens"),
  touchedAt: NODE.reader("touchedAt"),
};
const HASH_OFFSET = NODE.offset("hash");
const list = {
  oldest: POD_LIST.reader("oldest"),
  newest: POD_LIST.reader("newest"),
  nodeCount: POD_LIST.reader("nodeCount"),
  tokens: POD_LIST.reader("tokens"),
  capacityTokens: POD_LIST.reader("capacityTokens"),
};
const row = {
  isListed: ENDPOINT.reader("isListed"),
  mayBePicked: ENDPOINT.reader("mayBePicked"),
  isCacheOff: ENDPOINT.reader("isCacheOff"),
  epoch: ENDPOINT.reader("epoch"),
  addressSize: ENDPOINT.reader("addressSize"),
  ownInFlight: ENDPOINT.reader("ownInFlight"),
  ownUnprefilled: ENDPOINT.reader("ownUnprefilled"),
  ownBacklogTokens: ENDPOINT.reader("ownBacklogTokens"),
  ownKvTokens: ENDPOINT.reader("ownKvTokens"),
  otherInFlight: ENDPOINT.reader("otherInFlight"),
  otherUnprefilled: ENDPOINT.reader("otherUnprefilled"),
  otherBacklogTokens: ENDPOINT.reader("otherBacklogTokens"),
  otherKvTokens: ENDPOINT.reader("otherKvTokens"),
  overdueCount: ENDPOINT.reader("overdueCount"),
};
const decision = {
  endpoint: DECISION.reader("endpoint"),
  reason: DECISION.reader("reason"),
  promptTokens: DECISION.reader("promptTokens"),
  matchedTokens: DECISION.reader("matchedTokens"),
};
const headEntry = {
  endpoint: HEAD_ENTRY.reader("endpoint"),
  inFlight: HEAD_ENTRY.reader("inFlight"),
  unprefilled: HEAD_ENTRY.reader("unprefilled"),
  backlogTokens: HEAD_ENTRY.reader("backlogTokens"),
  kvTokens: HEAD_ENTRY.reader("kvTokens"),
};

export type RowField = keyof typeof row;
export type ListField = keyof typeof list;

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

export class VmMemory {
  private readonly memory: WebAssembly.Memory;
  private view: DataView;
  private readonly lists: number;
  private rows = 0;
  private head = 0;

  /** Before the first table: the index is found by its empty lists. */
  constructor(host: WasmHost) {
    this.memory = host.exports["memory"] as WebAssembly.Memory;
    this.view = new DataView(this.memory.buffer);
    this.lists = this.findLists();
  }

  get bytes(): number {
    return this.memory.buffer.byteLength;
  }

  /** Follows a growth of the memory. */
  refresh(): void {
    const { buffer } = this.memory;
    if (this.view.buffer !== buffer) this.view = new DataView(buffer);
  }

  /** Finds the rows by pod `number`, whose address and figures the newest table has told. */
  findRows(number: number, address: string, epoch: number): void {
    if (this.rows !== 0) return;
    const { view } = this;
    const bytes = Buffer.from(view.buffer);
    for (let at = bytes.indexOf(address); at >= 0; at = bytes.indexOf(address, at + 1)) {
      const start = at - ADDRESS_OFFSET;
      if (start % 8 !== 0 || start < 0) continue;
      if (row.addressSize(view, start) !== address.length) continue;
      if (row.epoch(view, start) !== epoch || row.isListed(view, start) !== 1) continue;
      this.rows = start - number * ENDPOINT_BYTES;
      return;
    }
    throw new Error(`no row of ${address} in the VM's memory`);
  }

  /** Finds the head that the VM keeps for itself, by what it has just published of it. */
  findHead(published: Uint8Array): void {
    this.refresh();
    const start = published.subarray(0, HEAD.offset("segmentSequence"));
    // The heartbeat is written before it is published, so that both are equal.
    this.head = Buffer.from(this.view.buffer).indexOf(start);
    if (this.head < 0) throw new Error("the VM's own head is not in its memory");
  }

  get hasRows(): boolean {
    return this.rows !== 0;
  }

  /** What the VM knows of a pod. */
  row(number: number, field: RowField): number {
    return row[field](this.view, this.rows + number * ENDPOINT_BYTES);
  }

  address(number: number): string {
    const at = this.rows + number * ENDPOINT_BYTES + ADDRESS_OFFSET;
    return Buffer.from(this.view.buffer, at, this.row(number, "addressSize")).toString("latin1");
  }

  headField(name: string): number {
    return HEAD.reader(name)(this.view, this.head);
  }

  /** The decision of that number, counted from 0; null where newer ones took its place. */
  decision(number: number): DecisionSeen | null {
    this.refresh();
    const count = this.headField("decisionCount");
    if (number >= count) throw new Error(`decision ${number} of ${count}`);
    if (number < count - DECISIONS_KEPT) return null;
    const { view } = this;
    const at = this.head + DECISIONS_OFFSET + (number % DECISIONS_KEPT) * DECISION.bytes;
    return {
      endpoint: decision.endpoint(view, at),
      reason: decision.reason(view, at),
      promptTokens: decision.promptTokens(view, at),
      matchedTokens: decision.matchedTokens(view, at),
    };
  }

  /** What the index counts of a pod. */
  list(pod: number, field: ListField): number {
    return list[field](this.view, this.lists + pod * POD_LIST.bytes);
  }

  /** All that a pod is believed to hold, oldest first. */
  nodes(pod: number): NodeSeen[] {
    const { view } = this;
    const count = this.list(pod, "nodeCount");
    const found: NodeSeen[] = [];
    let newest = 0;
    for (let at = this.list(pod, "oldest"); at !== 0; at = node.newer(view, at)) {
      if (found.length === count) throw new Error(`the list of pod ${pod} is longer than ${count}`);
      if (node.pod(view, at) !== pod) throw new Error(`pod ${pod} lists another's node`);
      if (node.older(view, at) !== newest) throw new Error(`pod ${pod}: a broken link`);
      newest = at;
      found.push({
        hash: hashIn(view, at + HASH_OFFSET),
        tokens: node.tokens(view, at),
        touchedAt: node.touchedAt(view, at),
      });
    }
    if (this.list(pod, "newest") !== newest) throw new Error(`pod ${pod}: a broken end`);
    return found;
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
  for (let i = 0; i < headField(record, "entryCount"); i++) {
    const at = ENTRIES_OFFSET + i * HEAD_ENTRY.bytes;
    loads.set(headEntry.endpoint(view, at), {
      inFlight: headEntry.inFlight(view, at),
      unprefilled: headEntry.unprefilled(view, at),
      backlogTokens: headEntry.backlogTokens(view, at),
      kvTokens: headEntry.kvTokens(view, at),
    });
  }
  return loads;
}

/** One field of a head record in shared data. */
export function headField(record: Uint8Array, name: string): number {
  const view = new DataView(record.buffer, record.byteOffset, record.byteLength);
  return HEAD.reader(name)(view, 0);
}

/** 52 bits of a hash as a number: with 10^5 of them the chance that two meet is 10^-6. */
export function hashIn(view: DataView, at: number): number {
  return view.getUint32(at + 4, true) * 2 ** 20 + (view.getUint32(at, true) >>> 12);
}
