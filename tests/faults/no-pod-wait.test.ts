// No pod for a while: requests are held until one comes, and counted where an autoscaler sees them.
import assert from "node:assert/strict";
import { renameSync, writeFileSync } from "node:fs";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { until } from "../../lab/processes.js";
import { promise } from "./support/promise-table.js";
import { shortChats } from "./support/prompts.js";
import { startStack, type Stack } from "./support/stack.js";
import { startSteadyLoad, unixMs } from "./support/steady-load.js";

const NO_POD_WAIT_S = 30;
/** 200 requests a second for so long: less than two workers may hold. */
const WITHOUT_POD_MS = 3_000;
const WITH_POD_MS = 2_000;

test("no pod for a while: requests wait for one", async () => {
  const stack = await startStack({
    isDraining: true,
    isListWatched: true,
    readyReason: "fallback-no-endpoint",
    filter: { noPodWait: NO_POD_WAIT_S },
  });
  try {
    const load = startSteadyLoad({ urls: [stack.url], body: shortChats() });
    await sleep(WITHOUT_POD_MS);
    assert.equal(load.tally().results.length, 0, "nothing is answered before there is a pod");
    const held = await stack.metric("waiting_for_pod");
    const told = await heldBySidecar(stack);
    const listedMs = unixMs();
    list(stack);
    await sleep(WITH_POD_MS);
    const tally = await load.stop();
    const first = Math.min(...tally.results.map(({ endMs }) => endMs));
    // Those that waited are late by the time without a pod, and nothing else is wrong with them.
    const failed = tally.results.filter(({ outcome }) => outcome === "failed" || outcome === "cut");
    promise(
      "no pod for a while (scale from zero)",
      "noPodWait holds requests up to N s, bounded; a metric for a ScaledObject",
      `${tally.results.length} sent, ${failed.length} failed; ${held} held after 3 s, of which ` +
        `warmroute_pool_held_requests told ${told}; the first answer ` +
        `${(first - listedMs).toFixed(0)} ms after a pod was listed`,
    );
    assert.deepEqual(failed, []);
    assert.ok(held > 0 && told > 0, `${held}, ${told}`);
    await until("nobody waits", async () => (await stack.metric("waiting_for_pod")) === 0);
    await until("nothing is in flight", async () => (await stack.metric("in_flight")) === 0);
  } finally {
    await stack.stop();
  }
});

/** All pods may be picked from now on. A rename, so that the list is never read half written. */
function list(stack: Stack): void {
  writeFileSync(`${stack.podsFile}.next`, JSON.stringify(stack.pods.map(({ address }) => address)));
  renameSync(`${stack.podsFile}.next`, stack.podsFile);
}

async function heldBySidecar(stack: Stack): Promise<number> {
  const page = await (await fetch(`http://127.0.0.1:${stack.sidecarPort}/metrics`)).text();
  return Number(/^warmroute_pool_held_requests\{pool="default"\} (\d+)$/m.exec(page)?.[1]);
}
