// There is no pod that could answer: what a client gets, and how soon.
import assert from "node:assert/strict";
import { test } from "node:test";
import { promise } from "./support/promise-table.js";
import { shortChats } from "./support/prompts.js";
import { startStack, type Stack, type StackOptions } from "./support/stack.js";

const REQUESTS = 20;
/** "At once", with room for a machine that runs much else. */
const AT_ONCE_MS = 2000;
const PROMISED = "503 with a clear body at once, or the cluster's own answer";

interface Answers {
  /** `status body`, each kind once. */
  kinds: string[];
  slowestMs: number;
}

test("no pod at all: Envoy says so at once", () =>
  withStack({ pods: 0, readyReason: "fallback-no-endpoint" }, async (stack) => {
    const { kinds, slowestMs } = await askSeveral(stack);
    promise("no pod at all", PROMISED, `${kinds.join(", ")}, within ${slowestMs.toFixed(0)} ms`);
    assert.deepEqual(kinds, ["503 no healthy upstream"]);
    assert.ok(slowestMs < AT_ONCE_MS, `${slowestMs} ms`);
  }));

test("all pods are leaving: the cluster's own policy finds one", () =>
  withStack({ isDraining: true, readyReason: "fallback-no-endpoint" }, async (stack) => {
    const { kinds, slowestMs } = await askSeveral(stack);
    promise(
      "no pod ready (all leave, and still answer)",
      PROMISED,
      `${kinds.join(", ")}, within ${slowestMs.toFixed(0)} ms, by the cluster's LeastRequest`,
    );
    assert.deepEqual(kinds, ["200"]);
  }));

test("no pod answers: the last try's error at once", () =>
  withStack({}, async (stack) => {
    for (const pod of stack.pods) await pod.kill();
    const { kinds, slowestMs } = await askSeveral(stack);
    const measured = `${kinds.join(", ")}, within ${slowestMs.toFixed(0)} ms`;
    promise("no pod answers (all killed, still listed)", PROMISED, measured);
    assert.equal(kinds.length, 1, kinds.join("\n"));
    assert.match(kinds[0] as string, /^503 upstream connect error or disconnect\/reset before/);
    assert.ok(slowestMs < AT_ONCE_MS, `${slowestMs} ms`);
  }));

async function withStack(
  options: StackOptions,
  use: (stack: Stack) => Promise<void>,
): Promise<void> {
  const stack = await startStack(options);
  try {
    await use(stack);
  } finally {
    await stack.stop();
  }
}

/** Asks one after the other; the body of an answer of status 200 does not matter. */
async function askSeveral(stack: Stack): Promise<Answers> {
  const body = shortChats();
  const kinds = new Set<string>();
  let slowestMs = 0;
  for (let id = 0; id < REQUESTS; id++) {
    const startMs = performance.now();
    const response = await fetch(`${stack.url}/v1/chat/completions`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify(body(id)),
    });
    const text = await response.text();
    slowestMs = Math.max(slowestMs, performance.now() - startMs);
    kinds.add(response.status === 200 ? "200" : `${response.status} ${text}`);
  }
  return { kinds: [...kinds], slowestMs };
}
