// The journal: records gathered in segments, written whole to a ring of fixed keys.
import { SEGMENTS_MAX, SEGMENT_BYTES } from "../../../filter/constants";
import { getShared, resultAt, resultSize } from "../../../filter/host/calls";
import { CHECKPOINTS_MAX } from "../../../filter/request/prompt-parser";
import { SEGMENT_HEADER_BYTES } from "../../../filter/share/journal";
import { insertBytes, isPassedOn, readRecords } from "../../../filter/share/record";
import { clearHost, sharedCount } from "../fake-host";
import { Noter, Worker } from "./noter";

const hashes = new StaticArray<u64>(CHECKPOINTS_MAX);
const ends = new StaticArray<u32>(CHECKPOINTS_MAX);

/** The records of a segment, when it is sound and has that sequence. */
function segment(worker: Worker, sequence: u32): string {
  const key = worker.keys.segment(worker.vm, sequence % SEGMENTS_MAX);
  if (!getShared(key, worker.keys.size)) return "none";
  if (resultSize > SEGMENT_BYTES || resultSize < SEGMENT_HEADER_BYTES) return "a wrong size";
  if (load<u64>(resultAt) != worker.incarnation) return "another's";
  if (load<u32>(resultAt, 8) != sequence) return "number " + load<u32>(resultAt, 8).toString();
  if (load<u32>(resultAt, 12) != resultSize) return "a wrong length";
  const noter = new Noter();
  const bytes = resultSize - SEGMENT_HEADER_BYTES;
  if (readRecords(resultAt + SEGMENT_HEADER_BYTES, bytes, noter) != bytes) return "cut records";
  return noter.take();
}

function insertLong(worker: Worker, count: u32): void {
  const at = changetype<usize>(hashes);
  worker.journal.insert(worker.vm, 1, 1, at, changetype<usize>(ends), count);
}

beforeEach(() => {
  clearHost();
});

describe("a journal", () => {
  test("is seen when it is published, all of it each time", () => {
    const worker = new Worker(5, 99, 0);
    worker.journal.publish(5);
    expect(sharedCount()).toBe(0);
    worker.inserts(3, 70);
    expect(segment(worker, 0)).toBe("none");
    worker.journal.publish(5);
    expect(segment(worker, 0)).toBe("insert 3 1 70:64");
    worker.journal.forget(5, 4, 2, 1000);
    worker.journal.publish(5);
    expect(segment(worker, 0)).toBe("insert 3 1 70:64, forget 4 2 1000");
    expect(worker.journal.published).toBe(16 + 24 + 16);
  });

  test("marks what it passes on for another gateway, and nothing else", () => {
    const worker = new Worker(5, 99, 0);
    for (let round = 0; round < 2; round++) {
      worker.inserts(3, 70);
      worker.journal.isPassingOn = true;
      worker.inserts(3, 71);
      worker.journal.charge(5, 3, 1, 71, 9);
      worker.journal.isPassingOn = false;
      worker.journal.forget(5, 4, 2, 1000);
      worker.journal.publish(5);
    }
    const key = worker.keys.segment(5, 0);
    expect(getShared(key, worker.keys.size)).toBe(true);
    let marks = "";
    for (let at = resultAt + SEGMENT_HEADER_BYTES; at < resultAt + resultSize;) {
      marks += isPassedOn(at) ? "1" : "0";
      at += load<u16>(at);
    }
    expect(marks).toBe("01100110");
  });

  test("gives a charge as much room as it takes", () => {
    const worker = new Worker(1, 7, 0);
    // As many as fill a segment, and one more.
    const perSegment = (SEGMENT_BYTES - SEGMENT_HEADER_BYTES) / 24;
    for (let i: u32 = 0; i <= perSegment; i++) worker.journal.charge(1, 2, 1, 100 + i, 9);
    worker.journal.publish(1);
    expect(worker.journal.sequence).toBe(1);
    const first = segment(worker, 0);
    expect(first.split(", ").length).toBe(perSegment);
    expect(first.startsWith("charge 2 1 9 after 100, charge 2 1 9 after 101, ")).toBe(true);
    expect(segment(worker, 1)).toBe("charge 2 1 9 after " + (100 + perSegment).toString());
  });

  test("is told to the sink once, record by record", () => {
    const worker = new Worker(5, 99, 0);
    worker.journal.sink = worker.noter;
    worker.inserts(3, 70);
    worker.inserts(3, 71);
    worker.journal.publish(5);
    expect(worker.noter.rangeBytes).toBe(48);
    worker.journal.publish(5);
    expect(worker.noter.ranges).toBe(1);
    worker.inserts(3, 72);
    worker.journal.publish(5);
    expect(worker.noter.rangeBytes).toBe(72);
    expect(worker.noter.ranges).toBe(2);
  });

  test("goes on in the next segment when a record does not fit, and loses none", () => {
    const worker = new Worker(1, 7, 0);
    worker.journal.sink = worker.noter;
    // 24 bytes each: 682 fill a segment but for its header and 0 to 23 bytes.
    const perSegment = (SEGMENT_BYTES - SEGMENT_HEADER_BYTES) / 24;
    const total: u32 = 3 * perSegment + 5;
    for (let i: u32 = 0; i < total; i++) worker.inserts(2, i);
    expect(worker.journal.sequence).toBe(3);
    worker.journal.publish(1);
    let next: u32 = 0;
    for (let sequence: u32 = 0; sequence <= 3; sequence++) {
      const words = segment(worker, sequence).split(", ");
      for (let i = 0; i < words.length; i++) {
        expect(words[i]).toBe("insert 2 1 " + (next++).toString() + ":64");
      }
    }
    expect(next).toBe(total);
    expect(worker.noter.rangeBytes).toBe(24 * total);
  });

  test("takes the longest record into any segment", () => {
    const worker = new Worker(1, 7, 0);
    for (let i = 0; i < 9; i++) insertLong(worker, CHECKPOINTS_MAX);
    worker.journal.publish(1);
    // Two of 6,156 bytes fit 16 KiB.
    expect(worker.journal.sequence).toBe(4);
    for (let sequence: u32 = 0; sequence <= 4; sequence++) {
      const words = segment(worker, sequence).split(", ");
      expect(words.length).toBe(sequence < 4 ? 2 : 1);
    }
    expect(2 * insertBytes(CHECKPOINTS_MAX) + SEGMENT_HEADER_BYTES).toBeLessThan(SEGMENT_BYTES);
  });

  test("uses as many keys as the ring has, however much is written", () => {
    const worker = new Worker(1, 7, 0);
    for (let i: u32 = 0; i < 2 * 3 * SEGMENTS_MAX; i++) insertLong(worker, CHECKPOINTS_MAX);
    worker.journal.publish(1);
    expect(sharedCount()).toBe(SEGMENTS_MAX);
    const newest = worker.journal.sequence;
    expect(newest).toBe(3 * SEGMENTS_MAX - 1);
    expect(segment(worker, newest).startsWith("insert")).toBe(true);
    expect(segment(worker, newest - SEGMENTS_MAX)).toBe("number " + newest.toString());
  });

  test("begins anew under another number", () => {
    const worker = new Worker(1, 7, 0);
    for (let i = 0; i < 9; i++) insertLong(worker, CHECKPOINTS_MAX);
    worker.journal.restart();
    worker.journal.publish(1);
    expect(worker.journal.sequence).toBe(0);
    expect(worker.journal.published).toBe(SEGMENT_HEADER_BYTES);
    worker.inserts(8, 5);
    worker.journal.publish(1);
    expect(segment(worker, 0)).toBe("insert 8 1 5:64");
  });
});
