// Decodes what a gateway posts to /v1/sync (docs/table-format.md, "Report"); never trusts it.
import { walkRecords } from "../sharing/record-walk.js";

const MAGIC = 0x31525257; // "WRR1", little-endian.
const HEADER_BYTES = 16;
export const JSON_BYTES_MAX = 256 * 1024;

/** How much of each list is kept; what is beyond is a gateway's mistake. */
const PODS_MAX = 1_024;
const DECISIONS_MAX = 32;
const WARNINGS_MAX = 16;
const REASONS_MAX = 64;
const TEXT_CHARS_MAX = 64;
const EJECTIONS = ["failing", "hung"] as const;
const REASON = /^[a-z0-9-]{1,32}$/;

/** Why a gateway picks a pod no more: it fails, or is silent. */
export type Ejection = (typeof EJECTIONS)[number];

export interface PodReport {
  number: number;
  inFlight: number | null;
  unprefilled: number | null;
  backlogTokens: number | null;
  kvTokens: number | null;
  /** Null: the gateway picks it. */
  ejected: Ejection | null;
}

export interface Decision {
  ageMs: number;
  number: number | null;
  reason: string;
  promptTokens: number | null;
  cachedTokens: number | null;
  etaMs: number | null;
}

/** One gateway's view of itself. Null is unknown; texts are the gateway's own: escape them. */
export interface GatewayReport {
  incarnation: string;
  vms: number | null;
  uptimeMs: number | null;
  configHash: string | null;
  strategy: string | null;
  tableSequence: number | null;
  reasons: Map<string, number>;
  promptTokens: number | null;
  matchedTokens: number | null;
  mispredictions: number | null;
  /** Requests that are held until there is a pod. */
  waitingForPod: number | null;
  rates: Map<string, number>;
  index: Map<string, number>;
  pods: PodReport[];
  decisions: Decision[];
  warnings: string[];
  /** What it has applied of the others' records; null: it takes none. */
  records: RecordCursor | null;
}

/** A place among the records that a sidecar keeps. */
export interface RecordCursor {
  /** Incarnation of the sidecar that gave it, as in its tables, 16 hexadecimal digits. */
  sidecar: string;
  /** The `nextBatch` of its last answer. */
  next: number;
}

export type DecodedReport =
  { ok: true; report: GatewayReport; records: Buffer } | { ok: false; error: string };

export function decodeReport(body: Buffer): DecodedReport {
  if (body.length < HEADER_BYTES || body.readUInt32LE(0) !== MAGIC) {
    return { ok: false, error: "the body does not begin with the 16 bytes of a WRR1 report" };
  }
  const jsonBytes = body.readUInt32LE(4);
  const recordBytes = body.readUInt32LE(8);
  if (jsonBytes > JSON_BYTES_MAX) {
    return { ok: false, error: `jsonBytes is ${jsonBytes}, at most ${JSON_BYTES_MAX} are allowed` };
  }
  if (HEADER_BYTES + jsonBytes + recordBytes !== body.length) {
    const stated = `jsonBytes ${jsonBytes} and recordBytes ${recordBytes}`;
    return { ok: false, error: `${stated} do not add up to the body's ${body.length} bytes` };
  }
  const records = body.subarray(HEADER_BYTES + jsonBytes);
  // Kept records are joined for an answer, so one batch with a wrong length would spoil the rest.
  if (!walkRecords(records, () => undefined)) {
    return { ok: false, error: "the records' lengths do not add up to recordBytes" };
  }
  let json: unknown;
  try {
    const text = body.toString("utf8", HEADER_BYTES, HEADER_BYTES + jsonBytes);
    json = jsonBytes === 0 ? {} : JSON.parse(text);
  } catch {
    return { ok: false, error: "the JSON of the report is malformed" };
  }
  if (!isObject(json)) return { ok: false, error: "the JSON of the report is not an object" };
  return { ok: true, report: readReport(json), records };
}

type Json = Record<string, unknown>;

function readReport(json: Json): GatewayReport {
  return {
    incarnation: text(json["incarnation"]) ?? "",
    vms: amount(json["vms"]),
    uptimeMs: amount(json["uptimeMs"]),
    configHash: text(json["configHash"]),
    strategy: text(json["strategy"]),
    tableSequence: amount(json["tableSequence"]),
    reasons: amounts(json["reasons"], REASON),
    promptTokens: amount(json["promptTokens"]),
    matchedTokens: amount(json["matchedTokens"]),
    mispredictions: amount(json["mispredictions"]),
    waitingForPod: amount(json["waitingForPod"]),
    rates: amounts(json["rates"], /^[A-Za-z]{1,32}$/),
    index: amounts(json["index"], /^[A-Za-z]{1,32}$/),
    pods: list(json["pods"], PODS_MAX, readPod),
    decisions: list(json["decisions"], DECISIONS_MAX, readDecision),
    warnings: list(json["warnings"], WARNINGS_MAX, text),
    records: readCursor(json["records"]),
  };
}

function readPod(value: unknown): PodReport | null {
  if (!isObject(value)) return null;
  const number = whole(value["n"]);
  if (number === null) return null;
  return {
    number,
    inFlight: amount(value["inFlight"]),
    unprefilled: amount(value["unprefilled"]),
    backlogTokens: amount(value["backlogTokens"]),
    kvTokens: amount(value["kvTokens"]),
    ejected: EJECTIONS.find((why) => why === value["ejected"]) ?? null,
  };
}

function readDecision(value: unknown): Decision | null {
  if (!isObject(value)) return null;
  return {
    ageMs: amount(value["ageMs"]) ?? 0,
    number: amount(value["n"]),
    reason: text(value["reason"]) ?? "",
    promptTokens: amount(value["prompt"]),
    cachedTokens: amount(value["cached"]),
    etaMs: amount(value["etaMs"]),
  };
}

function readCursor(value: unknown): RecordCursor | null {
  if (!isObject(value)) return null;
  const sidecar = text(value["sidecar"]);
  const next = whole(value["next"]);
  return sidecar === null || next === null ? null : { sidecar, next };
}

function isObject(value: unknown): value is Json {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function text(value: unknown): string | null {
  return typeof value === "string" ? value.slice(0, TEXT_CHARS_MAX) : null;
}

/** JSON has no NaN, but 1e999 is Infinity and counters do not run backwards below zero. */
function amount(value: unknown): number | null {
  const isAmount = typeof value === "number" && value >= 0 && value <= Number.MAX_SAFE_INTEGER;
  return isAmount ? value : null;
}

/** For what counts places: a part of one is none. */
function whole(value: unknown): number | null {
  return Number.isSafeInteger(value) ? amount(value) : null;
}

function amounts(value: unknown, key: RegExp): Map<string, number> {
  const read = new Map<string, number>();
  if (!isObject(value)) return read;
  for (const [name, entry] of Object.entries(value)) {
    const number = amount(entry);
    if (number !== null && key.test(name) && read.size < REASONS_MAX) read.set(name, number);
  }
  return read;
}

function list<T>(value: unknown, lengthMax: number, read: (item: unknown) => T | null): T[] {
  if (!Array.isArray(value)) return [];
  return value
    .slice(0, lengthMax)
    .map(read)
    .filter((item) => item !== null);
}
