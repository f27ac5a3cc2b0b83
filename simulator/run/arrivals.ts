// When the first requests of conversations come.
import type { Load, Traffic } from "../traffic/traffic.js";
import { Random } from "../workloads/random.js";

/** Spacing of the first requests of a closed loop: they come at once, but not as one. */
const START_GAP_MS = 0.1;
/** Part of the seed: what it draws must not shift what others draw. */
const ARRIVALS = 1;

/** Times in order; of a closed loop only those of its start. */
export function* arrivals(
  traffic: Traffic,
  load: Load,
  conversations: number,
  seed: number,
): Generator<number> {
  if ("concurrency" in load) {
    const first = Math.min(load.concurrency, conversations);
    for (let i = 0; i < first; i++) yield i * START_GAP_MS;
    return;
  }
  if ("speed" in load) {
    for (let i = 0; i < conversations; i++) yield traffic.arrivalsMs![i]! / load.speed;
    return;
  }
  const random = Random.from(seed, ARRIVALS);
  const gapMsMean = (1000 * traffic.turns) / load.ratePerS;
  const { rateFactor } = traffic;
  let atMs = 0;
  for (let count = 0; count < conversations;) {
    atMs += random.exponential(gapMsMean / (rateFactor?.max ?? 1));
    // Thinning: of arrivals at the highest rate each stays with the share of the rate at its time.
    if (rateFactor && random.unit() * rateFactor.max >= rateFactor.at(atMs)) continue;
    count++;
    yield atMs;
  }
}
