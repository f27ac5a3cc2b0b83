// Makes a case that disagrees smaller, as long as it still does, so that a person can read it.
import { type Disagreement, Runner } from "./campaign.js";

/** Bytes of bodies that are tried for one case: some seconds. */
const TRIED_BYTES_MAX = 20_000_000;

/** The smallest body found with the same kind of disagreement. */
export function shrink(one: Disagreement): Disagreement {
  const runner = new Runner();
  let best = one;
  let triedBytes = 0;
  const isStill = (body: string, cuts: number[]): boolean => {
    triedBytes += body.length;
    if (triedBytes > TRIED_BYTES_MAX) return false;
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
  if (!isStill(one.body, []) && !isStill(one.body, one.cuts)) return one;
  for (let size = best.body.length >> 1; size >= 1; size >>= 1) {
    for (let at = 0; at < best.body.length && triedBytes < TRIED_BYTES_MAX;) {
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
