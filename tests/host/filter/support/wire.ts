// The sidecar's end of /v1/sync as docs/table-format.md has it: a small encoder and decoder that
// share no code with the filter or the sidecar.
import { fnv1a } from "./models-section.js";

export const MISSING = 0xffffffff;

/** One row; what is absent is missing in the table, and a pod may be picked unless it says no. */
export interface PodRow {
  number: number;
  address: string;
  mayBePicked?: boolean;
  isCacheOff?: boolean;
  isAtAdapterLimit?: boolean;
  epoch?: number;
  /** 0 when absent: scraped as the table is made. Null: never scraped. */
  ageMs?: number | null;
  waiting?: number | null;
  running?: number | null;
  kvUse?: number | null;
  capacityTokens?: number;
  /** Prompt and generated tokens so far; absent: the pod tells neither. */
  computedTokens?: [prompt: number, generated: number];
  /** What other gateways have there; absent: not shared. */
  shared?: SharedLoad | null | undefined;
}

export interface SharedLoad {
  inFlight: number;
  unprefilled: number;
  backlogTokens: number;
  kvTokens: number;
}

export interface TableSpec {
  rows: readonly PodRow[];
  strategy?: "DEFAULT" | "PREFIX_CACHE" | null;
  /** 16 bytes; null: not known. */
  hashKey: Uint8Array | null;
  incarnation?: bigint;
  sequence?: bigint;
  version?: number;
  /** The models section, as its bytes. */
  models?: Buffer | undefined;
}

const HEADER_BYTES = 72;
const ROW_BYTES = 128;
const NOT_SHARED = { inFlight: MISSING, unprefilled: 0, backlogTokens: 0, kvTokens: 0 };
const STRATEGIES = { DEFAULT: 1, PREFIX_CACHE: 2 } as const;

export function encodeTable(spec: TableSpec): Buffer {
  const models = spec.models ?? Buffer.alloc(0);
  const modelsAt = HEADER_BYTES + spec.rows.length * ROW_BYTES;
  const table = Buffer.concat([Buffer.alloc(modelsAt), models]);
  table.write("WRT1", 0, "latin1");
  table.writeUInt16LE(spec.version ?? 1, 4);
  table.writeUInt16LE(HEADER_BYTES, 6);
  table.writeUInt32LE(table.length, 8);
  table.writeUInt32LE(spec.rows.length, 16);
  table.writeUInt16LE(ROW_BYTES, 20);
  table[22] = spec.strategy ? STRATEGIES[spec.strategy] : 0;
  table[23] = spec.hashKey === null ? 0 : 1;
  if (spec.hashKey !== null) table.set(spec.hashKey, 24);
  table.writeBigUInt64LE(spec.incarnation ?? 1n, 40);
  table.writeBigUInt64LE(spec.sequence ?? 1n, 48);
  if (models.length > 0) {
    table.writeUInt32LE(modelsAt, 64);
    table.writeUInt32LE(models.length, 68);
  }
  spec.rows.forEach((row, i) => encodeRow(row, table, HEADER_BYTES + i * ROW_BYTES));
  return seal(table);
}

function encodeRow(row: PodRow, table: Buffer, at: number): void {
  table.writeUInt16LE(row.number, at);
  table[at + 2] = ((row.mayBePicked ?? true) ? 1 : 0) | (row.isCacheOff === true ? 2 : 0);
  if (row.isAtAdapterLimit === true) table[at + 2]! |= 4;
  table[at + 3] = row.address.length;
  table.writeUInt32LE(row.epoch ?? 1, at + 4);
  table.writeUInt32LE(row.ageMs === undefined ? 0 : (row.ageMs ?? MISSING), at + 8);
  table.writeUInt32LE(row.waiting ?? MISSING, at + 12);
  table.writeUInt32LE(row.running ?? MISSING, at + 16);
  table.writeFloatLE(row.kvUse ?? NaN, at + 20);
  table.writeUInt32LE(row.capacityTokens ?? 0, at + 24);
  for (const counter of [32, 40, 48, 56]) table.writeDoubleLE(NaN, at + counter);
  row.computedTokens?.forEach((tokens, i) => table.writeDoubleLE(tokens, at + 32 + 8 * i));
  table.write(row.address, at + 64, "latin1");
  const { inFlight, unprefilled, backlogTokens, kvTokens } = row.shared ?? NOT_SHARED;
  [inFlight, unprefilled, backlogTokens, kvTokens].forEach((value, i) => {
    table.writeUInt32LE(value, at + 112 + 4 * i);
  });
}

/** Writes the checksum that fits the table's words. */
export function seal(table: Buffer): Buffer {
  table.writeUInt32LE(fnv1a(table.subarray(16)), 12);
  return table;
}

/** `nextBatch` is the cursor behind the records; 0: a sidecar that knows none. */
export function encodeAnswer(
  table: Buffer,
  records: Buffer = Buffer.alloc(0),
  nextBatch = 0,
): Buffer {
  const head = Buffer.alloc(16);
  head.write("WRA1", 0, "latin1");
  head.writeUInt32LE(table.length, 4);
  head.writeUInt32LE(records.length, 8);
  head.writeUInt32LE(nextBatch, 12);
  return Buffer.concat([head, table, records]);
}

/** How far a gateway has applied a sidecar's records, as its report tells. */
export interface Cursor {
  /** 16 hexadecimal digits of the sidecar's incarnation. */
  sidecar: string;
  next: number;
}

/** The report's JSON, with the fields that docs/table-format.md shows. */
export interface ReportJson {
  v: number;
  pool: string;
  incarnation: string;
  vms: number;
  uptimeMs: number;
  configHash: string;
  strategy: string;
  tableSequence: number;
  records: Cursor;
  reasons: Record<string, number>;
  waitingForPod: number;
  promptTokens: number;
  matchedTokens: number;
  mispredictions: number;
  rates: {
    bytesPerToken: number;
    outputTokens: number;
    prefillUsPerToken: number;
    tpotMs: number;
  };
  index: { bytes: number; nodes: number; nodesMax: number; evicted: number };
  pods: {
    n: number;
    inFlight: number;
    unprefilled: number;
    backlogTokens: number;
    kvTokens: number;
    /** Why it is out of the pick, where it is. */
    ejected?: "failing" | "hung";
  }[];
  decisions: {
    ageMs: number;
    n: number;
    reason: string;
    prompt: number;
    cached: number;
    etaMs: number;
  }[];
  warnings: string[];
}

export interface Report {
  json: ReportJson;
  jsonText: string;
  records: Buffer;
  /** The header's last word. */
  flags: number;
  bytes: Uint8Array;
}

export function decodeReport(bytes: Uint8Array): Report {
  const body = Buffer.from(bytes);
  const jsonBytes = body.readUInt32LE(4);
  const recordBytes = body.readUInt32LE(8);
  if (body.toString("latin1", 0, 4) !== "WRR1") throw new Error("a report begins with WRR1");
  if (jsonBytes > 256 * 1024) throw new Error(`${jsonBytes} bytes of JSON`);
  if (16 + jsonBytes + recordBytes !== body.length) throw new Error("the lengths do not add up");
  const jsonText = body.toString("utf8", 16, 16 + jsonBytes);
  return {
    json: JSON.parse(jsonText) as ReportJson,
    jsonText,
    records: body.subarray(16 + jsonBytes),
    flags: body.readUInt32LE(12),
    bytes: body,
  };
}
