// Invariants of the built filter after every event of small random worlds. INVARIANT_SEED=n runs
// that seed alone, INVARIANT_RUNS=n so many of them.
import { test } from "node:test";
import { drawConfig } from "./invariants-config.js";
import { World } from "./invariants-world.js";

const RUNS = 28;

function seeds(): number[] {
  const { INVARIANT_SEED: one, INVARIANT_RUNS: runs } = process.env;
  if (one !== undefined) return [Number(one)];
  return Array.from({ length: Number(runs ?? RUNS) }, (_, i) => i + 1);
}

for (const seed of seeds()) {
  test(`world ${seed}: nothing is lost, miscounted or sent where it may not go`, () => {
    const world = new World(drawConfig(seed));
    try {
      world.run();
    } catch (error) {
      const { eventCount, eventName, nowMs } = world;
      const place = `event ${eventCount} (${eventName}) at ${nowMs.toFixed(3)} ms`;
      const cause = error instanceof Error ? error.message : String(error);
      throw new Error(`INVARIANT_SEED=${seed}, ${place}: ${cause}`, { cause: error });
    }
  });
}
