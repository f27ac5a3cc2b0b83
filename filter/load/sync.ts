// The way of the table: one VM of the pool holds a lease, polls the sidecar, and publishes the
// answer in shared data, where all VMs of the pool find it.
import {
  ANSWER_RECORD_BYTES_MAX,
  LEASE_MS,
  REPORT_JSON_BYTES_MAX,
  REPORT_RECORD_BYTES_MAX,
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
  resultSize,
  setShared,
} from "../host/calls";
import { HeaderQuery } from "../host/header-query";
import { count, Counter } from "../metrics";
import { Pool } from "../pool";
import { isPassedOn } from "../share/record";
import { SharedKeys } from "../share/keys";
import { SharedLease } from "./lease";
import { writeReport } from "./report";
import { ANSWER_HEADER_BYTES, isSoundTable, sidecarOf, tableBytesOf } from "./table-reader";

const headers = new HeaderQuery([utf8(":status")]);
const STATUS_OK = utf8("200");
const REPORT_MAGIC: u32 = 0x31525257; // "WRR1", little-endian
const REPORT_HEADER_BYTES: u32 = 16;
/** Before the table in shared data: when its answer came, f64. */
const STAMP_BYTES: u32 = 8;

/** An answer's records, moved out of the host's page; one for all pools, made when first needed. */
let kept: usize = 0;

export class Sync {
  private readonly lease: SharedLease;
  private seenTable: u32 = 0;
  private nextPollMs: f64 = 0;
  private giveUpMs: f64 = 0;
  private call: u32 = 0;
  private isHolder: bool = false;
  private cluster: Bytes | null = null;
  private headers: ByteWriter | null = null;
  private report: ByteWriter | null = null;
  private sentRecordBytes: u32 = 0;
  /** The cursor that the report told. */
  private toldBy: u64 = 0;
  private told: u32 = 0;
  private records: ByteWriter | null = null;

  constructor(
    private readonly keys: SharedKeys,
    private readonly incarnation: u64,
  ) {
    this.lease = new SharedLease(keys);
  }

  /** Names the cluster and the pool of the calls. */
  configure(cluster: string, pool: string): void {
    this.cluster = utf8(cluster);
    this.headers = requestHeaders(pool);
  }

  /**
   * Looks at the lease, and takes a newer table. A VM that serves takes the lease over from one
   * that does not, as the main thread's: that one would read a tick later what there is to tell.
   */
  look(pool: Pool): void {
    this.lease.read();
    const lease = this.lease.now;
    if (lease.tableNumber != this.seenTable) this.readTable(pool);
    const takesOver = pool.own.head.isServing && !lease.isServing;
    this.isHolder = takesOver || lease.holder == this.incarnation;
  }

  /** Polls when it is our turn. */
  pollInTurn(pool: Pool, nowMs: f64): void {
    if (nowMs < this.nextPollMs) return;
    if (this.call != 0 && nowMs < this.giveUpMs) return;
    if (!this.isHolder && nowMs < this.lease.now.untilMs) return;
    this.poll(pool, nowMs);
  }

  /**
   * Keeps whole records for the next report; what does not fit until then is left out, and so is
   * what came from there.
   */
  passUp(at: usize, bytes: u32): void {
    if (!this.isHolder) return;
    const records = this.recordsToSend();
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

  /** Whether this VM is the one to log that headers cannot be held. */
  claimWarning(): bool {
    return this.lease.claimWarning();
  }

  forgetWarning(): void {
    this.lease.forgetWarning();
  }

  private readTable(pool: Pool): void {
    const key = this.keys.table();
    if (!getShared(key, this.keys.size) || resultSize <= STAMP_BYTES) return;
    const table = resultAt + STAMP_BYTES;
    if (!isSoundTable(table, resultSize - STAMP_BYTES)) return;
    this.seenTable = this.lease.now.tableNumber;
    pool.takeTable(table, load<f64>(resultAt));
  }

  private poll(pool: Pool, nowMs: f64): void {
    const config = pool.config;
    const lease = this.lease.now;
    this.nextPollMs = nowMs + <f64>config.pollIntervalMs;
    if (lease.gateway == 0) {
      lease.gateway = random64();
      lease.startedMs = nowMs;
    }
    lease.holder = this.incarnation;
    lease.isServing = pool.own.head.isServing;
    lease.untilMs =
      nowMs + Math.max(LEASE_MS, 3 * <f64>config.pollIntervalMs) + <f64>config.syncTimeoutMs;
    this.isHolder = this.lease.write();
    if (!this.isHolder) return;
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
    const records = this.recordsToSend();
    const lease = this.lease.now;
    this.toldBy = lease.sidecar;
    this.told = lease.nextBatch;
    report.clear();
    report.size = REPORT_HEADER_BYTES;
    writeReport(report, pool, lease, nowMs);
    const jsonBytes = report.size - REPORT_HEADER_BYTES;
    report.raw(records.at, records.size);
    store<u32>(report.at, REPORT_MAGIC);
    store<u32>(report.at, jsonBytes, 4);
    store<u32>(report.at, report.size - REPORT_HEADER_BYTES - jsonBytes, 8);
    store<u32>(report.at, 0, 12);
    this.sentRecordBytes = records.size;
    return report;
  }

  /** Its memory is taken once, by the VMs that ever poll. */
  private recordsToSend(): ByteWriter {
    let records = this.records;
    if (records == null) {
      records = new ByteWriter(REPORT_RECORD_BYTES_MAX);
      this.records = records;
    }
    return records;
  }

  private takeAnswer(pool: Pool, answer: usize, size: u32, nowMs: f64): bool {
    const tableBytes = tableBytesOf(answer, size);
    if (tableBytes == 0) return false;
    const recordBytes = load<u32>(answer, 8);
    const nextBatch = load<u32>(answer, 12);
    const table = answer + ANSWER_HEADER_BYTES;
    const sidecar = sidecarOf(table);
    pool.takeTable(table, nowMs);
    // The stamp takes the place of the header's last words, right before the table.
    store<f64>(table - STAMP_BYTES, nowMs);
    setShared(this.keys.table(), this.keys.size, table - STAMP_BYTES, tableBytes + STAMP_BYTES, 0);
    const records = this.records;
    if (records != null) records.dropFirst(this.sentRecordBytes);
    this.sentRecordBytes = 0;
    // Before the lease is read: that result lies where the answer does.
    keepRecords(table + tableBytes, recordBytes);
    const isNext = this.lease.advance(this.toldBy, this.told, sidecar, nextBatch);
    this.seenTable = this.lease.now.tableNumber;
    if (recordBytes == 0 || !isNext) return true;
    // From a sidecar that knows no cursor (0) all records are news. Else a cursor that stays would
    // bring the same ones for ever.
    if (nextBatch != 0 && sidecar == this.toldBy && nextBatch == this.told) {
      count(Counter.BadRecords, 1);
    } else {
      this.applyRecords(pool, recordBytes, nowMs);
    }
    return true;
  }

  private applyRecords(pool: Pool, recordBytes: u32, nowMs: f64): void {
    const bytes = min(recordBytes, ANSWER_RECORD_BYTES_MAX);
    if (pool.replay(kept, bytes, nowMs) != recordBytes) count(Counter.BadRecords, 1);
    // The neighbours read these before more are asked for, or the ring would lap them.
    const readAtMs = nowMs + <f64>(pool.neighbourhood.ticksToRead(bytes) * TICK_PERIOD_MS);
    const hasMore = recordBytes > ANSWER_RECORD_BYTES_MAX / 2;
    this.nextPollMs = hasMore ? readAtMs : Math.max(this.nextPollMs, readAtMs);
  }
}

function keepRecords(at: usize, bytes: u32): void {
  if (bytes == 0) return;
  if (kept == 0) kept = heap.alloc(ANSWER_RECORD_BYTES_MAX);
  memory.copy(kept, at, min(bytes, ANSWER_RECORD_BYTES_MAX));
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
