// The sidecar is killed, hangs, is slow, or answers nonsense: routing goes on with what is known.
import assert from "node:assert/strict";
import { after, afterEach, before, describe, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { freePort, LOOPBACK } from "../../lab/ports.js";
import { startBrokenSidecar, type BrokenSidecar, type Fault } from "./support/broken-sidecar.js";
import {
  inWords,
  msUntilFresh,
  msUntilIdle,
  reasonsDuring,
  shareOf,
  tableAgeMs,
} from "./support/observe.js";
import { promise } from "./support/promise-table.js";
import { shortChats } from "./support/prompts.js";
import { startStack, type Stack } from "./support/stack.js";
import { startSteadyLoad, type SteadyLoad } from "./support/steady-load.js";
import type { Tally } from "./support/tally.js";

const PROMISED = "no request fails; routing goes on from index and in-flight; recovers within 2 s";
/** Every pod has seen every beginning by then. */
const WARM_MS = 1_500;
/** Longer than a table's load counts (metricsMaxAgeMs, 2 s), so that only what is ours is left. */
const GONE_MS = 3_000;
const RECOVERY_MS_MAX = 2_000;
/** Prompts that begin alike go on to be sent to who has them. */
const PREFIX_SHARE_MIN = 0.9;

/** Slow is shown only: another program on the machine may be what slows. */
function assertUnharmed(tally: Tally): void {
  assert.deepEqual([tally.failed, tally.cut], [0, 0], errorsOf(tally));
  assert.ok(tally.perSecond >= 150, `${tally.perSecond} requests/s`);
}

function errorsOf(tally: Tally): string {
  const wrong = tally.results
    .filter((one) => one.outcome === "failed" || one.outcome === "cut")
    .slice(0, 5);
  return JSON.stringify(wrong, null, 1);
}

describe("a sidecar of its own process", () => {
  let stack: Stack;
  let load: SteadyLoad;

  before(async () => {
    stack = await startStack();
  });
  afterEach(async () => void (await load.stop(0)));
  after(async () => stack.stop());

  const warm = async (): Promise<void> => {
    load = startSteadyLoad({ urls: [stack.url], body: shortChats() });
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
    const measured = `${tally.summary}; while gone ${inWords(reasons)}; back in ${backMs.toFixed(0)} ms`;
    promise("sidecar killed for 3 s", PROMISED, measured);
    assertUnharmed(tally);
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
    const measured = `${tally.summary}; meanwhile ${inWords(reasons)}; back in ${backMs.toFixed(0)} ms`;
    promise("sidecar hung for 3 s (SIGSTOP)", PROMISED, measured);
    assertUnharmed(tally);
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
    const fromMs = performance.timeOrigin + performance.now();
    const reasons = await reasonsDuring(stack.envoy, () => sleep(2000));
    const untilMs = performance.timeOrigin + performance.now();
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
    assert.deepEqual([tally.failed, tally.cut], [0, 0], errorsOf(tally));
    assert.equal(shareOf(reasons, "fallback_no_table"), 1);
    for (const share of shares) assert.ok(share > 0.15 && share < 0.35, percents(shares));
    assert.ok(backMs < RECOVERY_MS_MAX);
    assert.equal(shareOf(backReasons, "fallback_no_table"), 0);
  });
});

function percents(shares: number[]): string {
  return shares.map((share) => `${(100 * share).toFixed(0)} %`).join(", ");
}

interface Broken {
  fault: Fault;
  forMs: number;
  /** The filter takes these answers; of all others it keeps the table that it has. */
  isTaken?: boolean;
}

const BROKEN: Broken[] = [
  { fault: "random bytes", forMs: 500 },
  { fault: "cut short", forMs: 500 },
  { fault: "wrong lengths", forMs: 500 },
  { fault: "200 rows too many", forMs: 500 },
  { fault: "wrong checksum", forMs: 500 },
  { fault: "an empty body", forMs: 500 },
  { fault: "status 500", forMs: 500 },
  { fault: "5 MiB", forMs: 1_000 },
  { fault: "endless body", forMs: 1_500 },
  { fault: "another version", forMs: 500 },
  { fault: "rows of 112 bytes", forMs: 500, isTaken: true },
  // Beyond syncTimeoutMs, which is 1,000.
  { fault: "late by 1500 ms", forMs: 2_000 },
  { fault: "late by 900 ms", forMs: 2_000, isTaken: true },
];

describe("a sidecar that answers, but", () => {
  let stack: Stack;
  let broken: BrokenSidecar;
  let load: SteadyLoad;

  before(async () => {
    const port = await freePort();
    const polled = `${LOOPBACK}:${port}`;
    // The port of the real one is known only once the stack is there, which waits for a table.
    stack = await startStack({
      polled,
      onSidecar: async (sidecarPort) => {
        broken = await startBrokenSidecar(port, sidecarPort);
      },
    });
    load = startSteadyLoad({ urls: [stack.url], body: shortChats() });
    await sleep(WARM_MS);
  });
  after(async () => {
    await load.stop();
    await stack.stop();
    await broken.stop();
  });

  for (const { fault, forMs, isTaken = false } of BROKEN) {
    test(`${fault}: requests go on`, async () => {
      const failures = await stack.metric("sync_failures");
      const fromMs = performance.timeOrigin + performance.now();
      let ageMs = 0;
      const reasons = await reasonsDuring(stack.envoy, async () => {
        broken.set(fault);
        await sleep(forMs);
        ageMs = await tableAgeMs(stack.envoy);
      });
      const refused = (await stack.metric("sync_failures")) - failures;
      broken.set("pass");
      const backMs = await msUntilFresh(stack.envoy);
      const tally = load.tally().between(fromMs, performance.timeOrigin + performance.now());
      promise(
        `sidecar's answers: ${fault}`,
        PROMISED,
        `${tally.summary}; ${inWords(reasons)}; ${refused} refused, table ${ageMs.toFixed(0)} ms old; ` +
          `back in ${backMs.toFixed(0)} ms`,
      );
      assertUnharmed(tally);
      assert.ok(shareOf(reasons, "prefix", "load") >= PREFIX_SHARE_MIN, inWords(reasons));
      assert.ok(isTaken ? ageMs < 1_500 : ageMs > forMs - 300, `${ageMs} ms`);
      assert.ok(isTaken ? refused === 0 : refused > 0, `${refused} refused`);
      assert.ok(backMs < RECOVERY_MS_MAX);
    });
  }
});
