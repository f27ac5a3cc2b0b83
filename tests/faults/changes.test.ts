// The filter's configuration, its version, Envoy's process and its workers change under load.
import assert from "node:assert/strict";
import { copyFileSync } from "node:fs";
import { join } from "node:path";
import { after, afterEach, before, describe, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { startEnvoy } from "../../lab/envoy.js";
import type { Listener } from "../../lab/envoy-config.js";
import { freePort } from "../../lab/ports.js";
import { decisionsTold, inWords, msUntilIdle, reasonsDuring, shareOf } from "./support/observe.js";
import { promise } from "./support/promise-table.js";
import { shortChats } from "./support/prompts.js";
import { FILTER_WASM, startStack, WORKERS, type Stack } from "./support/stack.js";
import { startSteadyLoad, type SteadyLoad } from "./support/steady-load.js";
import type { Tally } from "./support/tally.js";
import { assertSteady, assertUnharmed } from "./support/unharmed.js";

const WARM_MS = 1_500;
/** Long enough for every client to be told, with an answer, that its connection closes. */
const DRAIN_SECONDS = 4;
const PARENT_SHUTDOWN_SECONDS = 5;
/** The old listener, and the old process, is gone by then. */
const PUSHED_MS = 5_000;
const RESTARTED_MS = 6_000;
/** Nothing drains where nothing is changed. */
const REFUSED_MS = 1_000;
const IDLE_MS_MAX = 4_000;
/** Connections that are opened while a listening socket closes: a few. */
const RESET_MAX = 20;
/** A report goes up every 50 ms. */
const TOLD_MS = 300;
/** Who has to learn them anew sends as many requests to pods that do not have them. */
const PREFIXES = 67;
/** Of the decisions right after the change. */
const PREFIX_SHARE_MIN = 0.9;

describe("under load", () => {
  let stack: Stack;
  let load: SteadyLoad;

  before(async () => {
    const times = {
      drainSeconds: DRAIN_SECONDS,
      parentShutdownSeconds: PARENT_SHUTDOWN_SECONDS,
    };
    stack = await startStack({ envoy: times });
  });
  afterEach(async () => void (await load.stop(0)));
  after(async () => stack.stop());

  /** Loads, changes, and tells what became of it; `reasons` are those right after the change. */
  const change = async (make: () => Promise<unknown>, afterMs: number): Promise<Changed> => {
    await msUntilIdle(stack.envoy);
    // The last report goes up within a poll, or two.
    await sleep(TOLD_MS);
    const before = await decisionsTold(stack.sidecar.url);
    load = startSteadyLoad({
      urls: [stack.url],
      body: shortChats({ prefixes: PREFIXES, coldEvery: 0 }),
    });
    await sleep(WARM_MS);
    await make();
    const reasons = await reasonsDuring(stack.envoy, () => sleep(1_000));
    await sleep(afterMs - 1_000);
    const tally = await load.stop();
    const idleMs = await msUntilIdle(stack.envoy);
    await sleep(TOLD_MS);
    const decided = (await decisionsTold(stack.sidecar.url)) - before;
    return { tally, reasons, idleMs, decided };
  };
  const hotRestart = async (workers: number): Promise<void> => {
    const { envoy } = stack;
    const admin = { address: { socket_address: { address: "127.0.0.1", port_value: 0 } } };
    admin.address.socket_address.port_value = await freePort();
    stack.envoy = await startEnvoy({
      ...envoy.options,
      bootstrap: { ...envoy.options.bootstrap, admin },
      listeners: [stack.listener()],
      concurrency: workers,
      folder: join(stack.folder, `envoy-${envoy.restartId.epoch + 1}`),
      takesOver: envoy,
    });
  };
  const push = async (next: Listener, expected: "accepted" | "refused"): Promise<void> => {
    assert.equal(await stack.envoy.pushListeners([next]), expected);
  };

  test("another configuration: the same VM goes on with its index", async () => {
    const changed = await change(() => push(stack.listener({ alpha: 0.2 }), "accepted"), PUSHED_MS);
    show(
      "filter's configuration changed",
      "no failed request, none counted twice, index kept",
      changed,
    );
    assertWhole(changed);
    assert.equal(changed.decided, changed.tally.sent);
  });

  test("a configuration that is refused: the one in force goes on", async () => {
    const changed = await change(() => push(stack.listener({ alhpa: 0.2 }), "refused"), REFUSED_MS);
    show("filter's configuration refused", "the one in force goes on", changed);
    assertWhole(changed);
    assert.equal(changed.decided, changed.tally.sent);
    assert.match(stack.envoy.log, /alhpa/);
  });

  test("another version of the filter: it has the index from the sidecar", async () => {
    const wasmPath = join(stack.folder, "next.wasm");
    copyFileSync(FILTER_WASM, wasmPath);
    const next = stack.listener({}, { wasmPath, vmId: "next-version" });
    const changed = await change(() => push(next, "accepted"), PUSHED_MS);
    show("filter's version changed (vm_id)", "no failed request, index from the sidecar", changed);
    assertWhole(changed);
    assert.equal(changed.decided, changed.tally.sent);
  });

  for (const [what, workers] of [
    ["Envoy's hot restart", WORKERS],
    [`hot restart with ${WORKERS + 1} workers instead of ${WORKERS}`, WORKERS + 1],
  ] as const) {
    test(`${what}: the new process has the index from the sidecar`, async () => {
      const changed = await change(() => hotRestart(workers), RESTARTED_MS);
      show(what, "no failed request, none counted twice, index from the sidecar", changed);
      assertWhole(changed);
      assert.equal(changed.decided, changed.tally.sent);
    });
  }

  test("a hot restart with fewer workers: only what no worker had can be reset", async () => {
    const changed = await change(() => hotRestart(1), RESTARTED_MS);
    // Each worker listens on a socket of its own (SO_REUSEPORT). Of those that the new process has
    // no worker for, the kernel resets what nobody had accepted, and Envoy cannot tell.
    const { tally, decided } = changed;
    const reset = tally.where((one) => one.status === 0 && /ECONNRESET/.test(one.error));
    show(
      `hot restart with 1 worker instead of ${WORKERS + 1}`,
      "as above, but for connections that nobody had accepted on the sockets that are gone",
      changed,
      `; ${reset.sent} connections reset by the kernel`,
    );
    assertWhole({ ...changed, tally: tally.where((one) => !reset.results.includes(one)) });
    assert.ok(reset.sent < RESET_MAX);
    assert.equal(decided, tally.sent - reset.sent);
  });
});

interface Changed {
  tally: Tally;
  reasons: Map<string, number>;
  idleMs: number;
  decided: number;
}

function show(what: string, promised: string, changed: Changed, more = ""): void {
  const { tally, reasons, idleMs, decided } = changed;
  const measured =
    `${tally.summary}; ${decided} decisions; the second after it ${inWords(reasons)}; ` +
    `in flight 0 ${idleMs.toFixed(0)} ms after the load${more}`;
  promise(what, promised, measured);
}

function assertWhole({ tally, reasons, idleMs }: Changed): void {
  assertUnharmed(tally);
  assertSteady(tally);
  assert.ok(shareOf(reasons, "prefix", "load") >= PREFIX_SHARE_MIN, inWords(reasons));
  assert.ok(idleMs < IDLE_MS_MAX, `${idleMs} ms`);
}
