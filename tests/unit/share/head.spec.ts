// The head record: what a VM shows of itself, and that only a whole one is taken for a head.
import { DECISIONS_KEPT, ENDPOINTS_MAX } from "../../../filter/constants";
import { getShared, resultAt, resultSize } from "../../../filter/host/calls";
import {
  Head,
  HEAD_BYTES_MAX,
  HEAD_FIXED_BYTES,
  isHead,
  REASONS_ROOM,
} from "../../../filter/share/head";
import { clearHost } from "../fake-host";
import { Worker } from "./noter";

const NOW_MS: f64 = 1767225600000;

/** The head that a worker has published; null when there is none. */
function published(worker: Worker): Head | null {
  const key = worker.keys.head(worker.vm);
  if (!getShared(key, worker.keys.size)) return null;
  return isHead(resultAt, resultSize) ? changetype<Head>(resultAt) : null;
}

beforeEach(() => {
  clearHost();
});

describe("a head", () => {
  test("shows who, when, and the load by endpoint", () => {
    const worker = new Worker(3, 0x123456789abcdef0, NOW_MS - 500);
    worker.holds(2, 4, 1000, 5000);
    worker.holds(9, 1, 7, 8);
    worker.holds(1023, 2, 20, 30);
    worker.endpoints.at(9).ownUnprefilled = 0;
    worker.own.head.configHash = 77;
    expect(worker.shows(NOW_MS)).toBe(true);
    const head = published(worker) as Head;
    expect(head.incarnation).toBe(0x123456789abcdef0);
    expect(head.heartbeatMs).toBe(NOW_MS);
    expect(head.startedMs).toBe(NOW_MS - 500);
    expect(head.configHash).toBe(77);
    expect(head.entryCount).toBe(3);
    expect(head.entry(0).endpoint).toBe(2);
    expect(head.entry(0).inFlight).toBe(4);
    expect(head.entry(0).unprefilled).toBe(4);
    expect(head.entry(0).backlogTokens).toBe(1000);
    expect(head.entry(0).kvTokens).toBe(5000);
    expect(head.entry(1).endpoint).toBe(9);
    expect(head.entry(1).unprefilled).toBe(0);
    expect(head.entry(2).endpoint).toBe(1023);
  });

  test("leaves out endpoints without requests, and shrinks again", () => {
    const worker = new Worker(0, 1, NOW_MS);
    for (let number: u32 = 0; number < 100; number++) worker.holds(number, 1, 1, 1);
    worker.shows(NOW_MS);
    expect((published(worker) as Head).entryCount).toBe(100);
    for (let number: u32 = 0; number < 100; number++) {
      if (number != 42) worker.holds(number, 0, 0, 0);
    }
    worker.shows(NOW_MS);
    const head = published(worker) as Head;
    expect(head.entryCount).toBe(1);
    expect(head.entry(0).endpoint).toBe(42);
  });

  test("has room for all endpoints at once", () => {
    const worker = new Worker(0, 1, NOW_MS);
    for (let number: u32 = 0; number < ENDPOINTS_MAX; number++) {
      worker.holds(number, 70000, i64.MAX_VALUE, i64.MAX_VALUE);
    }
    worker.shows(NOW_MS);
    expect(<usize>HEAD_BYTES_MAX).toBe(HEAD_FIXED_BYTES + ENDPOINTS_MAX * 24);
    const head = published(worker) as Head;
    expect(<usize>resultSize).toBe(HEAD_BYTES_MAX);
    // What is more than a field holds is the most that it holds.
    expect(head.entry(1023).inFlight).toBe(65535);
    expect(head.entry(1023).unprefilled).toBe(65535);
    expect(head.entry(1023).backlogTokens).toBe(u32.MAX_VALUE);
    expect(head.entry(1023).kvTokens).toBe(u32.MAX_VALUE);
  });

  test("counts reasons apart from each other and from the decisions", () => {
    const worker = new Worker(0, 1, NOW_MS);
    for (let reason: u32 = 0; reason < REASONS_ROOM; reason++) {
      for (let i: u32 = 0; i <= reason; i++) worker.own.count(reason);
    }
    for (let i: u32 = 0; i < DECISIONS_KEPT; i++) {
      worker.own.head.decision(i).atMs = NOW_MS + <f64>i;
      worker.own.head.decision(i).reason = <u16>i;
    }
    worker.holds(5, 1, 1, 1);
    worker.shows(NOW_MS);
    const head = published(worker) as Head;
    for (let reason: u32 = 0; reason < REASONS_ROOM; reason++) {
      expect(load<u64>(head.reasonCell(reason))).toBe(reason + 1);
    }
    for (let i: u32 = 0; i < DECISIONS_KEPT; i++) {
      expect(head.decision(i).atMs).toBe(NOW_MS + <f64>i);
      expect(head.decision(i + DECISIONS_KEPT).reason).toBe(<u16>i);
    }
    expect(head.entry(0).endpoint).toBe(5);
    expect(head.heartbeatMs).toBe(NOW_MS);
  });

  test("is published with compare-and-set only over the datum that was read", () => {
    const first = new Worker(4, 11, NOW_MS);
    const second = new Worker(4, 22, NOW_MS);
    first.shows(NOW_MS);
    const key = first.keys.head(4);
    getShared(key, first.keys.size);
    expect(second.own.publish(second.keys, 4, second.endpoints, NOW_MS, 99)).toBe(false);
    expect((published(first) as Head).incarnation).toBe(11);
    expect(second.shows(NOW_MS)).toBe(true);
    expect((published(first) as Head).incarnation).toBe(22);
  });
});

describe("what is no head", () => {
  test("is every size but the one that its count of entries asks for", () => {
    const at = heap.alloc(HEAD_BYTES_MAX + 64);
    memory.fill(at, 0, HEAD_BYTES_MAX + 64);
    const counts: u32[] = [0, 1, 7, ENDPOINTS_MAX];
    for (let i = 0; i < counts.length; i++) {
      changetype<Head>(at).entryCount = counts[i];
      const size = <u32>HEAD_FIXED_BYTES + 24 * counts[i];
      expect(isHead(at, size)).toBe(true);
      expect(isHead(at, size - 1)).toBe(false);
      expect(isHead(at, size + 1)).toBe(false);
      expect(isHead(at, size + 24)).toBe(false);
    }
    expect(isHead(at, 0)).toBe(false);
    heap.free(at);
  });

  test("is one with more entries than there are endpoints, also where the size wraps", () => {
    const at = heap.alloc(HEAD_BYTES_MAX + 24);
    memory.fill(at, 0, HEAD_BYTES_MAX + 24);
    const counts: u32[] = [ENDPOINTS_MAX + 1, 0x10000000, u32.MAX_VALUE];
    for (let i = 0; i < counts.length; i++) {
      changetype<Head>(at).entryCount = counts[i];
      expect(isHead(at, <u32>HEAD_FIXED_BYTES + 24 * counts[i])).toBe(false);
    }
    heap.free(at);
  });
});
