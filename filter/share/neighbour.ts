// What a VM knows of another of its pool: the load it last showed, how far its journal is read.
import { ENDPOINTS_MAX, SEGMENTS_MAX } from "../constants";
import { getShared, resultAt, resultSize } from "../host/calls";
import { count, Counter } from "../metrics";
import { Endpoints } from "../load/endpoint";
import { Head, HEAD_BYTES_MAX, HEAD_FIXED_BYTES, HeadEntry, isHead } from "./head";
import { SEGMENT_HEADER_BYTES } from "./journal";
import { SharedKeys } from "./keys";
import { readRecords, RecordSink } from "./record";

export class Neighbour {
  /** A copy of its head, as last read. */
  readonly head: Head = changetype<Head>(heap.alloc(HEAD_BYTES_MAX));
  readAtMs: f64 = 0;
  private readSequence: u32 = 0;
  private readBytes: u32 = SEGMENT_HEADER_BYTES;

  constructor(readonly vm: u32) {
    memory.fill(changetype<usize>(this.head), 0, HEAD_FIXED_BYTES);
  }

  get incarnation(): u64 {
    return this.head.incarnation;
  }

  /** Takes the head over that lies at `at`: its load replaces what it showed before. */
  update(at: usize, size: u32, endpoints: Endpoints, nowMs: f64): void {
    if (!isHead(at, size)) return;
    this.addLoad(endpoints, -1);
    const isNew = changetype<Head>(at).incarnation != this.head.incarnation;
    memory.copy(changetype<usize>(this.head), at, size);
    this.addLoad(endpoints, 1);
    this.readAtMs = nowMs;
    if (!isNew) return;
    // As far back as its ring reaches: a VM that starts learns what its neighbours know.
    const sequence = this.head.segmentSequence;
    this.readSequence = sequence >= SEGMENTS_MAX ? sequence - SEGMENTS_MAX + 1 : 0;
    this.readBytes = SEGMENT_HEADER_BYTES;
  }

  /** Its heartbeat has stopped: its load is nobody's. */
  forget(endpoints: Endpoints): void {
    this.addLoad(endpoints, -1);
    memory.fill(changetype<usize>(this.head), 0, HEAD_FIXED_BYTES);
  }

  /** Gives the memory back; no method may be called afterwards. */
  dispose(): void {
    heap.free(changetype<usize>(this.head));
  }

  /** Reads what its journal has that was not read, at most `budget` segments; how many it read. */
  readJournal(keys: SharedKeys, sink: RecordSink, budget: u32): u32 {
    const head = this.head;
    for (let i: u32 = 0; i < budget; i++) {
      if (this.isReadUp()) return i;
      const key = keys.segment(this.vm, this.readSequence % SEGMENTS_MAX);
      if (!getShared(key, keys.size)) return i + 1;
      const isWhole = this.readSegment(resultAt, resultSize, sink);
      if (this.readSequence >= head.segmentSequence) return i + 1;
      // A segment that is not the newest any more is complete: go on to the next.
      if (!isWhole) count(Counter.Lapped, 1);
      this.readSequence += 1;
      this.readBytes = SEGMENT_HEADER_BYTES;
      const oldest =
        head.segmentSequence >= SEGMENTS_MAX ? head.segmentSequence - SEGMENTS_MAX + 1 : 0;
      if (this.readSequence < oldest) {
        count(Counter.Lapped, oldest - this.readSequence);
        this.readSequence = oldest;
      }
    }
    return budget;
  }

  private isReadUp(): bool {
    const head = this.head;
    if (this.readSequence > head.segmentSequence) return true;
    return this.readSequence == head.segmentSequence && this.readBytes >= head.segmentUsed;
  }

  /** False where the segment is another one than the one looked for. */
  private readSegment(at: usize, size: u32, sink: RecordSink): bool {
    if (size < SEGMENT_HEADER_BYTES || load<u64>(at) != this.head.incarnation) return false;
    if (load<u32>(at, 8) != this.readSequence || load<u32>(at, 12) != size) return false;
    if (size <= this.readBytes) return true;
    const range = at + this.readBytes;
    const bytes = readRecords(range, size - this.readBytes, sink);
    sink.onRange(range, bytes);
    this.readBytes += bytes;
    return true;
  }

  private addLoad(endpoints: Endpoints, sign: i32): void {
    const head = this.head;
    for (let i: u32 = 0; i < head.entryCount; i++) {
      const entry: HeadEntry = head.entry(i);
      if (<u32>entry.endpoint >= ENDPOINTS_MAX) continue;
      const endpoint = endpoints.at(entry.endpoint);
      if (entry.progressAtMs > endpoint.progressAtMs) endpoint.progressAtMs = entry.progressAtMs;
      endpoint.otherInFlight += sign * <i32>entry.inFlight;
      endpoint.otherUnprefilled += sign * <i32>entry.unprefilled;
      endpoint.otherBacklogTokens += <i64>sign * <i64>entry.backlogTokens;
      endpoint.otherKvTokens += <i64>sign * <i64>entry.kvTokens;
    }
  }
}
