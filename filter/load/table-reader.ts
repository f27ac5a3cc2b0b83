// Decodes the sidecar's load table (docs/table-format.md) into the endpoints of a pool.
import { ADDRESS_BYTES_MAX, ENDPOINTS_MAX, UNCONFIRMED_HITS_MAX } from "../constants";
import { sameBytes } from "../host/bytes";
import { Endpoint, Endpoints, MISSING } from "./endpoint";

const ANSWER_MAGIC: u32 = 0x31415257; // "WRA1", little-endian
const TABLE_MAGIC: u32 = 0x31545257; // "WRT1"
export const ANSWER_HEADER_BYTES: u32 = 16;
const HEADER_BYTES_MIN: u32 = 72;
/** A row of the first sidecars; what gateways share came behind it. */
const ROW_BYTES_MIN: u32 = 112;
const SHARED_AT: u32 = 112;
const SHARED_ROW_BYTES: u32 = SHARED_AT + 16;
const VERSION: u16 = 1;
const CHECKSUM_FROM: u32 = 16;
const NEVER_SCRAPED: u32 = 0xffffffff;

/** Told when a pod's cache is gone (its epoch changed, it left the table), and what one holds. */
export interface CacheListener {
  onCacheLost(endpoint: u32): void;
  onCapacity(endpoint: u32, tokens: u32): void;
}

/** The table inside an answer: its size, or 0 when the answer is not a sound one. */
export function tableBytesOf(answer: usize, size: u32): u32 {
  if (size < ANSWER_HEADER_BYTES || load<u32>(answer) != ANSWER_MAGIC) return 0;
  const tableBytes = load<u32>(answer, 4);
  const recordBytes = load<u32>(answer, 8);
  if (<u64>tableBytes + recordBytes + ANSWER_HEADER_BYTES != <u64>size) return 0;
  return isSoundTable(answer + ANSWER_HEADER_BYTES, tableBytes) ? tableBytes : 0;
}

/** True where every length, the version and the checksum of a table hold. */
export function isSoundTable(table: usize, size: u32): bool {
  if (size < HEADER_BYTES_MIN || (size & 3) != 0 || load<u32>(table) != TABLE_MAGIC) return false;
  if (load<u16>(table, 4) != VERSION || load<u32>(table, 8) != size) return false;
  const headerBytes = <u32>load<u16>(table, 6);
  const rowCount = load<u32>(table, 16);
  const rowBytes = <u32>load<u16>(table, 20);
  if (headerBytes < HEADER_BYTES_MIN || rowBytes < ROW_BYTES_MIN) return false;
  if (rowCount > ENDPOINTS_MAX) return false;
  // Behind the rows comes nothing but the models; what these are is looked at apart.
  const end = <u64>headerBytes + <u64>rowCount * rowBytes;
  if (load<u32>(table, 64) == 0 ? end != <u64>size : end > <u64>size) return false;
  return load<u32>(table, 12) == checksum(table + CHECKSUM_FROM, size - CHECKSUM_FROM);
}

/** The incarnation of the sidecar that made a sound table. */
export function sidecarOf(table: usize): u64 {
  return load<u64>(table, 40);
}

/** FNV-1a over 32-bit words. It finds accidents; the sidecar is trusted. */
function checksum(at: usize, size: u32): u32 {
  let hash: u32 = 2166136261;
  for (let i: u32 = 0; i + 4 <= size; i += 4) hash = (hash ^ load<u32>(at + i)) * 16777619;
  return hash;
}

/** Header fields of the table in force. */
export class TableHead {
  strategy: u8 = 0;
  hasKey: bool = false;
  key0: u64 = 0;
  key1: u64 = 0;
  sequence: u64 = 0;
}

/** Takes a sound table over into the endpoints. `receivedAtMs` is when its answer came. */
export function readTable(
  table: usize,
  receivedAtMs: f64,
  head: TableHead,
  endpoints: Endpoints,
  listener: CacheListener,
): void {
  head.strategy = load<u8>(table, 22);
  head.hasKey = (load<u8>(table, 23) & 1) != 0;
  head.key0 = load<u64>(table, 24);
  head.key1 = load<u64>(table, 32);
  head.sequence = load<u64>(table, 48);
  const rowCount = load<u32>(table, 16);
  const rowBytes = <u32>load<u16>(table, 20);
  for (let i: u32 = 0; i < endpoints.limit; i++) {
    const endpoint = endpoints.at(i);
    endpoint.wasListed = endpoint.isListed;
    endpoint.isListed = false;
  }
  let row = table + load<u16>(table, 6);
  for (let i: u32 = 0; i < rowCount; i++, row += rowBytes) {
    const number = <u32>load<u16>(row);
    const addressSize = load<u8>(row, 3);
    if (number >= ENDPOINTS_MAX || addressSize == 0 || addressSize > ADDRESS_BYTES_MAX) continue;
    if (!isVisible(row + 64, addressSize)) continue;
    endpoints.limit = max(endpoints.limit, number + 1);
    readRow(row, receivedAtMs, number, endpoints.at(number), listener);
    readShared(row, rowBytes, endpoints.at(number));
  }
  for (let i: u32 = 0; i < endpoints.limit; i++) {
    const endpoint = endpoints.at(i);
    if (endpoint.wasListed && !endpoint.isListed) listener.onCacheLost(i);
  }
  endpoints.listPickable();
}

/** An address goes into a header as it is: no space, no line end, no second address. */
function isVisible(at: usize, size: u32): bool {
  for (let i: u32 = 0; i < size; i++) {
    const byte = load<u8>(at + i);
    if (byte <= 0x20 || byte >= 0x7f || byte == 0x2c) return false;
  }
  return true;
}

function readRow(
  row: usize,
  receivedAtMs: f64,
  number: u32,
  endpoint: Endpoint,
  listener: CacheListener,
): void {
  const flags = load<u8>(row, 2);
  const epoch = load<u32>(row, 4);
  const ageMs = load<u32>(row, 8);
  let capacityTokens = load<u32>(row, 24);
  const addressSize = <u32>load<u8>(row, 3);
  // A sidecar that restarts gives numbers anew, so the address tells whose row this was.
  const isSamePod = sameBytes(endpoint.address, endpoint.addressSize, row + 64, addressSize);
  // Epoch 0 is a pod that a new sidecar has not scraped yet: its cache is as it was.
  const isSameEpoch = epoch == 0 || endpoint.epoch == 0 || endpoint.epoch == epoch;
  const isSameCache = isSamePod && endpoint.wasListed && isSameEpoch;
  if (endpoint.addressSize > 0 && !(isSamePod && isSameEpoch)) endpoint.isAnew = true;
  if (!isSamePod) {
    endpoint.prefillSeconds = 0;
    endpoint.prefillTokens = 0;
  }
  noteProgress(row, receivedAtMs, endpoint, isSamePod && isSameEpoch);
  if (!isSameCache) {
    if (endpoint.wasListed) listener.onCacheLost(number);
    endpoint.life += 1;
    endpoint.predictedHits = 0;
    endpoint.confirmedHits = 0;
    endpoint.silentSinceMs = 0;
  }
  if (isSameCache && capacityTokens == 0) capacityTokens = endpoint.capacityTokens;
  if (!isSameCache || endpoint.capacityTokens != capacityTokens) {
    listener.onCapacity(number, capacityTokens);
  }
  endpoint.isListed = true;
  endpoint.mayBePicked = (flags & 1) != 0;
  const isUnconfirmed =
    endpoint.predictedHits >= UNCONFIRMED_HITS_MAX && endpoint.confirmedHits == 0;
  endpoint.isCacheOff = (flags & 2) != 0 || isUnconfirmed;
  endpoint.isAtAdapterLimit = (flags & 4) != 0;
  if (epoch != 0 || !isSamePod) endpoint.epoch = epoch;
  endpoint.waiting = load<u32>(row, 12);
  endpoint.running = load<u32>(row, 16);
  endpoint.kvUse = load<f32>(row, 20);
  endpoint.capacityTokens = capacityTokens;
  endpoint.scrapedAtMs = ageMs == NEVER_SCRAPED ? 0 : receivedAtMs - <f64>ageMs;
  endpoint.addressSize = <u8>addressSize;
  memory.copy(endpoint.address, row + 64, ADDRESS_BYTES_MAX);
  if (!isSamePod) endpoint.addressHash = hashOf(endpoint.address, addressSize);
}

/** FNV-1a: tells one pod's address from another's. */
function hashOf(at: usize, size: u32): u64 {
  let hash: u64 = 0xcbf29ce484222325;
  for (let i: u32 = 0; i < size; i++) hash = (hash ^ (<u64>load<u8>(at + i))) * 0x100000001b3;
  return hash;
}

function readShared(row: usize, rowBytes: u32, endpoint: Endpoint): void {
  endpoint.forgetShared();
  if (rowBytes < SHARED_ROW_BYTES || load<u32>(row, SHARED_AT) == MISSING) return;
  endpoint.sharedInFlight = load<u32>(row, SHARED_AT);
  endpoint.sharedUnprefilled = load<u32>(row, SHARED_AT + 4);
  endpoint.sharedBacklogTokens = load<u32>(row, SHARED_AT + 8);
  endpoint.sharedKvTokens = load<u32>(row, SHARED_AT + 12);
}

/** Counters that moved since the last page of the same process: the pod computes. */
function noteProgress(row: usize, atMs: f64, endpoint: Endpoint, isSameProcess: bool): void {
  const computedTokens = load<f64>(row, 32) + load<f64>(row, 40);
  // False where either is NaN.
  if (isSameProcess && computedTokens > endpoint.computedTokens) endpoint.progressAtMs = atMs;
  endpoint.computedTokens = computedTokens;
}
