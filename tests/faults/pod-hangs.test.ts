// A pod that never answers, or only at a tenth of its speed: what still goes there, and until when.
import assert from "node:assert/strict";
import { after, afterEach, before, describe, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { until } from "../../lab/processes.js";
import { firstChoices, firstShare, secondChoices } from "./support/access-log.js";
import type { PodProcess } from "./support/pod-process.js";
import { promise } from "./support/promise-table.js";
import { shortChats, type PromptOptions } from "./support/prompts.js";
import { startStack, type Stack } from "./support/stack.js";
import { startSteadyLoad, unixMs } from "./support/steady-load.js";
import type { Tally } from "./support/tally.js";

const WARM_MS = 1500;
/** Until no byte has come for 5 s, and some more in which nobody is to be sent there. */
const HANGING_MS = 6500;
/** The promise, with some ticks and the clocks of two programs. */
const EXCLUDED_MS = 5300;
const BACK_MS = 8000;
const SLOW_FACTOR = 10;
const SLOW_MS = 3500;
/** While the first answers are on their way, nobody can know. */
const NOTICED_MS = 1500;

describe("hangs", () => {
  let stack: Stack;
  before(async () => {
    stack = await startStack();
  });
  after(() => stack.stop());
  afterEach(async () => {
    stack.clearLog();
    await until("nothing is ejected", async () => (await stack.metric("ejected")) === 0);
  });

  test("a pod whose engine stands still, while its metrics answer", async () => {
    await hang(stack, "pod hangs (accepts, never answers; its metrics page stands still)", {
      prompts: {},
      begin: (pod) => pod.fault({ stall: true }),
      end: (pod) => pod.fault({}),
    });
  });

  test("a pod that hangs with its metrics, and whose cache everybody hits", async () => {
    await hang(stack, "pod whose cache everybody hits hangs (process and metrics, too)", {
      // 1,600 tokens, 64 ms of prefill on any other pod.
      prompts: { prefixes: 1, sharedBytes: 6400, ownBytes: 40, coldEvery: 0, name: "hot" },
      shareMin: 0.5,
      begin: (pod) => pod.pause(),
      end: (pod) => pod.resume(),
    });
  });

  test("a pod at a tenth of its speed", async () => {
    // 200 tokens that no pod holds: 8 ms of prefill, at a tenth of the speed more than it can do.
    const body = shortChats({ ownBytes: 800, name: "slow" });
    const load = startSteadyLoad({ urls: [stack.url], body });
    await sleep(WARM_MS);
    const pod = stack.pods[2] as PodProcess;
    const slowedMs = unixMs();
    await pod.fault({ slowdown: SLOW_FACTOR });
    await sleep(SLOW_MS);
    await pod.fault({});
    const endMs = slowedMs + SLOW_MS;
    const tally = await load.stop();
    const log = await stack.logged(tally.sent);
    const before = firstShare(log, pod, slowedMs - WARM_MS / 2, slowedMs);
    const during = firstShare(log, pod, slowedMs + NOTICED_MS, endMs);
    promise(
      "pod at a tenth of its speed",
      "its share falls as first bytes come overdue",
      `${tally.summary}; its share ${percent(before)} before, ${percent(during)} during`,
    );
    assert.equal(tally.failed + tally.cut, 0, tally.summary);
    assert.ok(during < before / 2, `${percent(before)} before, ${percent(during)} during`);
  });
});

interface Hang {
  prompts: PromptOptions;
  /** Of the pod that hangs, before it does. */
  shareMin?: number;
  begin: (pod: PodProcess) => void | Promise<void>;
  end: (pod: PodProcess) => void | Promise<void>;
}

/** The pod with most of the load hangs, then goes on. */
async function hang(stack: Stack, fault: string, how: Hang): Promise<void> {
  const body = shortChats(how.prompts);
  // One alone, so that one pod holds its beginning before the others ask for it.
  await ask(stack.url, body(0));
  const load = startSteadyLoad({ urls: [stack.url], body });
  await sleep(WARM_MS);
  const pod = busiest(stack, load.tally());
  const hungMs = unixMs();
  await how.begin(pod);
  await sleep(HANGING_MS);
  const ejected = await stack.metric("ejected");
  const resumedMs = unixMs();
  await how.end(pod);
  const isBack = (): boolean =>
    load.tally().results.some((one) => one.pod === pod.name && one.sentMs > resumedMs);
  await until(`${pod.name} serves again`, isBack, BACK_MS);
  const tally = await load.stop();
  const log = await stack.logged(tally.sent);

  const before = firstShare(log, pod, hungMs - WARM_MS / 2, hungMs);
  const first = firstShare(log, pod, hungMs, hungMs + 1500);
  const later = firstShare(log, pod, hungMs + 2500, hungMs + 5000);
  const sent = firstChoices(log, pod, hungMs, resumedMs);
  const after5s = sent.filter((one) => one.startMs >= hungMs + EXCLUDED_MS);
  const lastMs = (sent.at(-1)?.startMs ?? hungMs) - hungMs;
  const second = secondChoices(log, pod, hungMs + EXCLUDED_MS, resumedMs).length;
  const back = firstChoices(log, pod, resumedMs)[0];
  promise(
    fault,
    "its share falls as first bytes come overdue; no request is sent to a hung pod after 5 s",
    `${tally.summary}; its share ${percent(before)} before, ` +
      `${percent(first)} in the first 1.5 s, ` +
      `${percent(later)} from 2.5 to 5 s; ${sent.length} sent there, the last after ` +
      `${(lastMs / 1000).toFixed(1)} s; ${after5s.length + second} named it after 5 s; ` +
      `back ${back === undefined ? "never" : `${(back.startMs - resumedMs).toFixed(0)} ms`} ` +
      "after it went on",
  );
  assert.equal(tally.failed + tally.cut, 0, tally.summary);
  assert.ok(before >= (how.shareMin ?? 0), `${percent(before)} before`);
  assert.ok(later < before / 2, `${percent(before)} before, ${percent(later)} later`);
  assert.equal(after5s.length, 0, `${after5s.length} sent there after ${EXCLUDED_MS} ms`);
  assert.equal(second, 0, "a hung pod is no second choice either");
  assert.equal(ejected, 1, "it is ejected");
  assert.ok(back !== undefined, "it is picked again");
}

async function ask(url: string, body: object): Promise<void> {
  const response = await fetch(`${url}/v1/chat/completions`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify(body),
  });
  await response.arrayBuffer();
}

function busiest(stack: Stack, tally: Tally): PodProcess {
  const answered = (pod: PodProcess): number => tally.byPod.get(pod.name) ?? 0;
  return stack.pods.reduce((a, b) => (answered(b) > answered(a) ? b : a));
}

function percent(share: number): string {
  return `${(share * 100).toFixed(0)} %`;
}
