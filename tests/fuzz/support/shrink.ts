// Makes a case that disagrees smaller, as long as it still does, so that a person can read it.
import { type Disagreement, Runner } from "./campaign.js";

/** Tries of one case: each takes some tenth of a millisecond. */
const TRIES_MAX = 20_000;

/** The smallest body found with the same kind of disagreement. */
export function shrink(one: Disagreement): Disagreement {
  const runner = new Runner();
  let best = one;
  let tries = 0;
  const isStill = (body: string, cuts: number[]): boolean => {
    if (tries++ >= TRIES_MAX) return false;
    const before = runner.totals.disagreementCount;
    runner.totals.disagreements = [];
    runner.send(one.api, Buffer.from(body, "latin1"), cuts);
    runner.compareChains();
    if (runner.totals.disagreementCount === before) return false;
    const [found] = runner.totals.disagreements;
    // A part of a body must not lead to another fault than the whole has.
    if (found === undefined || kindOf(found.what) !== kindOf(one.what)) return false;
    best = { ...found };
    return true;
  };
  isStill(one.body, []);
  for (let size = best.body.length >> 1; size >= 1; size >>= 1) {
    for (let at = 0; at < best.body.length;) {
      const body = best.body.slice(0, at) + best.body.slice(at + size);
      if (!isStill(body, best.cuts.length === 0 ? [] : best.cuts.filter((c) => c <= body.length))) {
        at += size;
      }
    }
  }
  return best;
}

function kindOf(what: string): string {
  return what.replace(/\d+/g, "N");
}
