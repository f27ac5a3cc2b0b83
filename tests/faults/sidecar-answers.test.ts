// The sidecar's answers are late, broken or of another version: the filter keeps what it has.
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { freePort, LOOPBACK } from "../../lab/ports.js";
import { startBrokenSidecar, type BrokenSidecar, type Fault } from "./support/broken-sidecar.js";
import { inWords, msUntilFresh, reasonsDuring, shareOf, tableAgeMs } from "./support/observe.js";
import { promise } from "./support/promise-table.js";
import { shortChats } from "./support/prompts.js";
import { startStack, type Stack } from "./support/stack.js";
import { startSteadyLoad, unixMs, type SteadyLoad } from "./support/steady-load.js";
import { assertSteady, assertUnharmed } from "./support/unharmed.js";

const PROMISED = "no request fails; routing goes on; recovers within 2 s";
/** Every pod has seen every beginning by then. */
const WARM_MS = 1_500;
/** The promised 2 s, counted generously: another program may keep the machine busy. */
const RECOVERY_MS_MAX = 5_000;
/** An answer that is late by 900 ms may be too late on a machine that does much else. */
const LATE_MAX = 2;
/** Prompts that begin alike go on to be sent to who has them. */
const PREFIX_SHARE_MIN = 0.9;

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
    load = startSteadyLoad({ urls: [stack.url], body: shortChats({ coldEvery: 0 }) });
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
      const fromMs = unixMs();
      let ageMs = 0;
      const reasons = await reasonsDuring(stack.envoy, async () => {
        broken.set(fault);
        await sleep(forMs);
        ageMs = await tableAgeMs(stack.envoy);
      });
      const refused = (await stack.metric("sync_failures")) - failures;
      broken.set("pass");
      const backMs = await msUntilFresh(stack.envoy);
      const tally = load.tally().between(fromMs, unixMs());
      promise(
        `sidecar's answers: ${fault}`,
        PROMISED,
        `${tally.summary}; ${inWords(reasons)}; ${refused} refused, table ` +
          `${ageMs.toFixed(0)} ms old; back in ${backMs.toFixed(0)} ms`,
      );
      assertUnharmed(tally);
      assert.ok(shareOf(reasons, "prefix", "load") >= PREFIX_SHARE_MIN, inWords(reasons));
      assert.ok(isTaken ? ageMs < 5_000 : ageMs > forMs - 300, `${ageMs} ms`);
      assert.ok(isTaken ? refused <= LATE_MAX : refused > 0, `${refused} refused`);
      assert.ok(backMs < RECOVERY_MS_MAX);
    });
  }

  test("and all of it together harmed no request", async () => {
    const tally = await load.stop();
    promise("all of the sidecar's bad answers", "no request fails", tally.summary);
    assertUnharmed(tally);
    assertSteady(tally);
  });
});
