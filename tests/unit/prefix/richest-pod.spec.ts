// The heap of pods against a search through all of them after each step.
import { RichestPod } from "../../../filter/prefix/richest-pod";
import { Random } from "./random";

function richest(counts: Array<u32>): u32 {
  let best = 0;
  for (let pod = 1; pod < counts.length; pod++) if (counts[pod] > counts[best]) best = pod;
  return best;
}

function differences(podCount: u32, seed: u64): string {
  const base = heap.alloc(RichestPod.bytes(podCount));
  const heapOfPods = new RichestPod(base, podCount);
  const counts = new Array<u32>(podCount).fill(0);
  const random = new Random(seed);
  for (let step = 0; step < 5000; step++) {
    // Small counts give many ties; now and then a pod leaps or loses all.
    const pod = random.below(podCount);
    const count = random.chance(1, 20) ? u32.MAX_VALUE - random.below(3) : random.below(8);
    counts[pod] = count;
    heapOfPods.set(pod, count);
    if (heapOfPods.top() != richest(counts)) return `step ${step}: ${heapOfPods.top()}`;
    if (random.chance(1, 3)) {
      // The top goes down, as it does when it loses nodes.
      const top = heapOfPods.top();
      counts[top] = counts[top] / 2;
      heapOfPods.set(top, counts[top]);
      if (heapOfPods.top() != richest(counts)) return `step ${step}: ${heapOfPods.top()}`;
    }
  }
  heapOfPods.empty();
  if (heapOfPods.top() != 0) return "not empty";
  heap.free(base);
  return "";
}

describe("richest pod", () => {
  test("is the one with most nodes, the lowest number of several", () => {
    expect(differences(1, 1)).toBe("");
    expect(differences(2, 2)).toBe("");
    expect(differences(7, 3)).toBe("");
    expect(differences(100, 4)).toBe("");
  });
});
