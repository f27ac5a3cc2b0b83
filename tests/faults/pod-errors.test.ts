// A pod, or one request on every pod, answers with errors at once: the black hole and the poison.
import assert from "node:assert/strict";
import { after, afterEach, before, describe, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import type { Fault } from "../../simulator/pods/pod-options.js";
import { until } from "../../lab/processes.js";
import { firstChoices, secondChoices, type LoggedRequest } from "./support/access-log.js";
import type { PodProcess } from "./support/pod-process.js";
import { promise } from "./support/promise-table.js";
import { shortChats } from "./support/prompts.js";
import { startStack, type Stack } from "./support/stack.js";
import { startSteadyLoad, unixMs, type SteadyLoad } from "./support/steady-load.js";

const WARM_MS = 1000;
/** Long enough for the probes after 1 s and after 2 s more. */
const BROKEN_MS = 3600;
/** The next probe comes 4 s after the second; a scrape and a tick more. */
const BACK_MS = 6000;
const SEEN_MAX = 10;
/** A machine that runs much else sends what is later than this in one heap, and not steadily. */
const HEAPED_MS = 25;
/** A probe comes no sooner after the one before than the backoff says, less clocks and ticks. */
const BACKOFFS_MS = [900, 1900, 3900];
/** What was decided before the last failure came back, on either worker. */
const TOLD_MS = 100;
const MARKER = "PRISTINE-POISON";
const POISON_MS = 2000;
const POISON_PER_SECOND = 20;
const LOOK_MS = 50;

describe("errors", () => {
  let stack: Stack;
  before(async () => {
    stack = await startStack();
  });
  after(() => stack.stop());
  afterEach(async () => {
    stack.clearLog();
    // New processes: nothing is held against them.
    await Promise.all(stack.pods.map((pod) => pod.restart()));
    await until("nothing is ejected", async () => (await stack.metric("ejected")) === 0);
  });

  test("a pod that answers 500 in 1 ms is excluded, probed, and let back", async () => {
    const load = startSteadyLoad({ urls: [stack.url], body: shortChats() });
    await sleep(WARM_MS);
    const pod = stack.pods[1] as PodProcess;
    const brokenMs = unixMs();
    await pod.fault({ status: 500 });
    await sleep(BROKEN_MS);
    const healedMs = unixMs();
    await pod.fault({});
    const backMs = await untilServes(load, pod, healedMs);
    const tally = await load.stop();
    const log = await stack.logged(tally.sent);

    const seen = [...log.values()].filter((one) => one.status === 500);
    const excludedMs = lastOfBurst(seen);
    const probes = firstChoices(log, pod, excludedMs + 1, healedMs);
    const second = secondChoices(log, pod, excludedMs + TOLD_MS, healedMs).length;
    const burst = seen.length - probes.length;
    const gaps = probes.map(
      (one, n) => one.startMs - (n === 0 ? excludedMs : (probes[n - 1] as LoggedRequest).startMs),
    );
    promise(
      "pod answers 500 in 1 ms (black hole)",
      "at most 10 requests see it before it is excluded; probes of one request at a time, with " +
        "backoff, let it back",
      `${tally.summary}; ${burst} saw it before it was excluded, ` +
        `${(excludedMs - brokenMs).toFixed(0)} ms after it broke; ` +
        `named ${second} times as second choice then; ` +
        `${probes.length} probes, after ` +
        `${gaps.map((ms) => (ms / 1000).toFixed(1)).join(" s and ")} s; ` +
        `back ${(backMs / 1000).toFixed(1)} s after it was well`,
    );
    const heaped = tally.where((o) => o.status === 500 && o.sentMs - o.dueMs > HEAPED_MS).sent;
    assert.ok(burst >= 1 && burst - heaped <= SEEN_MAX, `${burst} saw it, ${heaped} sent at once`);
    assert.equal(tally.failed, seen.length, "what fails is what the pod failed");
    assert.equal(tally.cut, 0);
    assert.equal(second, 0, "an excluded pod is no second choice either");
    assert.ok(probes.length >= 1, "it is probed");
    gaps.forEach((ms, n) => assert.ok(ms >= (BACKOFFS_MS[n] ?? 0), `probe ${n} after ${ms} ms`));
    assert.ok(backMs < BACK_MS, `back after ${backMs} ms`);
  });

  const poisons: [string, Fault][] = [
    ["answers 500", { status: 500 }],
    ["is reset", { reset: true }],
  ];
  for (const [what, fault] of poisons) {
    test(`a request that ${what} on every pod ejects at most half, amid others`, async () => {
      const { ejectedMax, bad, good } = await poison(stack, fault, true);
      report(`one request that makes every pod fail (${what}), amid 200/s of others`, {
        ejectedMax,
        text: `${bad.sent} sent, ${bad.failed} failed; of the others ${good.summary}`,
      });
      assert.ok(ejectedMax <= stack.pods.length / 2, `${ejectedMax} ejected`);
      assert.equal(bad.failed, bad.sent);
      assert.equal(good.failed + good.cut, 0, good.summary);
    });
  }

  test("alone, too, it ejects at most half, and those after it are served", async () => {
    const { ejectedMax, bad, good } = await poison(stack, { status: 500 }, false);
    report("one request that makes every pod fail (answers 500), alone, then others", {
      ejectedMax,
      text: `${bad.sent} sent, ${bad.failed} failed; of the 200/s after it ${good.summary}`,
    });
    assert.ok(ejectedMax > 0, "three failures in a row eject a pod");
    assert.ok(ejectedMax <= stack.pods.length / 2, `${ejectedMax} ejected`);
    assert.equal(good.failed + good.cut, 0, good.summary);
  });
});

function report(fault: string, seen: { ejectedMax: number; text: string }): void {
  const promised = "at most half of the pods are ever ejected";
  promise(fault, promised, `at most ${seen.ejectedMax} of 4 ejected; ${seen.text}`);
}

/** Sends the poison for a while, beside a steady load or before it. */
async function poison(stack: Stack, fault: Fault, isAmid: boolean) {
  for (const pod of stack.pods) await pod.fault({ ...fault, marker: MARKER });
  let ejectedMax = 0;
  const look = async (forMs: number): Promise<void> => {
    const endMs = unixMs() + forMs;
    while (unixMs() < endMs) {
      ejectedMax = Math.max(ejectedMax, await stack.metric("ejected"));
      await sleep(LOOK_MS);
    }
  };
  const startOthers = () => startSteadyLoad({ urls: [stack.url], body: shortChats() });
  let others = isAmid ? startOthers() : null;
  if (isAmid) await look(WARM_MS);
  const text = { role: "user", content: `${MARKER} and then some text of no harm` };
  const poisoned = startSteadyLoad({
    urls: [stack.url],
    perSecond: POISON_PER_SECOND,
    body: () => ({ model: "demo", messages: [text], max_tokens: 4 }),
  });
  await look(POISON_MS);
  const bad = await poisoned.stop();
  others ??= startOthers();
  await look(WARM_MS);
  return { ejectedMax, bad, good: await others.stop() };
}

/** The last failure that came within the first second: what follows are probes. */
function lastOfBurst(seen: readonly LoggedRequest[]): number {
  const starts = seen.map((one) => one.startMs).sort((a, b) => a - b);
  const first = starts[0] ?? 0;
  // The first probe comes a second after the exclusion, so a gap of half of it tells them apart.
  return starts.reduce((last, ms) => (ms - last < 500 ? ms : last), first);
}

/** Milliseconds from `fromMs` until the pod answers the load several times in a row again. */
async function untilServes(load: SteadyLoad, pod: PodProcess, fromMs: number): Promise<number> {
  const isBack = (): boolean => {
    const { results } = load.tally();
    return results.filter((o) => o.pod === pod.name && o.sentMs > fromMs).length > 10;
  };
  await until(`${pod.name} serves again`, isBack, BACK_MS);
  return unixMs() - fromMs;
}
