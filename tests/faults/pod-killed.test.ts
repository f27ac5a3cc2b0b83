// A pod is killed under steady load: who notices, and for how long anybody is sent there.
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { firstChoices, secondChoices } from "./support/access-log.js";
import type { PodProcess } from "./support/pod-process.js";
import { promise } from "./support/promise-table.js";
import { shortChats } from "./support/prompts.js";
import { startStack, type Stack } from "./support/stack.js";
import { startSteadyLoad, unixMs } from "./support/steady-load.js";

/** Answers of 100 to 300 ms, so that there are streams to be cut at the moment of the kill. */
const POD_ARGS = ["--step-ms", "25"];
const WARM_MS = 1000;
const DEAD_MS = 3500;
/** The promise: from then on only probes go there. */
const EXCLUDED_MS = 1000;
/** By the backoff of 1 s, 2 s, 4 s, ... at most these within DEAD_MS. */
const PROBES_MAX = 3;

describe("a pod is killed", () => {
  let stack: Stack;
  before(async () => {
    stack = await startStack({ podArgs: POD_ARGS });
  });
  after(() => stack.stop());

  test("while the sidecar sees it, too", async () => {
    await killUnderLoad(stack, stack.pods[0] as PodProcess, "pod killed (connections reset)");
  });

  test("while there is no sidecar: the filter alone sees it", async () => {
    stack.clearLog();
    // The table that stays has the first pod out still, or again in: either is of no matter.
    await (stack.pods[0] as PodProcess).restart();
    stack.sidecar.child.signal("SIGKILL");
    await stack.sidecar.child.ended();
    await killUnderLoad(stack, stack.pods[1] as PodProcess, "pod killed while the sidecar is dead");
  });
});

/**
 * vLLM sends the headers of a stream before it prefills the prompt. Envoy passes them on, and from
 * then on cannot try another pod, so such a stream counts as flowing through the pod.
 */
async function killUnderLoad(stack: Stack, pod: PodProcess, fault: string): Promise<void> {
  const load = startSteadyLoad({ urls: [stack.url], body: shortChats() });
  await sleep(WARM_MS);
  const killedMs = unixMs();
  await pod.kill();
  await sleep(DEAD_MS);
  const tally = await load.stop();
  const log = await stack.logged(tally.sent);

  const cut = tally.where((one) => one.outcome === "cut");
  const foreign = cut.where((one) => !(one.isStream && one.pod === pod.name));
  const withoutByte = cut.where((one) => one.firstByteMs === null).sent;
  const early = firstChoices(log, pod, killedMs, killedMs + EXCLUDED_MS);
  const late = firstChoices(log, pod, killedMs + EXCLUDED_MS);
  const retried = [...early, ...late].filter((one) => one.tries > 1);
  const second = secondChoices(log, pod, killedMs + EXCLUDED_MS);
  const lastMs = (early.at(-1)?.startMs ?? killedMs) - killedMs;
  promise(
    fault,
    "only streams already flowing through it fail; every request without a first byte is " +
      "served by another pod; excluded within 1 s",
    `${tally.summary}; of the ${cut.sent} cut off ${withoutByte} had got headers only; ` +
      `${retried.length} sent there later, served by another pod; the last of them ` +
      `${lastMs.toFixed(0)} ms after; ${late.length} after 1 s (probes), ` +
      `${second.length} with it as second choice`,
  );
  const failure = tally.where((one) => one.outcome === "failed").results[0];
  assert.equal(tally.failed, 0, JSON.stringify(failure));
  assert.equal(foreign.sent, 0, JSON.stringify(foreign.results[0]));
  assert.ok(late.length <= PROBES_MAX, `${late.length} sent there after ${EXCLUDED_MS} ms`);
  assert.equal(second.length, 0, "an excluded pod is no second choice either");
}
