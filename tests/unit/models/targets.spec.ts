// Shares of weighted targets, and what moves when a weight changes.
import { chooseTarget } from "../../../filter/models/targets";
import { Random } from "../prefix/random";
import { model } from "./sections";

const CONVERSATIONS = 20000;

/** How many of CONVERSATIONS go to each target. */
function shares(targets: string[], count: i32): i32[] {
  const entry = model("a", targets);
  const random = new Random(11);
  const counts = new Array<i32>(count).fill(0);
  for (let i = 0; i < CONVERSATIONS; i++) {
    const chosen = chooseTarget(entry.dataStart, random.next());
    counts[chosen] += 1;
  }
  return counts;
}

/** Within 1.5 % of all conversations: four standard deviations at least. */
function isNear(count: i32, share: f64): bool {
  return Math.abs(<f64>count / <f64>CONVERSATIONS - share) < 0.015;
}

/** Conversations whose target's name differs between the two lists. */
function moved(before: string[], after: string[]): string {
  const old = model("a", before);
  const young = model("a", after);
  const random = new Random(12);
  const ways = new Map<string, i32>();
  for (let i = 0; i < CONVERSATIONS; i++) {
    const conversation = random.next();
    const from = before[chooseTarget(old.dataStart, conversation)].split("=")[0];
    const to = after[chooseTarget(young.dataStart, conversation)].split("=")[0];
    if (from != to) ways.set(from + to, 1);
  }
  return ways.keys().sort().join(" ");
}

describe("the chosen target", () => {
  test("is the only one, or the only one with a weight", () => {
    expect(chooseTarget(model("a", ["b=0"]).dataStart, 1)).toBe(0);
    const counts = shares(["b=0", "c=7", "d=0"], 3);
    expect(counts[1]).toBe(CONVERSATIONS);
  });

  test("has shares as the weights say", () => {
    const counts = shares(["b=90", "c=10"], 2);
    expect(isNear(counts[0], 0.9)).toBe(true);
    const three = shares(["b=1000000", "c=500000", "d=500000"], 3);
    expect(isNear(three[0], 0.5) && isNear(three[1], 0.25)).toBe(true);
    const sixteen: string[] = [];
    for (let i = 0; i < 16; i++) sixteen.push("t" + i.toString() + "=3");
    const even = shares(sixteen, 16);
    for (let i = 0; i < 16; i++) expect(isNear(even[i], 1.0 / 16)).toBe(true);
  });

  test("is any of them with equal shares where all weights are 0", () => {
    const counts = shares(["b=0", "c=0"], 2);
    expect(isNear(counts[0], 0.5)).toBe(true);
  });

  test("is the same for a conversation, in whatever order the targets stand", () => {
    expect(moved(["b=1", "c=2", "d=3"], ["d=3", "b=1", "c=2"])).toBe("");
  });

  test("changes only to or from the target whose weight changes", () => {
    expect(moved(["b=50", "c=50", "d=50"], ["b=50", "c=50", "d=90"])).toBe("bd cd");
    expect(moved(["b=50", "c=50", "d=50"], ["b=50", "c=50", "d=0"])).toBe("db dc");
    expect(moved(["b=50", "c=50"], ["b=500", "c=500"])).toBe("");
    expect(moved(["b=50", "c=50"], ["b=50", "c=50", "d=10"])).toBe("bd cd");
  });
});
