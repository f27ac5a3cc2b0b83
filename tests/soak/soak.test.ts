// Mixed traffic and random faults for as long as asked: at the end nothing is left, or unexplained.
import assert from "node:assert/strict";
import { after, describe, test } from "node:test";
import { FAULTS } from "./support/fault.js";
import { KINDS } from "./support/plans.js";
import { settingsOf } from "./support/settings.js";
import { soak, type Soaked } from "./support/soak.js";
import { summaryOf } from "./support/summary.js";

/**
 * What memory may grow by after the warm-up, in MiB: arenas of the allocators and of V8 that the
 * busiest moment of the rest fills anew. A leak of 1 KiB a request is 35 MiB in 10 minutes.
 */
const ENVOY_GROWTH_MIB_MAX = 32;
const ENVOY_ALLOCATED_GROWTH_MIB_MAX = 8;
/** One that has just been restarted has not yet made use of what Node.js lets its heap grow to. */
const SIDECAR_GROWTH_MIB_MAX = 80;
const SHOWN_MAX = 10;

describe("a soak", () => {
  let soaked: Soaked;
  after(() => {
    if (soaked !== undefined) summaryOf(soaked).forEach((line) => console.log(`figure: ${line}`));
  });

  test("every fault begins and ends, and what it did heals", async () => {
    const settings = settingsOf(process.env);
    console.log(`soak: ${settings.minutes} minutes, seed ${settings.seed}`);
    soaked = await soak(settings);
  });

  test("every request has an outcome, and every failure a fault that explains it", () => {
    const { traffic, unexplained, unlogged, unsent } = soaked;
    assert.equal(traffic.results.length, traffic.sent);
    assert.deepEqual(unexplained.slice(0, SHOWN_MAX), []);
    assert.deepEqual(unlogged.slice(0, SHOWN_MAX), []);
    assert.deepEqual(unsent.slice(0, SHOWN_MAX), []);
  });

  test("the filter decided once for each request that reached it", () => {
    assert.equal(soaked.decisions, soaked.decided);
  });

  test("nothing is in flight, held or out of the pick", () => {
    const { inFlight, waitingForPod, ejected, leftOnPods } = soaked;
    assert.deepEqual(
      { inFlight, waitingForPod, ejected },
      {
        inFlight: 0,
        waitingForPod: 0,
        ejected: 0,
      },
    );
    assert.deepEqual(leftOnPods, { inFlight: 0, backlogTokens: 0, kvTokens: 0 });
  });

  test("no VM trapped", () => {
    assert.deepEqual(soaked.traps, []);
  });

  test("memory does not grow", () => {
    const { warm, end } = soaked;
    const sizes = JSON.stringify({ warm, end });
    assert.ok(end.envoyMiB - warm.envoyMiB < ENVOY_GROWTH_MIB_MAX, sizes);
    const allocated = end.envoyAllocatedMiB - warm.envoyAllocatedMiB;
    assert.ok(allocated < ENVOY_ALLOCATED_GROWTH_MIB_MAX, sizes);
    assert.ok(end.sidecarMiB - warm.sidecarMiB < SIDECAR_GROWTH_MIB_MAX, sizes);
  });

  test("each kind of request was there, and most kinds of faults", () => {
    const sent = new Set(soaked.traffic.results.map(({ plan }) => plan.kind));
    assert.deepEqual(
      KINDS.filter((kind) => !sent.has(kind)),
      [],
    );
    const met = new Set(soaked.trouble.faults.map(({ kind }) => kind.name));
    assert.ok(met.size > FAULTS.length / 2, [...met].join(", "));
  });
});
