// All pods are saturated: who is refused, what the refusal says, and what goodput is left.
import assert from "node:assert/strict";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { promise } from "./support/promise-table.js";
import { shortChats } from "./support/prompts.js";
import { startStack, type Stack } from "./support/stack.js";
import { startSteadyLoad, type SteadyLoad } from "./support/steady-load.js";
import type { LoadResult } from "./support/tally.js";

const OBJECTIVE_HEADER = "x-gateway-inference-objective";
/** Named as their criticality, which follows from the priority. */
const OBJECTIVES = [
  { name: "critical", priority: 1 },
  { name: "standard", priority: 0 },
  { name: "sheddable", priority: -1 },
];
type Name = "critical" | "standard" | "sheddable";

/**
 * Two pods whose steps take 200 µs for a prompt token and little else: a prompt of some 280 tokens
 * that nobody else has takes 56 ms, so that both together answer some 37 requests a second.
 */
const PODS = 2;
const POD_ARGS = [
  "--prefill-us-per-token",
  "200",
  "--step-ms",
  "1",
  "--no-enable-prefix-caching",
  "--max-num-batched-tokens",
  "1024",
];
const CAPACITY_PER_S = 37;
/** Offered loads, by the capacity. The last one is the promise's. */
const FACTORS = [0.7, 1.2, 3];
const PHASE_MS = 5_000;
/** Until what the phase before has left is gone, and admission has seen the new load. */
const SETTLE_MS = 1_500;
const IN_TIME_MS = 5_000;
const GOODPUT_KEPT = 0.95;
const PROMISED =
  "Sheddable get 429 with retry-after in OpenAI's shape, Critical never; goodput at 3 times " +
  "capacity at least 0.95 of its peak";

interface Phase {
  goodPerS: number;
  results: Record<Name, readonly LoadResult[]>;
}

test("all pods saturated", async () => {
  const stack = await startStack({
    pods: PODS,
    podArgs: POD_ARGS,
    filter: { objectiveHeader: OBJECTIVE_HEADER },
    sidecarPool: { objectives: OBJECTIVES },
  });
  try {
    const phases: Phase[] = [];
    for (const factor of FACTORS.slice(0, -1)) phases.push(await offer(stack, factor));
    const [last] = await Promise.all([offer(stack, FACTORS.at(-1)!), checkRefusal(stack)]);
    phases.push(last);
    const peak = Math.max(...phases.map(({ goodPerS }) => goodPerS));
    promise("all pods saturated", PROMISED, measured(phases, peak));
    assert.ok(last.goodPerS >= GOODPUT_KEPT * peak, `${last.goodPerS} of ${peak}`);
    assert.deepEqual(statusesOf(last.results.critical), [200]);
    assert.ok(statusesOf(last.results.sheddable).includes(429));
    // Below capacity nobody is refused.
    for (const one of Object.values(phases[0]!.results)) assert.deepEqual(statusesOf(one), [200]);
  } finally {
    await stack.stop();
  }
});

/** A third of each criticality, open loop; what happens while it settles is not counted. */
async function offer(stack: Stack, factor: number): Promise<Phase> {
  const loads = OBJECTIVES.map(({ name }) => startLoad(stack, name, factor));
  const fromMs = performance.timeOrigin + performance.now() + SETTLE_MS;
  await sleep(SETTLE_MS + PHASE_MS);
  const tallies = await Promise.all(loads.map((load) => load.stop()));
  const counted = tallies.map(({ results }) => results.filter(({ dueMs }) => dueMs >= fromMs));
  const [critical, standard, sheddable] = counted as [LoadResult[], LoadResult[], LoadResult[]];
  // By when first tokens came: what only filled the queues while it was counted is no goodput.
  const untilMs = fromMs + PHASE_MS;
  const good = tallies
    .flatMap(({ results }) => results.filter(isGood))
    .filter((one) => {
      return one.firstByteMs! >= fromMs && one.firstByteMs! < untilMs;
    }).length;
  return { goodPerS: (good * 1000) / PHASE_MS, results: { critical, standard, sheddable } };
}

function startLoad(stack: Stack, name: string, factor: number): SteadyLoad {
  return startSteadyLoad({
    urls: [stack.url],
    perSecond: (factor * CAPACITY_PER_S) / OBJECTIVES.length,
    streamShare: 1,
    body: shortChats({ name: `${name} ${factor}`, coldEvery: 1, outputTokens: [2, 2] }),
    headers: { [OBJECTIVE_HEADER]: name },
  });
}

function isGood({ status, firstByteMs, dueMs }: LoadResult): boolean {
  return status === 200 && firstByteMs !== null && firstByteMs - dueMs <= IN_TIME_MS;
}

function statusesOf(results: readonly LoadResult[]): number[] {
  return [...new Set(results.map(({ status }) => status))].sort((a, b) => a - b);
}

function measured(phases: readonly Phase[], peak: number): string {
  const last = phases.at(-1)!;
  const goods = phases.map(({ goodPerS }, i) => `${FACTORS[i]}x ${goodPerS.toFixed(1)}/s`);
  const shares = Object.entries(last.results).map(([name, results]) => {
    const refused = results.filter(({ status }) => status === 429).length;
    return `${name} ${((100 * refused) / results.length).toFixed(0)} %`;
  });
  const firsts = last.results.critical.map(({ firstByteMs, dueMs }) => (firstByteMs ?? 0) - dueMs);
  firsts.sort((a, b) => a - b);
  const p99 = firsts[Math.floor(0.99 * firsts.length)] ?? 0;
  return (
    `goodput ${goods.join(", ")}: ${(last.goodPerS / peak).toFixed(2)} of the peak; at 3x 429 to ` +
    `${shares.join(", ")}; first token of critical at most ${p99.toFixed(0)} ms (p99)`
  );
}

/** What a client gets that is refused while the pods are saturated. */
async function checkRefusal(stack: Stack): Promise<void> {
  await sleep(SETTLE_MS + PHASE_MS / 2);
  const response = await fetch(`${stack.url}/v1/chat/completions`, {
    method: "POST",
    headers: { "content-type": "application/json", [OBJECTIVE_HEADER]: "sheddable" },
    body: JSON.stringify(shortChats({ name: "refused" })(0)),
  });
  const { error } = (await response.json()) as { error: Record<string, unknown> };
  assert.equal(response.status, 429);
  assert.match(response.headers.get("retry-after") ?? "", /^[1-9]\d?$/);
  assert.deepEqual(
    [error["type"], error["param"], error["code"]],
    ["rate_limit_error", null, "rate_limit_exceeded"],
  );
}
