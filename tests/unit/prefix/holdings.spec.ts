// The memory that lists, tables and heap share: nothing is written outside, at any width.
import { Holdings } from "../../../filter/prefix/holdings";
import { Node } from "../../../filter/prefix/node-lists";
import { Random } from "./random";

const PODS: u32 = 256;
const CANARY: u8 = 0xa5;
const MARGIN_BYTES: u32 = 512;

/** Fills holdings of `bytes` to the last node at each width; returns what went wrong, or "". */
function fault(bytes: u32): string {
  const memoryAt = heap.alloc(bytes + 2 * MARGIN_BYTES);
  memory.fill(memoryAt, CANARY, bytes + 2 * MARGIN_BYTES);
  const held = new Holdings(memoryAt + MARGIN_BYTES, bytes, PODS, u32.MAX_VALUE);
  const random = new Random(bytes);
  for (let pod: u32 = 0; pod < PODS; pod += 63) {
    for (let i: u32 = 0; i <= held.lists.nodeCountMax; i++) held.add(pod, random.next(), 1, 1);
    held.settle(pod);
    if (held.lists.nodeCount != held.lists.nodeCountMax) return `pod ${pod} does not fill it`;
  }
  for (let i: u32 = 0; i < MARGIN_BYTES; i++) {
    if (load<u8>(memoryAt + i) != CANARY) return "wrote before its memory";
    if (load<u8>(memoryAt + MARGIN_BYTES + bytes + i) != CANARY) return "wrote behind its memory";
  }
  heap.free(memoryAt);
  return "";
}

/** Nodes, entries in both tables and sums must tell the same story. */
function inStep(held: Holdings): string {
  let count: u32 = 0;
  const seen = new Set<u64>();
  for (let pod: u32 = 0; pod < PODS; pod++) {
    for (let at = held.lists.list(pod).oldest; at != 0; at = changetype<Node>(at).newer) {
      const node = changetype<Node>(at);
      count++;
      if (node.hash == 0) continue;
      seen.add(node.hash);
      if (held.find(pod, node.hash) != at) return `pod ${pod} lost ${node.hash}`;
      const bitmap = held.holders.find(node.hash);
      if (bitmap == 0) return `${node.hash} has no holders`;
      const word = load<u64>(bitmap + ((pod >> 6) << 3));
      if (((word >> (pod & 63)) & 1) == 0) return `${node.hash} is not held by ${pod}`;
    }
  }
  if (count != held.lists.nodeCount) return `${count} nodes`;
  return held.holders.size == <u32>seen.size ? "" : `${held.holders.size} hashes`;
}

describe("holdings", () => {
  test("stay inside their memory at each width", () => {
    for (let bytes: u32 = 12000; bytes < 13000; bytes += 8) expect(fault(bytes)).toBe("");
  });
  test("keep lists and tables in step through additions, drops and growth", () => {
    const bytes: u32 = 40000;
    const memoryAt = heap.alloc(bytes);
    const held = new Holdings(memoryAt, bytes, PODS, 60);
    const random = new Random(7);
    for (let step: u32 = 0; step < 4000; step++) {
      const pod = random.below(1 + (PODS * step) / 4000);
      const hash = random.chance(1, 9) ? 0 : 1 + random.below(300);
      if (hash == 0 || held.find(pod, hash) == 0) held.add(pod, hash, random.below(9), 1);
      held.settle(pod);
      if (step % 100 == 0) expect(inStep(held)).toBe("");
    }
    expect(held.evictedCount > 0).toBe(true);
    expect(held.holders.width).toBe(4);
    held.clear();
    expect(held.lists.nodeCount + held.holders.size).toBe(0);
    expect(inStep(held)).toBe("");
    heap.free(memoryAt);
  });
});
