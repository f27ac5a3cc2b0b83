// Encodes the models section of the load table as docs/table-format.md lays it out.
import { hashWords } from "../sync/fnv.js";
import type { Criticality, ModelRule, Objective } from "./model-policy.js";

export const SECTION_BYTES_MAX = 64 * 1024;
const HEADER_BYTES = 20;
const MAGIC = 0x314d5257; // "WRM1", little-endian.
const REVISION_FROM = 8;
/** The widths of the counts in the header are 16 bits; a reader allows this many. */
const ENTRIES_MAX = 256;

const CRITICALITY_CODES: Record<Criticality, number> = { Standard: 0, Critical: 1, Sheddable: 2 };

export interface AdapterEntry {
  name: string;
  /** Numbers of the endpoints that hold it, ascending. */
  endpoints: readonly number[];
}

/** Every name must be sendable (model-policy.ts); of what does not fit the tails are left out. */
export interface SectionContent {
  isClosed: boolean;
  rules: readonly ModelRule[];
  /** Names that the pods serve and no rule has. */
  served: readonly string[];
  adapters: readonly AdapterEntry[];
  objectives: readonly Objective[];
  /** The JSON text of one object each. */
  list: readonly string[];
}

/** How many of each kind did not fit. */
export type LeftOut = Record<"rules" | "served" | "adapters" | "objectives" | "list", number>;

export interface Section {
  bytes: Buffer;
  leftOut: LeftOut;
}

/** What matters most gets its place first: rules, objectives, adapters, served names, the list. */
export function encodeSection(content: SectionContent): Section {
  const room = { bytes: SECTION_BYTES_MAX - HEADER_BYTES };
  const rules = fit(content.rules.map(modelEntry), ENTRIES_MAX, room);
  const objectives = fit(content.objectives.map(objectiveEntry), ENTRIES_MAX, room);
  const adapters = fit(content.adapters.map(adapterEntry), ENTRIES_MAX, room);
  const servedRules = content.served.map((name) => modelEntry(ruleOf(name)));
  const served = fit(servedRules, ENTRIES_MAX - rules.length, room);
  const list = fitList(content.list, room.bytes);
  const listBytes = Buffer.from(content.list.slice(0, list).join(","));
  const entries = [...rules, ...served, ...adapters, ...objectives];
  const bytes = assemble(entries, listBytes, (view) => {
    view.setUint8(8, content.isClosed ? 1 : 0);
    view.setUint16(10, rules.length + served.length, true);
    view.setUint16(12, adapters.length, true);
    view.setUint16(14, objectives.length, true);
    view.setUint32(16, listBytes.length, true);
  });
  return {
    bytes,
    leftOut: {
      rules: content.rules.length - rules.length,
      served: content.served.length - served.length,
      adapters: content.adapters.length - adapters.length,
      objectives: content.objectives.length - objectives.length,
      list: content.list.length - list,
    },
  };
}

function ruleOf(name: string): ModelRule {
  return { name, criticality: "Standard", targets: [] };
}

/** The first entries that fit, and no later smaller one: which are left out is plain to see. */
function fit(entries: Buffer[], countMax: number, room: { bytes: number }): Buffer[] {
  let count = 0;
  for (const entry of entries.slice(0, countMax)) {
    if (entry.length > room.bytes) break;
    room.bytes -= entry.length;
    count++;
  }
  return entries.slice(0, count);
}

function fitList(list: readonly string[], roomBytes: number): number {
  let bytes = -1; // No comma before the first.
  for (let count = 0; count < list.length; count++) {
    bytes += 1 + Buffer.byteLength(list[count] ?? "");
    if (bytes > roomBytes) return count;
  }
  return list.length;
}

function assemble(
  entries: readonly Buffer[],
  list: Buffer,
  writeCounts: (view: DataView) => void,
): Buffer {
  const entryBytes = entries.reduce((sum, entry) => sum + entry.length, 0);
  // Its own memory, not a slice of a shared pool: the revision reads it as aligned words.
  const memory = new ArrayBuffer(padded(HEADER_BYTES + entryBytes + list.length));
  const bytes = Buffer.from(memory);
  const view = new DataView(memory);
  writeCounts(view);
  let at = HEADER_BYTES;
  for (const entry of entries) at += entry.copy(bytes, at);
  list.copy(bytes, at);
  view.setUint32(0, MAGIC, true);
  view.setUint32(4, hashWords(new Uint32Array(memory), REVISION_FROM / 4), true);
  return bytes;
}

function modelEntry({ name, criticality, targets }: ModelRule): Buffer {
  const headBytes = 8 + 8 * targets.length;
  const names = [name ?? "", ...targets.map((target) => target.name)];
  const entry = newEntry(headBytes, names);
  entry.writeUInt8(CRITICALITY_CODES[criticality], 2);
  entry.writeUInt8(targets.length, 3);
  entry.writeUInt16LE(name?.length ?? 0, 4);
  targets.forEach((target, index) => {
    entry.writeUInt32LE(target.weight, 8 + 8 * index);
    entry.writeUInt16LE(target.name.length, 12 + 8 * index);
  });
  return entry;
}

function adapterEntry({ name, endpoints }: AdapterEntry): Buffer {
  const entry = newEntry(8 + 2 * endpoints.length, [name]);
  entry.writeUInt16LE(name.length, 2);
  entry.writeUInt16LE(endpoints.length, 4);
  endpoints.forEach((number, index) => entry.writeUInt16LE(number, 8 + 2 * index));
  return entry;
}

function objectiveEntry({ name, criticality }: Objective): Buffer {
  const entry = newEntry(4, [name]);
  entry.writeUInt8(CRITICALITY_CODES[criticality], 2);
  entry.writeUInt8(name.length, 3);
  return entry;
}

/** An entry with its size and, behind `headBytes`, its names; the rest is zero. */
function newEntry(headBytes: number, names: readonly string[]): Buffer {
  const text = names.join("");
  const entry = Buffer.alloc(padded(headBytes + text.length));
  entry.writeUInt16LE(entry.length, 0);
  entry.write(text, headBytes, "latin1");
  return entry;
}

function padded(bytes: number): number {
  return Math.ceil(bytes / 4) * 4;
}
