// The way of the table: one VM of the pool holds a lease, polls the sidecar, and publishes the
// answer in shared data, where all VMs of the pool find it.
import {
  LEASE_MS,
  REPLAY_LAST_BYTES_MAX,
  REPORT_JSON_BYTES_MAX,
  REPORT_RECORD_BYTES_MAX,
  SEGMENT_BYTES,
  SEGMENTS_PER_TICK_MAX,
  TICK_PERIOD_MS,
} from "../constants";
import { Bytes, ByteWriter, sameBytes, utf8 } from "../host/bytes";
import {
  BufferKind,
  getBuffer,
  getShared,
  HeaderMap,
  httpCall,
  random64,
  resultAt,
  resultCas,
  resultSize,
  setShared,
} from "../host/calls";
import { HeaderQuery } from "../host/header-query";
import { count, Counter } from "../metrics";
import { Pool } from "../pool";
import { isPassedOn } from "../share/record";
import { SharedKeys } from "../share/keys";
import { writeReport } from "./report";
import { ANSWER_HEADER_BYTES, isSoundTable, tableBytesOf } from "./table-reader";

const headers = new HeaderQuery([utf8(":status")]);
const STATUS_OK = utf8("200");
const REPORT_MAGIC: u32 = 0x31525257; // "WRR1", little-endian
const REPORT_HEADER_BYTES: u32 = 16;
/** Before the table in shared data: when its answer came, f64. */
const STAMP_BYTES: u32 = 8;

/** The lease as it lies in shared data. */
@unmanaged
class Lease {
  /** Incarnation of the VM that polls. */
  holder: u64;
  untilMs: f64;
  /** Drawn once in the life of the shared data: the gateway, as the sidecar sees it. */
  gateway: u64;
  startedMs: f64;
  /** Grows with each table that is published. */
  tableNumber: u32;
  /** Since the shared data began not all kept records have come: they are wanted. */
  wantsReplay: bool;
}

export class Sync {
  private readonly lease: Lease = changetype<Lease>(heap.alloc(offsetof<Lease>()));
  private leaseCas: u32 = 0;
  private seenTable: u32 = 0;
  private nextPollMs: f64 = 0;
  private giveUpMs: f64 = 0;
  private call: u32 = 0;
  private isHolder: bool = false;
  private cluster: Bytes | null = null;
  private headers: ByteWriter | null = null;
  private report: ByteWriter | null = null;
  private sentRecordBytes: u32 = 0;
  private records: ByteWriter | null = null;

  constructor(
    private readonly keys: SharedKeys,
    private readonly incarnation: u64,
  ) {}

  /** Names the cluster and the pool of the calls. */
  configure(cluster: string, pool: string): void {
    this.cluster = utf8(cluster);
    this.headers = requestHeaders(pool);
  }

  /** Looks at the lease; takes a newer table; polls when it is our turn. */
  tick(pool: Pool, nowMs: f64): void {
    this.readLease();
    const lease = this.lease;
    if (lease.tableNumber != this.seenTable) this.readTable(pool);
    this.isHolder = lease.holder == this.incarnation;
    if (nowMs < this.nextPollMs) return;
    if (this.call != 0 && nowMs < this.giveUpMs) return;
    if (!this.isHolder && nowMs < lease.untilMs) return;
    this.poll(pool, nowMs);
  }

  /**
   * Keeps whole records for the next report; what does not fit until then is left out, and so is
   * what came from there.
   */
  passUp(at: usize, bytes: u32): void {
    const records = this.records;
    if (!this.isHolder || records == null) return;
    for (let record = at; record < at + bytes; record += load<u16>(record)) {
      if (!isPassedOn(record)) records.raw(record, load<u16>(record));
    }
  }

  /** True where the answer was to our call. */
  onAnswer(pool: Pool, call: u32, headers: u32, bodySize: u32, nowMs: f64): bool {
    if (call != this.call) return false;
    this.call = 0;
    if (headers > 0 && isOk() && getBuffer(BufferKind.HttpCallResponse, 0, bodySize)) {
      if (this.takeAnswer(pool, resultAt, resultSize, nowMs)) return true;
    }
    count(Counter.SyncFailures, 1);
    return true;
  }

  private readLease(): void {
    const key = this.keys.lease();
    if (getShared(key, this.keys.size) && resultSize == offsetof<Lease>()) {
      memory.copy(changetype<usize>(this.lease), resultAt, offsetof<Lease>());
    } else {
      memory.fill(changetype<usize>(this.lease), 0, offsetof<Lease>());
    }
    this.leaseCas = resultCas;
  }

  private writeLease(cas: u32): bool {
    const at = changetype<usize>(this.lease);
    return setShared(this.keys.lease(), this.keys.size, at, <u32>offsetof<Lease>(), cas);
  }

  private readTable(pool: Pool): void {
    const key = this.keys.table();
    if (!getShared(key, this.keys.size) || resultSize <= STAMP_BYTES) return;
    const table = resultAt + STAMP_BYTES;
    if (!isSoundTable(table, resultSize - STAMP_BYTES)) return;
    this.seenTable = this.lease.tableNumber;
    pool.takeTable(table, load<f64>(resultAt));
  }

  private poll(pool: Pool, nowMs: f64): void {
    const config = pool.config;
    const lease = this.lease;
    this.nextPollMs = nowMs + <f64>config.pollIntervalMs;
    if (lease.gateway == 0) {
      lease.gateway = random64();
      lease.startedMs = nowMs;
      lease.wantsReplay = true;
    }
    lease.holder = this.incarnation;
    lease.untilMs =
      nowMs + Math.max(LEASE_MS, 3 * <f64>config.pollIntervalMs) + <f64>config.syncTimeoutMs;
    if (!this.writeLease(this.leaseCas)) return;
    this.isHolder = true;
    const report = this.makeReport(pool, nowMs);
    const cluster = this.cluster;
    const headers = this.headers;
    if (cluster == null || headers == null) return;
    this.giveUpMs = nowMs + <f64>config.syncTimeoutMs + 100;
    const timeoutMs = config.syncTimeoutMs;
    this.call = httpCall(cluster, headers.at, headers.size, report.at, report.size, timeoutMs);
    if (this.call == 0) count(Counter.SyncFailures, 1);
  }

  private makeReport(pool: Pool, nowMs: f64): ByteWriter {
    let report = this.report;
    if (report == null) {
      report = new ByteWriter(
        REPORT_HEADER_BYTES + REPORT_JSON_BYTES_MAX + REPORT_RECORD_BYTES_MAX,
      );
      this.report = report;
    }
    let records = this.records;
    if (records == null) {
      records = new ByteWriter(REPORT_RECORD_BYTES_MAX);
      this.records = records;
    }
    const lease = this.lease;
    report.clear();
    report.size = REPORT_HEADER_BYTES;
    writeReport(report, pool, lease.gateway, lease.startedMs, nowMs);
    const jsonBytes = report.size - REPORT_HEADER_BYTES;
    report.raw(records.at, records.size);
    store<u32>(report.at, REPORT_MAGIC);
    store<u32>(report.at, jsonBytes, 4);
    store<u32>(report.at, report.size - REPORT_HEADER_BYTES - jsonBytes, 8);
    store<u32>(report.at, lease.wantsReplay ? 1 : 0, 12);
    this.sentRecordBytes = records.size;
    return report;
  }

  private takeAnswer(pool: Pool, answer: usize, size: u32, nowMs: f64): bool {
    const tableBytes = tableBytesOf(answer, size);
    if (tableBytes == 0) return false;
    const recordBytes = load<u32>(answer, 8);
    const table = answer + ANSWER_HEADER_BYTES;
    pool.takeTable(table, nowMs);
    // The stamp takes the place of the header's last words, right before the table.
    store<f64>(table - STAMP_BYTES, nowMs);
    setShared(this.keys.table(), this.keys.size, table - STAMP_BYTES, tableBytes + STAMP_BYTES, 0);
    this.lease.tableNumber += 1;
    const records = this.records;
    if (records != null) records.dropFirst(this.sentRecordBytes);
    this.sentRecordBytes = 0;
    if (recordBytes <= REPLAY_LAST_BYTES_MAX) this.lease.wantsReplay = false;
    this.seenTable = this.lease.tableNumber;
    this.writeLease(0);
    // Last: joining the neighbours calls the host, and the answer lies in its page. So it is moved.
    if (recordBytes > 0) this.replay(pool, table + tableBytes, recordBytes, nowMs);
    // The neighbours read these before more are asked for, or the ring would lap them.
    const ticks = (recordBytes / SEGMENT_BYTES / SEGMENTS_PER_TICK_MAX) * 2;
    this.nextPollMs = Math.max(this.nextPollMs, nowMs + <f64>(ticks * TICK_PERIOD_MS));
    return true;
  }

  private replay(pool: Pool, at: usize, bytes: u32, nowMs: f64): void {
    const copy = heap.alloc(bytes);
    memory.copy(copy, at, bytes);
    pool.replay(copy, bytes, nowMs);
    heap.free(copy);
  }
}

function isOk(): bool {
  headers.read(HeaderMap.HttpCallResponse);
  return sameBytes(headers.at(0), headers.size(0), STATUS_OK.at, STATUS_OK.size);
}

/** The pairs as the ABI wants them: count, sizes, then names and values, each ended by 0. */
function requestHeaders(pool: string): ByteWriter {
  const pairs: string[] = [
    ":method",
    "POST",
    ":path",
    "/v1/sync?pool=" + pool,
    ":authority",
    "warmroute",
    "content-type",
    "application/octet-stream",
  ];
  const writer = new ByteWriter(512);
  store<u32>(writer.at, <u32>pairs.length / 2);
  writer.size = 4 + 4 * <u32>pairs.length;
  for (let i = 0; i < pairs.length; i++) {
    const text = utf8(pairs[i]);
    store<u32>(writer.at + 4 + 4 * <usize>i, text.size);
    writer.bytes(text);
    writer.byte(0);
    heap.free(text.at);
  }
  return writer;
}
