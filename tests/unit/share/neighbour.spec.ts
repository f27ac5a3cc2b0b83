// What one VM knows of another: its load as last shown, and its journal, read in order.
import { ENDPOINTS_MAX, SEGMENTS_MAX, SEGMENTS_PER_TICK_MAX } from "../../../filter/constants";
import { getShared, resultAt, resultSize } from "../../../filter/host/calls";
import { Endpoints } from "../../../filter/load/endpoint";
import { CHECKPOINTS_MAX } from "../../../filter/request/prompt-parser";
import { Head, HEAD_FIXED_BYTES } from "../../../filter/share/head";
import { Neighbour } from "../../../filter/share/neighbour";
import { Random } from "../prefix/random";
import { clearHost, dropShared } from "../fake-host";
import { Noter, Worker } from "./noter";

const NOW_MS: f64 = 1767225600000;

const hashes = new StaticArray<u64>(CHECKPOINTS_MAX);
const ends = new StaticArray<u32>(CHECKPOINTS_MAX);

/** One VM that reads the worker with the number 1. */
class Reader {
  readonly neighbour: Neighbour = new Neighbour(1);
  readonly endpoints: Endpoints = new Endpoints();
  readonly noter: Noter = new Noter();

  /** Takes the worker's head over as it lies in shared data. */
  looks(worker: Worker): bool {
    const key = worker.keys.head(1);
    if (!getShared(key, worker.keys.size)) return false;
    this.neighbour.update(resultAt, resultSize, this.endpoints, NOW_MS);
    return true;
  }

  reads(worker: Worker): string {
    this.neighbour.readJournal(worker.keys, this.noter, SEGMENTS_PER_TICK_MAX);
    return this.noter.take();
  }

  shown(endpoint: u32): string {
    const row = this.endpoints.at(endpoint);
    const figures = [
      row.otherInFlight.toString(),
      row.otherUnprefilled.toString(),
      row.otherBacklogTokens.toString(),
      row.otherKvTokens.toString(),
    ];
    return figures.join(" ");
  }
}

/** Fills the segment at hand, so that the next record goes into the next one. */
function fillSegment(worker: Worker): void {
  const before = worker.journal.sequence;
  while (worker.journal.sequence == before) {
    const at = changetype<usize>(hashes);
    worker.journal.insert(1, 0, 1, at, changetype<usize>(ends), 300);
  }
}

function wordsOf(text: string): i32 {
  return text.length == 0 ? 0 : text.split(", ").length;
}

beforeEach(() => {
  clearHost();
});

describe("a neighbour's load", () => {
  test("is what it last showed", () => {
    const worker = new Worker(1, 5, NOW_MS);
    const reader = new Reader();
    worker.holds(3, 2, 100, 900);
    worker.shows(NOW_MS);
    reader.looks(worker);
    expect(reader.shown(3)).toBe("2 2 100 900");
    reader.looks(worker);
    expect(reader.shown(3)).toBe("2 2 100 900");
    worker.holds(3, 1, 50, 400);
    worker.holds(8, 4, 5, 6);
    worker.shows(NOW_MS);
    reader.looks(worker);
    expect(reader.shown(3)).toBe("1 1 50 400");
    expect(reader.shown(8)).toBe("4 4 5 6");
    worker.holds(3, 0, 0, 0);
    worker.shows(NOW_MS);
    reader.looks(worker);
    expect(reader.shown(3)).toBe("0 0 0 0");
  });

  test("adds up with another's, and is nobody's when it is forgotten", () => {
    const worker = new Worker(1, 5, NOW_MS);
    const reader = new Reader();
    reader.endpoints.at(3).otherInFlight = 10;
    reader.endpoints.at(3).otherKvTokens = 1000;
    worker.holds(3, 2, 100, 900);
    worker.shows(NOW_MS);
    reader.looks(worker);
    expect(reader.shown(3)).toBe("12 2 100 1900");
    reader.neighbour.forget(reader.endpoints);
    expect(reader.shown(3)).toBe("10 0 0 1000");
    reader.neighbour.forget(reader.endpoints);
    expect(reader.shown(3)).toBe("10 0 0 1000");
  });

  test("comes to nothing after any sequence of heads", () => {
    const worker = new Worker(1, 5, NOW_MS);
    const reader = new Reader();
    const random = new Random(12);
    for (let step = 0; step < 400; step++) {
      const endpoint =
        random.below(2) == 0 ? random.below(20) : ENDPOINTS_MAX - 1 - random.below(9);
      worker.holds(endpoint, random.below(3), random.below(100000), random.below(100000));
      if (random.chance(1, 3)) worker.shows(NOW_MS);
      if (random.chance(1, 3)) reader.looks(worker);
      if (random.chance(1, 50)) reader.neighbour.forget(reader.endpoints);
    }
    reader.neighbour.forget(reader.endpoints);
    for (let number: u32 = 0; number < ENDPOINTS_MAX; number++) {
      expect(reader.shown(number)).toBe("0 0 0 0");
    }
  });

  test("is not changed by what is no head", () => {
    const worker = new Worker(1, 5, NOW_MS);
    const reader = new Reader();
    worker.holds(3, 2, 100, 900);
    worker.shows(NOW_MS);
    reader.looks(worker);
    const at = heap.alloc(HEAD_FIXED_BYTES + 64);
    memory.fill(at, 0xff, HEAD_FIXED_BYTES + 64);
    reader.neighbour.update(at, <u32>HEAD_FIXED_BYTES + 64, reader.endpoints, NOW_MS);
    reader.neighbour.update(at, 3, reader.endpoints, NOW_MS);
    expect(reader.shown(3)).toBe("2 2 100 900");
    expect(reader.neighbour.incarnation).toBe(5);
    heap.free(at);
  });

  test("of an endpoint that cannot be is left out, coming and going", () => {
    const worker = new Worker(1, 5, NOW_MS);
    const reader = new Reader();
    worker.holds(3, 2, 100, 900);
    worker.shows(NOW_MS);
    getShared(worker.keys.head(1), worker.keys.size);
    changetype<Head>(resultAt).entry(0).endpoint = 65535;
    reader.neighbour.update(resultAt, resultSize, reader.endpoints, NOW_MS);
    reader.neighbour.forget(reader.endpoints);
    for (let number: u32 = 0; number < ENDPOINTS_MAX; number++) {
      expect(reader.shown(number)).toBe("0 0 0 0");
    }
  });
});

describe("a neighbour's journal", () => {
  test("is read once, each time what is new", () => {
    const worker = new Worker(1, 5, NOW_MS);
    const reader = new Reader();
    worker.inserts(3, 70);
    worker.shows(NOW_MS);
    reader.looks(worker);
    expect(reader.reads(worker)).toBe("insert 3 1 70:64");
    expect(reader.reads(worker)).toBe("");
    worker.inserts(3, 71);
    worker.journal.forget(1, 3, 1, 9);
    expect(reader.reads(worker)).toBe("");
    worker.shows(NOW_MS);
    reader.looks(worker);
    expect(reader.reads(worker)).toBe("insert 3 1 71:64, forget 3 1 9");
    expect(reader.noter.rangeBytes).toBe(24 + 24 + 16);
  });

  test("is read even where its head is older than its segment", () => {
    const worker = new Worker(1, 5, NOW_MS);
    const reader = new Reader();
    worker.inserts(3, 70);
    worker.shows(NOW_MS);
    reader.looks(worker);
    worker.inserts(3, 71);
    worker.journal.publish(1);
    expect(reader.reads(worker)).toBe("insert 3 1 70:64, insert 3 1 71:64");
    worker.shows(NOW_MS);
    reader.looks(worker);
    expect(reader.reads(worker)).toBe("");
  });

  test("is read in order over all its segments, a few a tick", () => {
    const worker = new Worker(1, 5, NOW_MS);
    const reader = new Reader();
    for (let i = 0; i < 20; i++) {
      worker.inserts(1, i);
      fillSegment(worker);
    }
    worker.shows(NOW_MS);
    reader.looks(worker);
    let seen: u64 = 0;
    let ticks = 0;
    for (; ticks < 10; ticks++) {
      const text = reader.reads(worker);
      if (text == "") break;
      const words = text.split(", ");
      for (let i = 0; i < words.length; i++) {
        if (words[i].startsWith("insert 1 ")) {
          expect(words[i]).toBe("insert 1 1 " + (seen++).toString() + ":64");
        }
      }
    }
    expect(seen).toBe(20);
    // 21 segments, at most 8 a tick.
    expect(SEGMENTS_PER_TICK_MAX).toBe(8);
    expect(ticks).toBe(3);
  });

  test("is read from as far back as its ring reaches by a VM that starts", () => {
    const worker = new Worker(1, 5, NOW_MS);
    for (let i: u32 = 0; i < 100; i++) {
      worker.inserts(1, i);
      fillSegment(worker);
    }
    worker.shows(NOW_MS);
    const reader = new Reader();
    reader.looks(worker);
    const words = reader.reads(worker).split(", ");
    let first = 0;
    while (!words[first].startsWith("insert 1 ")) first++;
    // Segments 37 to 100 are there.
    expect(words[first]).toBe("insert 1 1 37:64");
    expect(SEGMENTS_MAX).toBe(64);
  });

  test("goes on after a reader was lapped, with what is still there", () => {
    const worker = new Worker(1, 5, NOW_MS);
    const reader = new Reader();
    worker.inserts(1, 7);
    worker.shows(NOW_MS);
    reader.looks(worker);
    expect(reader.reads(worker)).toBe("insert 1 1 7:64");
    for (let i: u32 = 0; i < 3 * SEGMENTS_MAX; i++) fillSegment(worker);
    worker.inserts(1, 8);
    worker.shows(NOW_MS);
    reader.looks(worker);
    let last = "";
    let records = 0;
    for (let tick = 0; tick < 20; tick++) {
      const text = reader.reads(worker);
      records += wordsOf(text);
      if (text != "") last = text;
    }
    expect(last.endsWith("insert 1 1 8:64")).toBe(true);
    // 63 whole segments of 4 long records, and the newest.
    expect(records).toBeGreaterThan(63 * 4 - 1);
    expect(reader.reads(worker)).toBe("");
    worker.inserts(1, 9);
    worker.shows(NOW_MS);
    reader.looks(worker);
    expect(reader.reads(worker)).toBe("insert 1 1 9:64");
  });

  test("is read anew when another VM has taken the number", () => {
    const worker = new Worker(1, 5, NOW_MS);
    const reader = new Reader();
    for (let i = 0; i < 5; i++) fillSegment(worker);
    worker.shows(NOW_MS);
    reader.looks(worker);
    reader.reads(worker);
    const other = new Worker(1, 6, NOW_MS);
    other.inserts(2, 40);
    other.shows(NOW_MS);
    reader.looks(other);
    expect(reader.reads(other)).toBe("insert 2 1 40:64");
    // The former holder's segments are still there; they are not the new one's.
    fillSegment(other);
    other.inserts(2, 41);
    other.shows(NOW_MS);
    reader.looks(other);
    expect(reader.reads(other).endsWith("insert 2 1 41:64")).toBe(true);
  });

  test("is not the former holder's, which still lies under the same keys", () => {
    const former = new Worker(1, 5, NOW_MS);
    former.inserts(2, 40);
    former.shows(NOW_MS);
    const worker = new Worker(1, 6, NOW_MS);
    worker.own.head.segmentUsed = 40;
    worker.own.publish(worker.keys, 1, worker.endpoints, NOW_MS, 0);
    const reader = new Reader();
    reader.looks(worker);
    expect(reader.reads(worker)).toBe("");
    worker.inserts(2, 41);
    worker.shows(NOW_MS);
    reader.looks(worker);
    expect(reader.reads(worker)).toBe("insert 2 1 41:64");
  });

  test("that is not there yet, or not whole, is waited for", () => {
    const worker = new Worker(1, 5, NOW_MS);
    const reader = new Reader();
    worker.inserts(3, 70);
    worker.shows(NOW_MS);
    reader.looks(worker);
    dropShared(worker.keys.segment(1, 0), worker.keys.size);
    expect(reader.reads(worker)).toBe("");
    worker.inserts(3, 71);
    worker.shows(NOW_MS);
    reader.looks(worker);
    expect(reader.reads(worker)).toBe("insert 3 1 70:64, insert 3 1 71:64");
  });
});
