// The lists of nodes: order, sums, reuse, and the move of nodes to the front of their memory.
import { NODE_BYTES, Node, NodeLists, POD_LIST_BYTES } from "../../../filter/prefix/node-lists";
import { Random } from "./random";

const PODS: u32 = 3;
const NODES: u32 = 20;
const podsAt = heap.alloc(PODS * POD_LIST_BYTES);
const nodesAt = heap.alloc(NODES * NODE_BYTES);

function newLists(): NodeLists {
  const lists = new NodeLists();
  lists.lay(podsAt, PODS, 100, nodesAt, NODES);
  return lists;
}

/** The pod's hashes from the oldest, and back from the newest where that differs. */
function order(lists: NodeLists, pod: u32): string {
  let forward = "";
  let backward = "";
  for (let at = lists.list(pod).oldest; at != 0; at = changetype<Node>(at).newer) {
    forward += `${changetype<Node>(at).hash} `;
  }
  for (let at = lists.list(pod).newest; at != 0; at = changetype<Node>(at).older) {
    backward = `${changetype<Node>(at).hash} ${backward}`;
  }
  return forward == backward ? forward : `${forward}| ${backward}`;
}

function joined(hashes: Array<u64>): string {
  let text = "";
  for (let i = 0; i < hashes.length; i++) text += `${hashes[i]} `;
  return text;
}

/** Random steps beside one array for each pod; returns the first difference, or "". */
function differences(seed: u64): string {
  const lists = newLists();
  const naive: Array<Array<u64>> = [[], [], []];
  const random = new Random(seed);
  let hash: u64 = 0;
  for (let step = 0; step < 2000; step++) {
    const pod = random.below(PODS);
    const hashes = naive[pod];
    const kind = random.below(20);
    if (kind < 9) {
      const isFull = lists.nodeCount == NODES;
      if ((lists.add(pod, ++hash, <u32>hash, 1) == 0) != isFull) return `step ${step}: full`;
      if (!isFull) hashes.push(hash);
    } else if (kind < 19 && hashes.length > 0) {
      const place = random.below(hashes.length);
      let at = lists.list(pod).oldest;
      for (let i: u32 = 0; i < place; i++) at = changetype<Node>(at).newer;
      const taken = hashes.splice(place, 1)[0];
      if (kind < 14) {
        lists.remove(changetype<Node>(at));
      } else {
        lists.touch(changetype<Node>(at), <u32>taken, 2);
        hashes.push(taken);
      }
    } else if (kind == 19) {
      lists.compact(NODES);
      for (let i: u32 = 0; i < lists.nodeCount; i++) {
        if (lists.at(i).pod >= PODS) return `step ${step}: a hole at ${i}`;
      }
    }
    let tokens: u64 = 0;
    for (let i = 0; i < hashes.length; i++) tokens += hashes[i];
    if (order(lists, pod) != joined(hashes)) return `step ${step}: ${order(lists, pod)}`;
    if (lists.list(pod).tokens != tokens) return `step ${step}: ${lists.list(pod).tokens} tokens`;
    if (lists.list(pod).nodeCount != hashes.length) return `step ${step}: count`;
  }
  return "";
}

describe("node lists", () => {
  test("equal plain arrays", () => {
    expect(differences(1)).toBe("");
    expect(differences(2)).toBe("");
  });
  test("keep as many nodes as compacting leaves", () => {
    const lists = newLists();
    for (let i: u32 = 1; i <= 8; i++) lists.add(i % PODS, i, 1, 1);
    lists.compact(9);
    expect(lists.add(0, 9, 1, 1) != 0).toBe(true);
    expect(lists.add(0, 10, 1, 1)).toBe(0);
    expect(order(lists, 0)).toBe("3 6 9 ");
  });
  test("keep capacities when emptied", () => {
    const lists = newLists();
    lists.list(1).capacityTokens = 7;
    lists.add(1, 1, 1, 1);
    lists.empty(PODS);
    expect(lists.nodeCount).toBe(0);
    expect(lists.list(1).oldest).toBe(0);
    expect(lists.list(1).capacityTokens).toBe(7);
    expect(lists.list(0).capacityTokens).toBe(100);
  });
});
