// The sidecar is killed, hangs, or was never there: routing goes on with what is known.
import assert from "node:assert/strict";
import { after, afterEach, before, describe, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import {
  inWords,
  msUntilFresh,
  msUntilIdle,
  percents,
  reasonsDuring,
  shareOf,
  tableAgeMs,
} from "./support/observe.js";
import { promise } from "./support/promise-table.js";
import { shortChats } from "./support/prompts.js";
import { startStack, type Stack } from "./support/stack.js";
import { startSteadyLoad, unixMs, type SteadyLoad } from "./support/steady-load.js";
import { assertSteady, assertUnharmed } from "./support/unharmed.js";

const PROMISED = "no request fails; routing goes on from index and in-flight; recovers within 2 s";
/** Every pod has seen every beginning by then. */
const WARM_MS = 1_500;
/** Longer than a table's load counts (metricsMaxAgeMs, 2 s), so that only what is ours is left. */
const GONE_MS = 3_000;
/** The promised 2 s, counted generously: another program may keep the machine busy. */
const RECOVERY_MS_MAX = 5_000;
/** Prompts that begin alike go on to be sent to who has them. */
const PREFIX_SHARE_MIN = 0.9;

describe("a sidecar of its own process", () => {
  let stack: Stack;
  let load: SteadyLoad;

  before(async () => {
    // A listener that is replaced may finish what it has on a machine that is busy.
    stack = await startStack({ envoy: { drainSeconds: 5 } });
  });
  afterEach(async () => void (await load.stop(0)));
  after(async () => stack.stop());

  const warm = async (): Promise<void> => {
    load = startSteadyLoad({ urls: [stack.url], body: shortChats({ coldEvery: 0 }) });
    await sleep(WARM_MS);
  };

  test("killed: requests go on, and it is heard again at once when it is back", async () => {
    await warm();
    const reasons = await reasonsDuring(stack.envoy, async () => {
      stack.sidecar.child.signal("SIGKILL");
      await sleep(GONE_MS);
      assert.ok((await tableAgeMs(stack.envoy)) > GONE_MS - 500);
    });
    await stack.restartSidecar();
    const backMs = await msUntilFresh(stack.envoy);
    await sleep(1000);
    const tally = await load.stop();
    const idleMs = await msUntilIdle(stack.envoy);
    const measured = `${tally.summary}; while gone ${inWords(reasons)}; ${backIn(backMs)}`;
    promise("sidecar killed for 3 s", PROMISED, measured);
    assertUnharmed(tally);
    assertSteady(tally);
    assert.ok(shareOf(reasons, "prefix", "load") >= PREFIX_SHARE_MIN, inWords(reasons));
    assert.ok(backMs < RECOVERY_MS_MAX);
    assert.ok(idleMs < RECOVERY_MS_MAX);
  });

  test("hung: requests go on, and it is heard again when it answers", async () => {
    await warm();
    const reasons = await reasonsDuring(stack.envoy, async () => {
      stack.sidecar.child.signal("SIGSTOP");
      await sleep(GONE_MS);
      assert.ok((await tableAgeMs(stack.envoy)) > GONE_MS - 500);
    });
    stack.sidecar.child.signal("SIGCONT");
    const backMs = await msUntilFresh(stack.envoy);
    const tally = await load.stop();
    const measured = `${tally.summary}; meanwhile ${inWords(reasons)}; ${backIn(backMs)}`;
    promise("sidecar hung for 3 s (SIGSTOP)", PROMISED, measured);
    assertUnharmed(tally);
    assertSteady(tally);
    assert.ok(shareOf(reasons, "prefix", "load") >= PREFIX_SHARE_MIN, inWords(reasons));
    assert.ok(backMs < RECOVERY_MS_MAX);
  });

  test("gone, and no table yet: Envoy's own policy decides", async () => {
    await warm();
    await stack.sidecar.stop();
    // Another VM has no shared data, so no table; nobody is there to give one.
    const next = stack.listener({}, { vmId: "without-table" });
    assert.equal(await stack.envoy.pushListeners([next]), "accepted");
    // What comes in a new VM's first second waits for the table.
    await sleep(1500);
    const fromMs = unixMs();
    const reasons = await reasonsDuring(stack.envoy, () => sleep(2000));
    const untilMs = unixMs();
    await stack.restartSidecar();
    const backMs = await msUntilFresh(stack.envoy);
    const backReasons = await reasonsDuring(stack.envoy, () => sleep(1000));
    const tally = await load.stop();
    const window = tally.between(fromMs, untilMs);
    const shares = stack.pods.map((pod) => window.shareOf(pod.name));
    promise(
      "no table at all",
      "no request fails; Envoy's LeastRequest decides; the table is in force within 2 s",
      `${tally.summary}; ${inWords(reasons)}, shares of the pods ${percents(shares)}; ` +
        `back in ${backMs.toFixed(0)} ms, then ${inWords(backReasons)}`,
    );
    assertUnharmed(tally);
    assertSteady(tally);
    assert.equal(shareOf(reasons, "fallback_no_table"), 1);
    for (const share of shares) assert.ok(share > 0.15 && share < 0.35, percents(shares));
    assert.ok(backMs < RECOVERY_MS_MAX);
    assert.equal(shareOf(backReasons, "fallback_no_table"), 0);
  });
});

function backIn(ms: number): string {
  return `back in ${ms.toFixed(0)} ms`;
}
