// A VM of the filter traps, under the policy FAIL_RELOAD that the manifests set: what Envoy does.
import assert from "node:assert/strict";
import { after, afterEach, before, describe, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { request, Agent } from "node:http";
import { decisionsTold, inWords, msUntilIdle, reasonsDuring, shareOf } from "./support/observe.js";
import { promise } from "./support/promise-table.js";
import { shortChats } from "./support/prompts.js";
import { startStack, type Stack } from "./support/stack.js";
import { startSteadyLoad, unixMs, type SteadyLoad } from "./support/steady-load.js";
import type { Tally } from "./support/tally.js";
import { trapFilter } from "./support/trap-filter.js";

const PROMISED =
  "what is in flight on that worker ends, a request not answered yet with 503; the next is " +
  "served by a new VM; other workers go on";
/** Half of a worker's requests, and what came while the machine did not run Envoy. */
const HARMED_MAX = 150;
const RELOADED_MS_MAX = 1_500;
/** A neighbour's heartbeat is stale after 3 s; ticks and looks come on top. */
const FORGOTTEN_MS_MAX = 5_000;
/** A report goes up every 50 ms. */
const TOLD_MS = 500;
const TRAPS = 5;
const TRAP_EVERY_MS = 250;

describe("a VM traps", () => {
  let stack: Stack;
  let load: SteadyLoad;
  let sent = 0;
  let told = 0;
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });

  before(async () => {
    stack = await startStack({ wasm: { wasmPath: trapFilter(), vmId: "traps" } });
    await sleep(TOLD_MS);
    told = await decisionsTold(stack.sidecar.url);
  });
  afterEach(async () => void (await load.stop(0)));
  after(async () => {
    agent.destroy();
    await stack.stop();
  });

  /** The status of a request that traps; all of them are on one connection, so on one worker. */
  const trap = (): Promise<number> =>
    new Promise((resolve, reject) => {
      const sent = request(`${stack.url}/health`, { agent, headers: { "x-trap": "1" } });
      sent.once("error", reject);
      sent.once("response", (response) => {
        response.resume();
        response.once("end", () => resolve(response.statusCode ?? 0));
      });
      sent.end();
    });
  const reloads = async (): Promise<Map<string, number>> => {
    const stats = await stack.envoy.stats("^wasm\\.warmroute\\.vm_reload_");
    return new Map([...stats].map(([name, count]) => [name.split("_").at(-1) as string, count]));
  };

  test("once: the worker has a new VM for the next request, with the index", async () => {
    load = startSteadyLoad({ urls: [stack.url], body: shortChats({ coldEvery: 0 }) });
    await sleep(2_000);
    const atMs = unixMs();
    const status = await trap();
    const reasons = await reasonsDuring(stack.envoy, () => sleep(2_000));
    const tally = await load.stop();
    sent += tally.sent;
    const harmed = tally.where((one) => one.outcome === "failed" || one.outcome === "cut");
    const statuses = new Set(harmed.results.map((one) => one.status));
    const { success, failure } = Object.fromEntries(await reloads());
    promise(
      "a VM traps once",
      PROMISED,
      `the request itself ${status}; ${tally.summary}, statuses ${[...statuses].join(", ")}; the ` +
        `last of them sent ${lastSentMs(harmed, atMs)} ms after it; ` +
        `vm_reload_success ${success}; afterwards ${inWords(reasons)}`,
    );
    assert.equal(status, 503);
    assert.ok(harmed.sent < HARMED_MAX);
    assert.ok(lastSentMs(harmed, atMs) < RELOADED_MS_MAX);
    assert.deepEqual([success, failure], [1, 0]);
    assert.ok(shareOf(reasons, "prefix", "load") > 0.9, inWords(reasons));
    assert.equal(shareOf(reasons, "fallback_no_table"), 0);
  });

  test("what the dead VM counted as in flight is forgotten with its heartbeat", async () => {
    // Long enough to be under way when the VM dies.
    const body = shortChats({ outputTokens: [200, 210] });
    load = startSteadyLoad({ urls: [stack.url], body, streamShare: 1, perSecond: 50 });
    await sleep(1_000);
    await trap();
    const atMs = unixMs();
    const counted = await stack.metric("in_flight");
    const tally = await load.stop();
    sent += tally.sent;
    await msUntilIdle(stack.envoy);
    const idleMs = unixMs() - atMs;
    promise(
      "a VM traps with streams in flight",
      "they are cut off; their load is forgotten within 3 s",
      `${tally.summary}; ${counted} counted as in flight then, none ` +
        `${idleMs.toFixed(0)} ms after the trap`,
    );
    assert.ok(tally.cut > 0, "streams were under way on the worker");
    assert.ok(idleMs < FORGOTTEN_MS_MAX);
  });

  test("again and again: its worker answers 503 until the backoff is over", async () => {
    load = startSteadyLoad({ urls: [stack.url], body: shortChats({ coldEvery: 0 }) });
    await sleep(500);
    const before = await reloads();
    const fromMs = unixMs();
    for (let i = 0; i < TRAPS; i++) {
      assert.equal(await trap(), 503);
      await sleep(TRAP_EVERY_MS);
    }
    const atMs = unixMs();
    await sleep(3_000);
    const tally = await load.stop();
    sent += tally.sent;
    const during = tally.between(fromMs, atMs);
    const harmed = tally.where((one) => one.outcome === "failed" || one.outcome === "cut");
    const after = await reloads();
    const grown = (name: string): number => (after.get(name) ?? 0) - (before.get(name) ?? 0);
    promise(
      `a VM traps ${TRAPS} times in ${((atMs - fromMs) / 1000).toFixed(1)} s`,
      "its worker answers 503 while it waits to load the filter anew (backoff from 0.2 s on); " +
        "other workers go on",
      `meanwhile ${during.summary}; ${grown("success")} reloads, ${grown("backoff")} requests in ` +
        `the backoff; the last 503 sent ${lastSentMs(harmed, atMs)} ms after the last of them`,
    );
    assert.ok(during.ok + during.slow > 0.15 * during.sent, "the other worker goes on");
    assert.ok(lastSentMs(harmed, atMs) < RELOADED_MS_MAX + 1_000);
    assert.ok(grown("success") >= 1);
    assert.equal(grown("failure"), 0);
    // What a VM decided in its last moments is lost with it; nothing is counted twice.
    await sleep(TOLD_MS);
    const decided = (await decisionsTold(stack.sidecar.url)) - told;
    assert.ok(decided <= sent && decided > 0.5 * sent, `${decided} decisions of ${sent} requests`);
  });
});

function lastSentMs(tally: Tally, sinceMs: number): number {
  return Math.round(Math.max(0, ...tally.results.map((one) => one.sentMs - sinceMs)));
}
