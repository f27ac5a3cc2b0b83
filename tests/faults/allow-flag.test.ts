// allow_on_headers_stop_iteration is missing: no body ever comes to the filter, and no one waits.
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { inWords, msUntilIdle, percents, reasonsOf, since } from "./support/observe.js";
import { promise } from "./support/promise-table.js";
import { shortChats } from "./support/prompts.js";
import { startStack, type Stack } from "./support/stack.js";
import { startSteadyLoad, type SteadyLoad } from "./support/steady-load.js";

const LOAD_MS = 4_000;
const WARNING = /allow_on_headers_stop_iteration: true/g;

describe("without the allow flag", () => {
  let stack: Stack;
  let load: SteadyLoad;

  before(async () => {
    stack = await startStack({ wasm: { allowHold: false } });
  });
  after(async () => {
    await load.stop(0);
    await stack.stop();
  });

  test("no request hangs; it is said once, and counted", async () => {
    const before = await reasonsOf(stack.envoy);
    load = startSteadyLoad({ urls: [stack.url], body: shortChats() });
    await sleep(LOAD_MS);
    const tally = await load.stop();
    await msUntilIdle(stack.envoy);
    const reasons = since(before, await reasonsOf(stack.envoy));
    const warnings = stack.envoy.log.match(WARNING)?.length ?? 0;
    const shares = stack.pods.map((pod) => tally.shareOf(pod.name));
    const metrics = await (await fetch(`${stack.sidecar.url}/metrics`)).text();
    const warned = /^warmroute_gateway_warnings\{.*warning="stall-guard".*\} (\d+)$/m.exec(metrics);
    promise(
      "allow flag missing",
      "no request hangs; routed by load; one warning with the remedy and a metric",
      `${tally.summary}; ${inWords(reasons)}; shares of the pods ` +
        `${percents(shares)}; ${warnings} warning; ` +
        `warmroute_decisions_fallback_stalled ${reasons.get("fallback_stalled")}, ` +
        `warmroute_gateway_warnings{warning="stall-guard"} ${warned?.[1]}`,
    );
    assert.deepEqual([tally.failed, tally.cut], [0, 0]);
    assert.equal(reasons.get("fallback_stalled"), tally.sent);
    assert.deepEqual([...reasons.keys()], ["fallback_stalled"]);
    for (const share of shares) assert.ok(share > 0.1 && share < 0.4, `${share}`);
    assert.equal(warnings, 1);
    assert.equal(warned?.[1], "1");
  });
});
