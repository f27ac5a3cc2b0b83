// A first-token target that no pod's estimate meets: who is refused at once, who is served late.
import assert from "node:assert/strict";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { until } from "../../lab/processes.js";
import { percentile } from "../../lab/summary.js";
import { promise } from "./support/promise-table.js";
import { shortChats } from "./support/prompts.js";
import { startStack, type Stack } from "./support/stack.js";
import { startSteadyLoad } from "./support/steady-load.js";
import type { LoadResult } from "./support/tally.js";

const OBJECTIVE_HEADER = "x-gateway-inference-objective";
const TARGET_HEADER = "x-ttft-target-ms";
const OBJECTIVES = [
  { name: "critical", priority: 1 },
  { name: "standard", priority: 0 },
  { name: "sheddable", priority: -1 },
];
const LOAD_MS = 3_000;
/** Together with the requests that have none, 200 a second. */
const PER_SECOND = 50;
/** No prompt is prefilled in that. */
const TARGET_MS = 1;

test("a first-token target that no pod meets", async () => {
  const stack = await startStack({
    filter: { objectiveHeader: OBJECTIVE_HEADER, ttftTargetHeader: TARGET_HEADER },
    sidecarPool: { objectives: OBJECTIVES },
  });
  try {
    const without = start(stack, "sheddable", null);
    const loads = OBJECTIVES.map(({ name }) => start(stack, name, String(TARGET_MS)));
    await sleep(LOAD_MS);
    const [plain, ...tallies] = await Promise.all([without, ...loads].map((load) => load.stop()));
    const [critical, standard, sheddable] = tallies.map(({ results }) => statusesOf(results));
    const late = tallies[0]!.results.length + tallies[1]!.results.length;
    const refusedMs = tallies[2]!.results.map(({ endMs, dueMs }) => endMs - dueMs).sort(byNumber);
    const p50 = `p50 ${percentile(refusedMs, 0.5).toFixed(1)} ms`;
    await until("the counts are there", async () => (await stack.metric("targets_missed")) >= late);
    const missed = await stack.metric("targets_missed");
    promise(
      "a first-token target that no pod's estimate meets",
      "Sheddable 429 at once, others routed and counted as missed",
      `sheddable: ${sheddable!.join(", ")}, ${p50}; standard: ${standard!.join(", ")}; ` +
        `critical: ${critical!.join(", ")}; ${missed} counted of ${late}; ` +
        `sheddable without a target: ${statusesOf(plain!.results).join(", ")}`,
    );
    assert.deepEqual([critical, standard, sheddable], [["200"], ["200"], ["429"]]);
    assert.deepEqual(statusesOf(plain!.results), ["200"]);
    assert.equal(missed, late);
  } finally {
    await stack.stop();
  }
});

function start(stack: Stack, objective: string, target: string | null) {
  return startSteadyLoad({
    urls: [stack.url],
    perSecond: PER_SECOND,
    // Some 500 tokens that no pod holds: 30 ms of prefill by the configured rate.
    body: shortChats({ coldEvery: 1, sharedBytes: 2000, name: `${objective} ${target}` }),
    headers: {
      [OBJECTIVE_HEADER]: objective,
      ...(target === null ? {} : { [TARGET_HEADER]: target }),
    },
  });
}

function statusesOf(results: readonly LoadResult[]): string[] {
  return [...new Set(results.map(({ status }) => String(status)))].sort();
}

const byNumber = (a: number, b: number): number => a - b;
