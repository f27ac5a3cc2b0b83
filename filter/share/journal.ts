// This VM's journal: records gathered in one segment, written whole to shared data, in a ring of
// fixed keys. A neighbour that falls a whole ring behind loses entries, never their descendants.
import { SEGMENTS_MAX, SEGMENT_BYTES } from "../constants";
import { setShared } from "../host/calls";
import { SharedKeys } from "./keys";
import {
  CHARGE_RECORD_BYTES,
  insertBytes,
  RECORD_BYTES_MAX,
  RecordSink,
  setPassedOn,
  WORD_RECORD_BYTES,
  writeCharge,
  writeForget,
  writeInsert,
  writeWithdraw,
} from "./record";

/** incarnation u64, sequence u32, used bytes u32 (header and records). */
export const SEGMENT_HEADER_BYTES: u32 = 16;

export class Journal {
  /** Number of the segment that is being written; it only grows. */
  sequence: u32 = 0;
  /** Bytes of it that are in shared data. */
  published: u32 = SEGMENT_HEADER_BYTES;
  /** Sees all that is published; set once, after construction. */
  sink: RecordSink | null = null;
  /** What is written now came from another gateway. */
  isPassingOn: bool = false;
  private used: u32 = SEGMENT_HEADER_BYTES;
  private readonly segment: usize = heap.alloc(SEGMENT_BYTES);

  constructor(
    private readonly keys: SharedKeys,
    private readonly incarnation: u64,
  ) {
    if (SEGMENT_HEADER_BYTES + RECORD_BYTES_MAX > SEGMENT_BYTES) ERROR("a record fits a segment");
  }

  insert(vm: u32, endpoint: u32, epoch: u32, hashes: usize, tokenEnds: usize, count: u32): void {
    writeInsert(this.room(vm, insertBytes(count)), endpoint, epoch, hashes, tokenEnds, count);
  }

  withdraw(vm: u32, endpoint: u32, epoch: u32, hashes: usize, count: u32, ageMs: u32): void {
    writeWithdraw(this.room(vm, insertBytes(count)), endpoint, epoch, hashes, count, ageMs);
  }

  charge(vm: u32, endpoint: u32, epoch: u32, prompt: u64, tokens: u32): void {
    writeCharge(this.room(vm, CHARGE_RECORD_BYTES), endpoint, epoch, prompt, tokens);
  }

  forget(vm: u32, endpoint: u32, epoch: u32, ageMs: u32): void {
    writeForget(this.room(vm, WORD_RECORD_BYTES), endpoint, epoch, ageMs);
  }

  /** Writes what is new to shared data. Once a tick: nobody reads more often. */
  publish(vm: u32): void {
    if (this.used == this.published) return;
    const sink = this.sink;
    if (sink != null) sink.onRange(this.segment + this.published, this.used - this.published);
    store<u64>(this.segment, this.incarnation);
    store<u32>(this.segment, this.sequence, 8);
    store<u32>(this.segment, this.used, 12);
    const key = this.keys.segment(vm, this.sequence % SEGMENTS_MAX);
    setShared(key, this.keys.size, this.segment, this.used, 0);
    this.published = this.used;
  }

  /** Under a new number the ring starts again, since its keys are new. */
  restart(): void {
    this.sequence = 0;
    this.used = SEGMENT_HEADER_BYTES;
    this.published = SEGMENT_HEADER_BYTES;
  }

  private room(vm: u32, bytes: u32): usize {
    if (this.used + bytes > SEGMENT_BYTES) {
      this.publish(vm);
      this.sequence += 1;
      this.used = SEGMENT_HEADER_BYTES;
      this.published = SEGMENT_HEADER_BYTES;
    }
    const at = this.segment + this.used;
    this.used += bytes;
    setPassedOn(at, this.isPassingOn);
    return at;
  }
}
