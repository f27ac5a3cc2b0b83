// The finder against a search through all nodes, nearly full, with equal hashes in many pods.
import { FINDER_SLOT_BYTES, NodeFinder } from "../../../filter/prefix/node-finder";
import { NODE_BYTES, Node } from "../../../filter/prefix/node-lists";
import { Random } from "./random";

const PODS: u32 = 5;
const HASHES: u32 = 6;

/** Adds and removes all pairs of a small world at random; returns the first difference, or "". */
function differences(slots: u32, seed: u64): string {
  const nodesAt = heap.alloc(PODS * HASHES * NODE_BYTES);
  const tableAt = heap.alloc(slots * FINDER_SLOT_BYTES);
  const finder = new NodeFinder();
  finder.lay(tableAt, slots);
  const isIn = new StaticArray<bool>(PODS * HASHES);
  let count: u32 = 0;
  const random = new Random(seed);
  for (let step = 0; step < 4000; step++) {
    const chosen = random.below(PODS * HASHES);
    const node = changetype<Node>(nodesAt + chosen * NODE_BYTES);
    node.pod = chosen % PODS;
    node.hash = chosen / PODS + 1;
    if (isIn[chosen]) {
      finder.remove(node);
      isIn[chosen] = false;
      count--;
    } else if (count < slots) {
      finder.add(node);
      isIn[chosen] = true;
      count++;
    }
    for (let i: u32 = 0; i < PODS * HASHES; i++) {
      const expected = isIn[i] ? nodesAt + i * NODE_BYTES : 0;
      if (finder.find(i % PODS, i / PODS + 1) != expected) return `step ${step}, node ${i}`;
    }
  }
  heap.free(nodesAt);
  heap.free(tableAt);
  return "";
}

describe("node finder", () => {
  test("finds what is in it and nothing else", () => {
    expect(differences(45, 1)).toBe("");
    expect(differences(31, 2)).toBe("");
  });
  test("finds also when no slot is free", () => {
    expect(differences(20, 3)).toBe("");
    expect(differences(1, 4)).toBe("");
  });
});
