// Who is refused as the pods fall behind, and what becomes of requests with a first-token target.
import assert from "node:assert/strict";
import { test } from "node:test";
import {
  DESTINATION_HEADER,
  type Pair,
  type RequestResult,
  type RequestSpec,
} from "../../../simulator/host/index.js";
import { decisionOf, firstPod, Gateway, type GatewayOptions } from "./support/gateway.js";
import { completion } from "./support/messages.js";
import { textOf } from "./support/random.js";

const TARGET = "x-ttft-target-ms";
const MODELS = {
  models: [
    { name: "bulk", criticality: "Sheddable" as const },
    { name: "vital", criticality: "Critical" as const },
  ],
};
const ALL = ["bulk", "plain", "vital"];
const EVENTS = ["content-type", "text/event-stream"] as const;
const BYTES_PER_TOKEN = 4;

/** Two pods, each with `tokens` of prompts ahead: 62 µs of prefill each. */
function busy(tokens: number, config: Record<string, unknown> = {}): Gateway {
  return busyWith([tokens, tokens], { config });
}

function busyWith(tokens: readonly number[], options: GatewayOptions = {}): Gateway {
  const gateway = new Gateway({ pods: tokens.length, models: MODELS, ...options });
  // The longest first: each goes to a pod that has nothing yet.
  for (const [i, count] of tokens.entries()) {
    const prompt = textOf(100 + i, count * BYTES_PER_TOKEN);
    gateway.send(completion(prompt, { model: "vital", stream: true }), null);
  }
  return gateway;
}

function ask(model: string, headers: readonly Pair[] = []): RequestSpec {
  return { ...completion("hi", { model }), headers };
}

function statusOf(result: RequestResult): number {
  return result.localResponse?.status ?? 200;
}

function statuses(gateway: Gateway, headers: readonly Pair[] = []): number[] {
  return ALL.map((model) => statusOf(gateway.send(ask(model, headers))));
}

test("sheddable requests are refused beyond half a second, standard ones beyond one", () => {
  // 0.37, 0.74 and 1.24 s.
  assert.deepEqual(statuses(busy(6_000)), [200, 200, 200]);
  assert.deepEqual(statuses(busy(12_000)), [429, 200, 200]);
  const gateway = busy(20_000);
  assert.deepEqual(statuses(gateway), [429, 429, 200]);
  assert.deepEqual([gateway.count("shed"), gateway.count("overloaded")], [1, 1]);
});

test("a standard request is told so in OpenAI's shape, and when to try again", () => {
  // 4.96 s, which is 3.96 s more than it may wait.
  const result = busy(80_000).send(ask("plain"));
  assert.equal(result.responseHeadersSeen!.get("retry-after"), "4");
  assert.equal(result.localResponse!.details, "warmroute_overloaded");
  const { error } = JSON.parse(result.responseBody) as { error: Record<string, unknown> };
  assert.deepEqual(error, {
    message: "All servers are overloaded. Try again later.",
    type: "rate_limit_error",
    param: null,
    code: "rate_limit_exceeded",
  });
});

test("with standardSaturationMs 0 standard requests wait, and it is never the lower bound", () => {
  const sheds = { saturationMs: 500, standardSaturationMs: 0 };
  assert.deepEqual(statuses(busy(100_000, sheds)), [429, 200, 200]);
  const late = { saturationMs: 2000, standardSaturationMs: 1000 };
  assert.deepEqual(statuses(busy(20_000, late)), [200, 200, 200]);
  assert.deepEqual(statuses(busy(40_000, late)), [429, 429, 200]);
});

test("where nobody has said what matters, nobody is refused", () => {
  const all = [[], [{ name: "plain", criticality: "Standard" as const }]].map((models) => {
    const gateway = busyWith([80_000, 80_000], { models: { models } });
    return statuses(gateway);
  });
  assert.deepEqual(all, [
    [200, 200, 200],
    [200, 200, 200],
  ]);
  const objectives = [{ name: "batch", criticality: "Sheddable" as const }];
  const graded = busyWith([80_000, 80_000], { models: { models: [], objectives } });
  assert.deepEqual(statuses(graded), [429, 429, 429]);
});

test("requests without a prompt pass, however busy the pods are", () => {
  const gateway = busy(80_000);
  assert.equal(statusOf(gateway.send({ method: "GET", path: "/health" })), 200);
  assert.equal(statusOf(gateway.send({ ...completion("hi"), path: "/tokenize" })), 200);
});

test("after a stall of Envoy, when every first byte is overdue, nobody is refused", () => {
  const gateway = busy(5_000);
  gateway.wait(3_000);
  assert.deepEqual(statuses(gateway), [200, 200, 200]);
});

test("a long prompt on idle pods is no overload", () => {
  const gateway = new Gateway({ pods: 2, models: MODELS });
  // 12.4 s of its own prefill.
  for (const model of ALL) {
    const long = completion(textOf(7, 200_000 * BYTES_PER_TOKEN), { model });
    assert.equal(statusOf(gateway.send(long)), 200, model);
  }
});

test("where first tokens come later than predicted, requests are refused sooner", () => {
  const gateway = busy(5_000);
  assert.deepEqual(statuses(gateway), [200, 200, 200]);
  for (let i = 0; i < 60; i++) {
    // Some 0.37 s are predicted, and it takes 1.5 s.
    const { stream } = gateway.send(completion("hi", { model: "vital", stream: true }), null);
    const destination = stream.upstream.headers!.get(DESTINATION_HEADER)!;
    stream.upstreamAddress = destination.split(",")[0]!;
    gateway.wait(1500);
    stream.responseHeaders([[":status", "200"], EVENTS]);
    stream.responseBody('data: {"choices":[]}\n\n', true);
    stream.done();
  }
  assert.deepEqual(statuses(gateway), [429, 429, 200]);
});

test("a target that no pod meets refuses sheddable requests; others are routed and counted", () => {
  // 0.31 s.
  const gateway = busy(5_000, { ttftTargetHeader: TARGET });
  assert.deepEqual(statuses(gateway, [[TARGET, "200"]]), [429, 200, 200]);
  assert.equal(gateway.count("target-missed"), 1);
  assert.equal(gateway.counter("targets_missed"), 2);
  assert.deepEqual(statuses(gateway, [[TARGET, "400"]]), [200, 200, 200]);
  const refused = gateway.send(ask("bulk", [[TARGET, "200"]]));
  assert.equal(refused.responseHeadersSeen!.get("retry-after"), "1");
  assert.equal(refused.localResponse!.details, "warmroute_target_missed");
  assert.equal(gateway.counter("targets_missed"), 2);
});

test("a target that some pod meets leads to such a pod", () => {
  const gateway = busyWith([5_000, 5_000], { config: { ttftTargetHeader: TARGET } });
  const system = textOf(1, 2_000 * BYTES_PER_TOKEN);
  const asked = completion(system, { model: "vital", stream: true });
  const holder = firstPod(gateway.send(asked, null));
  gateway.pods.push({ number: 2, address: "10.0.0.3:8000" });
  gateway.advance(60);
  // The other pod would have to compute 2,000 tokens, 124 ms: less than what the holder is behind.
  const again = (ms: string): string => {
    const spec = { ...completion(system, { model: "bulk" }), headers: [[TARGET, ms]] as const };
    const result = gateway.send(spec);
    assert.equal(statusOf(result), 200);
    return decisionOf(result).pod;
  };
  assert.notEqual(holder, "10.0.0.3:8000");
  assert.equal(again("200"), "10.0.0.3:8000");
});

test("ttftTargetMs is the target of requests that name none", () => {
  const gateway = busy(5_000, { ttftTargetMs: 200, ttftTargetHeader: TARGET });
  assert.deepEqual(statuses(gateway), [429, 200, 200]);
  assert.deepEqual(statuses(gateway, [[TARGET, "5000"]]), [200, 200, 200]);
});

test("a header's value that is no whole number from 1 to 3600000 is ignored", () => {
  const gateway = busy(5_000, { ttftTargetHeader: TARGET });
  for (const value of ["0", "-1", "1e2", "NaN", "", "9".repeat(4000), "1 ", "200,300", "\u00ff"]) {
    assert.deepEqual(statuses(gateway, [[TARGET, value]]), [200, 200, 200], value.slice(0, 9));
  }
  assert.equal(gateway.counter("targets_missed"), 0);
});

test("without the key the header is not looked at", () => {
  assert.deepEqual(statuses(busy(5_000), [[TARGET, "1"]]), [200, 200, 200]);
});

test("requests whose body is not read are judged where their header names an objective", () => {
  const objectives = [{ name: "batch", criticality: "Sheddable" as const }];
  const options = { models: { ...MODELS, objectives }, config: { objectiveHeader: "x-objective" } };
  const gateway = busyWith([12_000, 12_000], options);
  const spec: RequestSpec = { method: "POST", path: "/tokenize" };
  assert.equal(statusOf(gateway.send({ ...spec, headers: [["x-objective", "batch"]] })), 429);
  assert.equal(statusOf(gateway.send({ ...spec, headers: [["x-objective", "other"]] })), 200);
});
