// Several pools behind one listener, the header that tells routes the model, and what is held until
// the first table comes.
import assert from "node:assert/strict";
import { test } from "node:test";
import { runRequest, type RequestResult, type RequestSpec } from "../../../simulator/host/index.js";
import { decisionOf, firstPod, Gateway, POOL, type GatewayOptions } from "./support/gateway.js";
import { completion, jsonAnswer } from "./support/messages.js";
import type { ModelsSpec } from "./support/models-section.js";
import { textOf } from "./support/random.js";
import { makePods } from "./support/sidecar.js";

const HEADER = "x-gateway-model-name";

function ask(model: string, prompt = "hi"): RequestSpec {
  return completion(prompt, { model });
}

/** Pods of another pool: 10.1.0.1:8000 and so on. */
function others(count: number) {
  return makePods(count).map((pod) => ({ ...pod, address: pod.address.replace("10.0", "10.1") }));
}

function twoPools(first: ModelsSpec, second: ModelsSpec, more: GatewayOptions = {}): Gateway {
  const { config, ...rest } = more;
  return new Gateway({
    models: first,
    pools: { second: { pods: others(3), models: second } },
    config: { pools: ["second"], ...config },
    ...rest,
  });
}

function modelOf(result: RequestResult): string {
  return (JSON.parse(result.upstreamBody) as { model: string }).model;
}

test("a request goes to the pool that knows its model, else to the first", () => {
  const gateway = twoPools(
    { models: [{ name: "a" }] },
    { models: [{ name: "b", targets: ["c"] }] },
  );
  const sent = ["a", "b", "c", "d"].map((name) => gateway.send(ask(name)));
  assert.deepEqual(
    sent.map((result) => firstPod(result).slice(0, 4)),
    ["10.0", "10.1", "10.1", "10.0"],
  );
  assert.deepEqual(sent.map(modelOf), ["a", "c", "c", "d"]);
});

test("of two pools that know a name the first takes it; a rule for all names comes after", () => {
  const gateway = twoPools(
    { models: [{ name: "a" }, { name: null, targets: ["z"] }] },
    { models: [{ name: "a", targets: ["y"] }, { name: "b" }] },
  );
  assert.equal(modelOf(gateway.send(ask("a"))), "a");
  assert.match(firstPod(gateway.send(ask("b"))), /^10\.1\./);
  assert.equal(modelOf(gateway.send(ask("other"))), "z");
});

test("a name that no pool knows is refused where the first pool is closed", () => {
  const open = twoPools({}, { isClosed: true, models: [{ name: "b" }] });
  assert.equal(open.send(ask("x")).localResponse, null);
  const closed = twoPools({ isClosed: true }, { models: [{ name: "b" }] });
  assert.equal(closed.send(ask("x")).localResponse!.status, 404);
  assert.equal(closed.send(ask("b")).localResponse, null);
});

test("each pool keeps its own index, load and report", () => {
  const gateway = twoPools({ models: [{ name: "a" }] }, { models: [{ name: "b" }] });
  const text = textOf(1, 4000);
  const open = gateway.send(ask("b", text), null);
  assert.equal(decisionOf(gateway.send(ask("b", text))).reason, "prefix");
  assert.equal(decisionOf(gateway.send(ask("a", text))).reason, "cold");
  const second = gateway.report("second").json;
  assert.deepEqual(second.reasons, { cold: 1, prefix: 1 });
  assert.deepEqual(
    second.pods.map(({ inFlight }) => inFlight),
    [1],
  );
  assert.deepEqual(gateway.report(POOL).json.reasons, { cold: 1 });
  assert.deepEqual(gateway.report(POOL).json.pods, []);
  open.stream.done();
  assert.deepEqual(gateway.report("second").json.pods, []);
});

test("pools with another hash key know their prompts again all the same", () => {
  const gateway = twoPools({ models: [{ name: "a" }] }, { models: [{ name: "b" }] });
  // One sidecar has one key; another table for the second pool stands for a second sidecar.
  const usual = gateway.sidecar.hashKey;
  gateway.sidecar.answer = (poll) => {
    gateway.sidecar.hashKey = poll.pool === "second" ? Buffer.alloc(16, 5) : usual;
    gateway.sidecar.respond(poll);
  };
  gateway.advance(120);
  const text = textOf(2, 4000);
  const pod = firstPod(gateway.send(ask("b", text)));
  const again = gateway.send(ask("b", text));
  assert.deepEqual([firstPod(again), decisionOf(again).reason], [pod, "prefix"]);
});

test("the list of models is of all pools", () => {
  const gateway = twoPools({ list: [{ id: "a" }] }, { list: [{ id: "b" }, { id: "c" }] });
  const result = gateway.send({ method: "GET", path: "/v1/models" });
  assert.deepEqual(JSON.parse(result.responseBody), {
    object: "list",
    data: [{ id: "a" }, { id: "b" }, { id: "c" }],
  });
});

test("a pool that the sidecar does not know holds nothing up for longer than a second", () => {
  const gateway = new Gateway({ config: { pools: ["missing", POOL] } });
  const early = gateway.send(ask("m"));
  assert.equal(early.isHeld, true);
  gateway.advance(1000);
  assert.equal(early.stream.continued, true);
  assert.equal(gateway.send(ask("m")).isHeld, false);
});

test("routes are told the model that was asked for, and never what the client says it is", () => {
  const models: ModelsSpec = { models: [{ name: "qwq", targets: ["qwq-32b"] }] };
  const gateway = new Gateway({ models, config: { modelHeader: HEADER } });
  const told = (request: RequestSpec): string[] => {
    const forged = {
      ...request,
      headers: [[HEADER, "forged"], ...(request.headers ?? [])] as const,
    };
    return gateway.send(forged).stream.upstream.headers!.getAll(HEADER);
  };
  assert.deepEqual(told(ask("qwq")), ["qwq"]);
  assert.deepEqual(told(ask("unheard/of:1")), ["unheard/of:1"]);
  assert.deepEqual(told({ path: "/v1/completions", bodyChunks: ['{"model":"a\\/b"}'] }), ["a/b"]);
  const nameless = ["a b", "caf\u00e9", "x\r\ny: z", "", "n".repeat(257)];
  for (const name of nameless) assert.deepEqual(told(ask(name)), []);
  assert.deepEqual(told({ path: "/v1/completions", bodyChunks: ['{"prompt":"x"}'] }), []);
  assert.deepEqual(told({ method: "GET", path: "/health" }), []);
  assert.deepEqual(told({ ...ask("qwq"), path: "/tokenize" }), []);
});

test("without the key the header is the client's own affair", () => {
  const gateway = new Gateway();
  const { stream } = gateway.send({ ...ask("m"), headers: [[HEADER, "mine"]] });
  assert.deepEqual(stream.upstream.headers!.getAll(HEADER), ["mine"]);
});

const ALIAS: ModelsSpec = { models: [{ name: "qwq", targets: ["qwq-32b"] }] };

test("a new VM holds what it has read until its first table, which rewrites it", () => {
  const gateway = new Gateway({ models: ALIAS, isStarted: false });
  const text = textOf(3, 4000);
  const held = Array.from({ length: 5 }, () => gateway.send(ask("qwq", text), null));
  assert.ok(held.every(({ isHeld }) => isHeld));
  gateway.advance(40);
  for (const { stream } of held) {
    assert.equal(stream.continued, true);
    assert.equal(
      (JSON.parse(stream.upstream.body!.toString()) as { model: string }).model,
      "qwq-32b",
    );
    const length = stream.upstream.headers!.get("content-length");
    assert.equal(length, String(stream.upstream.body!.length));
    stream.done();
  }
  // They were hashed with the key that came with the table.
  assert.equal(gateway.count("cold"), 1);
  assert.equal(gateway.count("prefix") + gateway.count("load"), 4);
  assert.equal(gateway.inFlight, 0);
});

test("what it holds may be refused by the table", () => {
  const gateway = new Gateway({ models: { isClosed: true }, isStarted: false });
  const held = gateway.send(ask("nope"), null);
  gateway.advance(40);
  assert.equal(held.stream.localResponse!.status, 404);
  assert.equal(held.stream.continued, false);
  held.stream.done();
  const after = gateway.send(ask("nope"));
  assert.equal(after.localResponse!.status, 404);
});

test("without a table it goes on after a second, with and without trailers", () => {
  const gateway = new Gateway({ isStarted: false });
  gateway.sidecar.die();
  const plain = gateway.send(ask("m"), null);
  const trailed = gateway.send({ ...ask("m"), trailers: [["x-end", "1"]] }, null);
  gateway.advance(980);
  assert.deepEqual([plain.stream.continued, trailed.stream.continued], [false, false]);
  gateway.advance(20);
  assert.deepEqual([plain.stream.continued, trailed.stream.continued], [true, true]);
  assert.equal(plain.stream.upstream.headers!.get("x-gateway-destination-endpoint"), undefined);
  assert.equal(trailed.stream.upstream.trailers!.get("x-end"), "1");
  assert.equal(gateway.count("fallback-no-table"), 2);
  plain.stream.done();
  trailed.stream.done();
  const next = gateway.send(ask("m"));
  assert.deepEqual([next.isHeld, next.requestActions[0]], [false, 0]);
});

test("a client that goes while it is held leaves nothing behind", () => {
  const gateway = new Gateway({ isStarted: false });
  const held = gateway.send(ask("m"), null);
  held.stream.disconnect();
  gateway.advance(60);
  assert.equal(held.stream.continued, false);
  assert.equal(gateway.inFlight, 0);
  assert.equal(gateway.hasFailed, false);
});

test("a configuration that comes later finds the pool's table, and holds nothing", () => {
  const gateway = new Gateway({ models: ALIAS });
  gateway.advance(5000);
  const vm = gateway.vms[0]!;
  const root = gateway.addRoot(vm, { slackMs: 6 });
  const result = runRequest(root, ask("qwq"), jsonAnswer(), { keepBodies: true });
  assert.deepEqual([result.isHeld, modelOf(result)], [false, "qwq-32b"]);
});

test("pools that no configuration has any more give their indexes back", () => {
  const gateway = new Gateway({ isStarted: false });
  const vm = gateway.vms[0]!;
  const reconfigure = (round: number): void => {
    const pools = Array.from({ length: 15 }, (_, i) => `round-${round}-${i}`);
    const root = gateway.addRoot(vm, { pools });
    const old = vm.roots.shift()!;
    old.shutdown();
    assert.equal(root.accepted, true);
  };
  // The next configuration is taken before the last one goes: two sets of indexes at a time.
  for (let round = 0; round < 4; round++) reconfigure(round);
  const before = vm.host.memoryBytes;
  for (let round = 4; round < 12; round++) reconfigure(round);
  assert.ok(vm.host.memoryBytes < before * 1.5, `${before} to ${vm.host.memoryBytes}`);
});

test("a pool that comes back is as new, and known prompts of others stay", () => {
  const models: ModelsSpec = { models: [{ name: "b" }] };
  const gateway = new Gateway({ pools: { second: { pods: others(3), models } } });
  const vm = gateway.vms[0]!;
  const text = textOf(5, 4000);
  const send = (root: (typeof vm.roots)[number], model: string): string => {
    gateway.advance(60);
    return decisionOf(runRequest(root, ask(model, text), jsonAnswer())).reason;
  };
  const both = gateway.addRoot(vm, { pools: ["second"] });
  assert.deepEqual([send(both, "b"), send(both, "b"), send(both, "m")], ["cold", "prefix", "cold"]);
  vm.roots.pop();
  both.shutdown();
  const again = gateway.addRoot(vm, { pools: ["second"] });
  assert.deepEqual(
    [send(again, "b"), send(again, "b"), send(again, "m")],
    ["cold", "prefix", "prefix"],
  );
  assert.equal(vm.host.error, null);
});

test("what is longer than is held is not held on for a table", () => {
  const gateway = new Gateway({ isStarted: false, config: { maxBodyBytes: 2000 } });
  const body = `{"model":"m","prompt":"${"p".repeat(4000)}"}`;
  const bodyChunks = [body.slice(0, 3000), body.slice(3000)];
  const result = gateway.send({ path: "/v1/completions", bodyChunks });
  assert.deepEqual([result.isHeld, result.upstreamBody], [false, body]);
});
