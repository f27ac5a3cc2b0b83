// The steady load itself, before anything fails: it is as quick as it says, and nothing is lost.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { after, before, describe, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { parse } from "yaml";
import { RETRY_STATUSES } from "../../lab/envoy-config.js";
import { projectPath } from "../../scripts/config/project.js";
import { promise } from "./support/promise-table.js";
import { shortChats } from "./support/prompts.js";
import { RETRIES, startStack, type Stack } from "./support/stack.js";
import { startSteadyLoad } from "./support/steady-load.js";

const SECONDS = 2;

describe("steady load", () => {
  let stack: Stack;
  before(async () => {
    stack = await startStack();
  });
  after(() => stack.stop());

  test("200 requests a second, streams among them, are all answered, by all pods", async () => {
    const load = startSteadyLoad({ urls: [stack.url], body: shortChats() });
    await sleep(SECONDS * 1000);
    const tally = await load.stop();
    assert.ok(tally.sent + tally.leftOut >= 200 * SECONDS * 0.95, tally.summary);
    assert.equal(tally.failed + tally.cut, 0, tally.summary);
    assert.equal(tally.byPod.size, stack.pods.length);
    assert.ok(tally.where((one) => one.isStream).sent >= tally.sent * 0.29);
    const log = await stack.logged(tally.sent);
    const addresses = new Set(stack.pods.map((pod) => pod.address));
    assert.ok([...log.values()].every((one) => addresses.has(one.first) && one.tries === 1));
    promise(
      "none",
      "every request is answered",
      `${tally.summary}; ${tally.perSecond.toFixed(0)}/s, ` +
        `mean TTFT ${tally.meanTtftMs.toFixed(0)} ms`,
    );
  });
});

test("the retries of these tests are those of the manifests", () => {
  const path = projectPath("manifests", "base", "52-backend-traffic-llm-gw.yaml");
  const { spec } = parse(readFileSync(path, "utf8")) as {
    spec: { retry: { numRetries: number; retryOn: { httpStatusCodes: number[] } } };
  };
  assert.equal(spec.retry.numRetries, RETRIES);
  assert.deepEqual(spec.retry.retryOn.httpStatusCodes, RETRY_STATUSES);
});
