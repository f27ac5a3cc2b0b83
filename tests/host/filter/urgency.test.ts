// Criticality and objectives: who is shed when all pods are saturated. LoRA: who is picked.
import assert from "node:assert/strict";
import { test } from "node:test";
import type { RequestResult, RequestSpec } from "../../../simulator/host/index.js";
import { firstPod, Gateway } from "./support/gateway.js";
import { completion } from "./support/messages.js";
import type { ModelsSpec } from "./support/models-section.js";
import { textOf } from "./support/random.js";

const OBJECTIVE = "x-gateway-inference-objective";
const MODELS: ModelsSpec = {
  models: [
    { name: "bulk", criticality: "Sheddable" },
    { name: "plain" },
    { name: "vital", criticality: "Critical" },
  ],
  objectives: [
    { name: "batch", criticality: "Sheddable" },
    { name: "normal", criticality: "Standard" },
    { name: "chat", criticality: "Critical" },
  ],
};

function ask(model: string, objective?: string): RequestSpec {
  const headers = objective === undefined ? [] : ([[OBJECTIVE, objective]] as const);
  return { ...completion("hi", { model }), headers };
}

/** Sheddable beyond 5 s, standard never; the usual bounds are admission.test.ts's. */
const BOUNDS = { saturationMs: 5000, standardSaturationMs: 0 };

/** A gateway whose pods each have `tokens` of our prompts ahead: 62 µs of prefill a token. */
function busy(tokens: number, config: Record<string, unknown> = {}): Gateway {
  const gateway = new Gateway({
    pods: 2,
    models: MODELS,
    config: { objectiveHeader: OBJECTIVE, ...BOUNDS, ...config },
  });
  for (let i = 0; i < 2; i++) {
    const prompt = textOf(100 + i, tokens * 4);
    gateway.send(completion(prompt, { model: "vital", stream: true }), null);
  }
  return gateway;
}

function statusOf(result: RequestResult): number {
  return result.localResponse?.status ?? 200;
}

test("where all pods are saturated only sheddable requests are answered 429", () => {
  // 100,000 tokens: 6.2 s.
  const gateway = busy(100_000);
  const cases: [string, string | undefined, number][] = [
    ["bulk", undefined, 429],
    ["plain", undefined, 200],
    ["vital", undefined, 200],
    ["other", undefined, 200],
    ["plain", "batch", 429],
    ["vital", "batch", 429],
    ["bulk", "chat", 200],
    ["bulk", "normal", 200],
    ["bulk", "unheard", 429],
    ["plain", "unheard", 200],
  ];
  for (const [model, objective, status] of cases) {
    const result = gateway.send(ask(model, objective));
    assert.equal(statusOf(result), status, `${model} ${objective}`);
  }
  assert.equal(gateway.count("shed"), 4);
});

test("the answer tells when to try again, in OpenAI's shape", () => {
  const gateway = busy(100_000);
  const result = gateway.send(ask("bulk"));
  // 6.2 s ahead and a little, less the bound of 5 s.
  assert.equal(result.responseHeadersSeen!.get("retry-after"), "2");
  const { error } = JSON.parse(result.responseBody) as { error: Record<string, unknown> };
  assert.deepEqual(
    [error["type"], error["code"], error["param"]],
    ["rate_limit_error", "rate_limit_exceeded", null],
  );
  assert.equal(result.localResponse!.details, "warmroute_shed");
  assert.equal(gateway.load(0).inFlight + gateway.load(1).inFlight, 2);
});

test("retry-after is at least 1 and at most 60 seconds", () => {
  assert.equal(retryAfter(busy(82_000)), "1");
  assert.equal(retryAfter(busy(1_500_000)), "60");
});

function retryAfter(gateway: Gateway): string | undefined {
  return gateway.send(ask("bulk")).responseHeadersSeen!.get("retry-after");
}

test("one pod below the bound is enough, and the bound is a key", () => {
  const gateway = busy(100_000);
  gateway.pods.push({ number: 2, address: "10.0.0.3:8000" });
  gateway.advance(60);
  const result = gateway.send(ask("bulk"));
  assert.deepEqual([statusOf(result), firstPod(result)], [200, "10.0.0.3:8000"]);
  assert.equal(statusOf(busy(100_000, { saturationMs: 7000 }).send(ask("bulk"))), 200);
  assert.equal(statusOf(busy(1000, { saturationMs: 10 }).send(ask("bulk"))), 429);
});

test("an objective counts on requests whose body is not read, too", () => {
  const gateway = busy(100_000);
  const get = (objective: string): RequestSpec => ({
    method: "POST",
    path: "/tokenize",
    headers: [[OBJECTIVE, objective]],
  });
  assert.equal(statusOf(gateway.send(get("batch"))), 429);
  assert.equal(statusOf(gateway.send(get("chat"))), 200);
});

test("without the key the client's objective is not looked at", () => {
  const gateway = busy(100_000, { objectiveHeader: "" });
  assert.equal(statusOf(gateway.send(ask("plain", "batch"))), 200);
  assert.equal(statusOf(gateway.send(ask("bulk", "chat"))), 429);
});

test("Anthropic's clients get their own shape", () => {
  const gateway = busy(100_000);
  const body = JSON.stringify({ model: "bulk", messages: [{ role: "user", content: "x" }] });
  const result = gateway.send({ path: "/v1/messages", bodyChunks: [body] });
  assert.equal(statusOf(result), 429);
  const { type, error } = JSON.parse(result.responseBody) as { type: string; error: object };
  assert.deepEqual([type, Object.keys(error), error], ["error", ["type", "message"], error]);
  assert.equal((error as { type: string }).type, "rate_limit_error");
});

test("after a refusal the next one has no retry-after of its own", () => {
  const gateway = busy(100_000);
  gateway.sidecar.models.set("default", { ...MODELS, isClosed: true });
  gateway.advance(60);
  assert.equal(statusOf(gateway.send(ask("bulk"))), 429);
  const result = gateway.send(ask("nope"));
  assert.equal(statusOf(result), 404);
  assert.equal(result.responseHeadersSeen!.get("retry-after"), undefined);
});

const ADAPTER: ModelsSpec = { adapters: [{ name: "lora-1", endpoints: [4] }] };

/** The pod that a short prompt for this model goes to, each time another one. */
function podsOf(gateway: Gateway, model: string, count: number): Set<string> {
  const pods = new Set<string>();
  for (let i = 0; i < count; i++) {
    pods.add(firstPod(gateway.send(completion(`question ${i}`, { model }))));
  }
  return pods;
}

test("a LoRA adapter's requests go to the pods that hold it, others anywhere", () => {
  const gateway = new Gateway({ pods: 8, models: ADAPTER });
  assert.deepEqual([...podsOf(gateway, "lora-1", 20)], ["10.0.0.5:8000"]);
  assert.ok(podsOf(gateway, "base", 40).size > 4);
});

test("an alias of an adapter counts as the adapter", () => {
  const models = { ...ADAPTER, models: [{ name: "tuned", targets: ["lora-1"] }] };
  const gateway = new Gateway({ pods: 8, models });
  assert.deepEqual([...podsOf(gateway, "tuned", 20)], ["10.0.0.5:8000"]);
});

test("a pod that holds it and is busy loses by more than the adapter's load", () => {
  const gateway = new Gateway({ pods: 8, models: ADAPTER });
  // 20,000 tokens ahead: 1.24 s.
  const long = completion(textOf(1, 80_000), { model: "lora-1", stream: true });
  const { stream } = gateway.send(long, null);
  assert.equal(podsOf(gateway, "lora-1", 20).has("10.0.0.5:8000"), false);
  stream.done();
  assert.deepEqual([...podsOf(gateway, "lora-1", 5)], ["10.0.0.5:8000"]);
});

test("pods at their adapter limit are avoided by those whose adapter they lack", () => {
  const gateway = new Gateway({
    pods: 8,
    models: { adapters: [{ name: "lora-1", endpoints: [] }] },
  });
  for (const pod of gateway.pods) pod.isAtAdapterLimit = pod.number !== 6;
  gateway.advance(60);
  assert.deepEqual([...podsOf(gateway, "lora-1", 20)], ["10.0.0.7:8000"]);
  assert.ok(podsOf(gateway, "base", 40).size > 4);
});

test("the adapters follow the table", () => {
  const gateway = new Gateway({ pods: 8, models: ADAPTER });
  gateway.sidecar.models.set("default", { adapters: [{ name: "lora-1", endpoints: [1, 2] }] });
  gateway.advance(60);
  const pods = podsOf(gateway, "lora-1", 40);
  assert.deepEqual([...pods].sort(), ["10.0.0.2:8000", "10.0.0.3:8000"]);
});
