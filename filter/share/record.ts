// One journal record: what a VM tells the others about the index (docs/table-format.md, "Records").
import { CHECKPOINTS_MAX } from "../request/prompt-parser";

export const enum RecordKind {
  Insert = 1,
  Forget = 2,
  Withdraw = 3,
  Charge = 4,
}

export const RECORD_HEADER_BYTES: u32 = 12;
export const ENTRY_BYTES: u32 = 12;
/** A forget: one number behind the header. */
export const WORD_RECORD_BYTES: u32 = RECORD_HEADER_BYTES + 4;
/** A charge: tokens, then the hash of the prompt that they answer. */
export const CHARGE_RECORD_BYTES: u32 = WORD_RECORD_BYTES + 8;
export const RECORD_BYTES_MAX: u32 = RECORD_HEADER_BYTES + CHECKPOINTS_MAX * ENTRY_BYTES;

/** Says whether the record at `at` is another gateway's: the sidecar has it, it does not go up. */
// @ts-ignore: decorator
@inline
export function setPassedOn(at: usize, isPassedOn: bool): void {
  store<u8>(at, <u8>isPassedOn, 3);
}

// @ts-ignore: decorator
@inline
export function isPassedOn(at: usize): bool {
  return (load<u8>(at, 3) & 1) != 0;
}

/** Bytes of an insert or a withdraw of `count` checkpoints. */
// @ts-ignore: decorator
@inline
export function insertBytes(count: u32): u32 {
  return RECORD_HEADER_BYTES + count * ENTRY_BYTES;
}

/** Writes an insert at `at`, which has room for insertBytes(count). */
export function writeInsert(
  at: usize,
  endpoint: u32,
  epoch: u32,
  hashes: usize,
  tokenEnds: usize,
  count: u32,
): void {
  writeHeader(at, insertBytes(count), RecordKind.Insert, endpoint, epoch, count);
  let entry = at + RECORD_HEADER_BYTES;
  for (let i: usize = 0; i < <usize>count; i++, entry += ENTRY_BYTES) {
    store<u64>(entry, load<u64>(hashes + (i << 3)));
    store<u32>(entry, load<u32>(tokenEnds + (i << 2)), 8);
  }
}

/**
 * Writes a withdraw: the endpoint never served the prompt, routed `ageMs` ago, whose insert had the
 * same entries.
 */
export function writeWithdraw(
  at: usize,
  endpoint: u32,
  epoch: u32,
  hashes: usize,
  count: u32,
  ageMs: u32,
): void {
  writeHeader(at, insertBytes(count), RecordKind.Withdraw, endpoint, epoch, count);
  let entry = at + RECORD_HEADER_BYTES;
  for (let i: usize = 0; i < <usize>count; i++, entry += ENTRY_BYTES) {
    store<u64>(entry, load<u64>(hashes + (i << 3)));
    store<u32>(entry, ageMs, 8);
  }
}

/** Writes a forget: entries of the endpoint that were not touched for `ageMs` are gone. */
export function writeForget(at: usize, endpoint: u32, epoch: u32, ageMs: u32): void {
  writeHeader(at, WORD_RECORD_BYTES, RecordKind.Forget, endpoint, epoch, 0);
  store<u32>(at + RECORD_HEADER_BYTES, ageMs);
}

/**
 * Writes a charge: an answer of `tokens` to the prompt whose last checkpoint is `prompt` is in the
 * endpoint's cache as well.
 */
export function writeCharge(at: usize, endpoint: u32, epoch: u32, prompt: u64, tokens: u32): void {
  writeHeader(at, CHARGE_RECORD_BYTES, RecordKind.Charge, endpoint, epoch, 0);
  store<u32>(at + RECORD_HEADER_BYTES, tokens);
  store<u64>(at + WORD_RECORD_BYTES, prompt);
}

function writeHeader(
  at: usize,
  bytes: u32,
  kind: RecordKind,
  endpoint: u32,
  epoch: u32,
  count: u32,
): void {
  store<u16>(at, <u16>bytes);
  store<u8>(at, <u8>kind, 2);
  store<u32>(at, epoch, 4);
  store<u16>(at, <u16>endpoint, 8);
  store<u16>(at, <u16>count, 10);
}

/** Takes records one by one, and the bytes of all of them to pass on. */
export interface RecordSink {
  onInsert(endpoint: u32, epoch: u32, hashes: usize, tokenEnds: usize, count: u32): void;
  onForget(endpoint: u32, epoch: u32, ageMs: u32): void;
  /** `isPassedOn`: it came from another gateway, by the sidecar of this one. */
  onWithdraw(
    endpoint: u32,
    epoch: u32,
    hashes: usize,
    count: u32,
    ageMs: u32,
    isPassedOn: bool,
  ): void;
  onCharge(endpoint: u32, epoch: u32, prompt: u64, tokens: u32): void;
  onRange(at: usize, bytes: u32): void;
}

const entryHashes: usize = heap.alloc(CHECKPOINTS_MAX * 8);
const entryTokens: usize = heap.alloc(CHECKPOINTS_MAX * 4);

/**
 * Hands the whole records of a range to `sink` and returns how many bytes they were. A record that
 * is cut off or lies about its length ends the walk: what follows it cannot be found.
 */
export function readRecords(at: usize, size: u32, sink: RecordSink): u32 {
  let done: u32 = 0;
  while (size - done >= RECORD_HEADER_BYTES) {
    const record = at + done;
    const bytes = <u32>load<u16>(record);
    if (bytes < RECORD_HEADER_BYTES || (bytes & 3) != 0 || bytes > size - done) return done;
    readRecord(record, bytes, sink);
    done += bytes;
  }
  return done;
}

function readRecord(record: usize, bytes: u32, sink: RecordSink): void {
  const kind = <u32>load<u8>(record, 2);
  const epoch = load<u32>(record, 4);
  const endpoint = <u32>load<u16>(record, 8);
  const count = <u32>load<u16>(record, 10);
  if (kind == RecordKind.Insert || kind == RecordKind.Withdraw) {
    if (count > CHECKPOINTS_MAX || insertBytes(count) != bytes) return;
    let entry = record + RECORD_HEADER_BYTES;
    for (let i: usize = 0; i < <usize>count; i++, entry += ENTRY_BYTES) {
      store<u64>(entryHashes + (i << 3), load<u64>(entry));
      store<u32>(entryTokens + (i << 2), load<u32>(entry, 8));
    }
    if (kind == RecordKind.Insert) {
      sink.onInsert(endpoint, epoch, entryHashes, entryTokens, count);
    } else {
      const ageMs = count > 0 ? load<u32>(entryTokens) : 0;
      sink.onWithdraw(endpoint, epoch, entryHashes, count, ageMs, isPassedOn(record));
    }
    return;
  }
  if (bytes < WORD_RECORD_BYTES) return;
  const word = load<u32>(record + RECORD_HEADER_BYTES);
  if (kind == RecordKind.Forget) sink.onForget(endpoint, epoch, word);
  else if (kind == RecordKind.Charge && bytes >= CHARGE_RECORD_BYTES) {
    sink.onCharge(endpoint, epoch, load<u64>(record + WORD_RECORD_BYTES), word);
  }
}
