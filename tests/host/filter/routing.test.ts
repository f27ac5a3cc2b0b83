// Where requests go: by cached prefix, by load, by nothing at all, and what the headers then say.
import assert from "node:assert/strict";
import { test } from "node:test";
import { DESTINATION_HEADER, type RequestSpec } from "../../../simulator/host/index.js";
import { decisionOf, firstPod, Gateway, POOL } from "./support/gateway.js";
import { chat, completion, jsonAnswer, PROMPT_BYTES, PROMPT_TOKENS } from "./support/messages.js";
import { textOf } from "./support/random.js";
import { HASH_KEY, makePods } from "./support/sidecar.js";

test("a prompt that no pod holds is cold, and goes to a pod and a spare one", () => {
  const gateway = new Gateway();
  const result = gateway.send(completion(textOf(1, PROMPT_BYTES)));
  const addresses = result.destinationHeader!.split(",");
  assert.equal(new Set(addresses).size, 2);
  for (const address of addresses) assert.ok(gateway.pods.some((pod) => pod.address === address));
  assert.equal(decisionOf(result).reason, "cold");
  assert.equal(decisionOf(result).cached, 0);
  assert.equal(gateway.count("cold"), 1);
});

test("the predicted time to the first token of a cold prompt is its prefill", () => {
  const gateway = new Gateway();
  const { etaSeconds } = decisionOf(gateway.send(completion(textOf(1, PROMPT_BYTES))));
  assert.ok(Math.abs(etaSeconds - PROMPT_TOKENS * 62e-6) < 0.001, `${etaSeconds}`);
});

test("the same prompt again goes to the pod that holds it", () => {
  const gateway = new Gateway({ pods: 8 });
  for (let seed = 1; seed <= 8; seed++) {
    const request = completion(textOf(seed, PROMPT_BYTES));
    const pod = firstPod(gateway.send(request));
    for (let again = 0; again < 3; again++) {
      const result = gateway.send(request);
      assert.equal(firstPod(result), pod);
      const { reason, cached } = decisionOf(result);
      assert.deepEqual({ reason, cached }, { reason: "prefix", cached: PROMPT_TOKENS });
    }
  }
  assert.equal(gateway.count("prefix"), 24);
  assert.equal(gateway.counter("prompt_tokens"), 32 * PROMPT_TOKENS);
  assert.equal(gateway.counter("matched_tokens"), 24 * PROMPT_TOKENS);
});

test("another question under a known system prompt goes where the system prompt is", () => {
  const gateway = new Gateway({ pods: 8 });
  const system = textOf(1, PROMPT_BYTES);
  const pod = firstPod(gateway.send(chat(system, textOf(2, 300))));
  for (let seed = 3; seed < 9; seed++) {
    const result = gateway.send(chat(system, textOf(seed, 300)));
    const { reason, cached } = decisionOf(result);
    assert.equal(firstPod(result), pod);
    assert.equal(reason, "prefix");
    // A message's end is left out where a checkpoint lies less than 1/64 of the position before.
    assert.ok(cached > PROMPT_TOKENS * (1 - 1 / 64) && cached < PROMPT_TOKENS + 30, `${cached}`);
  }
});

test("a longer prompt with a known start is matched up to the last whole checkpoint", () => {
  const gateway = new Gateway();
  const text = textOf(1, PROMPT_BYTES);
  gateway.send(completion(text));
  const half = text.slice(0, PROMPT_BYTES / 2) + textOf(2, PROMPT_BYTES / 2);
  const { reason, cached } = decisionOf(gateway.send(completion(half)));
  assert.equal(reason, "prefix");
  // The grid is 256 bytes wide up to 4 KiB, so at most 64 tokens are lost.
  assert.ok(cached <= PROMPT_TOKENS / 2 && cached > PROMPT_TOKENS / 2 - 64, `${cached}`);
});

test("the queue of the pod that holds the prompt outweighs the prompt", () => {
  const gateway = new Gateway({ pods: 2 });
  const request = completion(textOf(1, PROMPT_BYTES));
  const pod = firstPod(gateway.send(request));
  for (const row of gateway.pods) {
    const isBusy = row.address === pod;
    Object.assign(row, { waiting: isBusy ? 20 : 0, running: isBusy ? 20 : 0 });
  }
  gateway.advance(60);
  const result = gateway.send(request);
  assert.notEqual(firstPod(result), pod);
  assert.equal(decisionOf(result).reason, "load");
  assert.equal(gateway.count("load"), 1);
});

test("requests in flight outweigh a held prompt at the number that the formula gives", () => {
  const gateway = new Gateway({ pods: 2 });
  const request = completion(textOf(1, PROMPT_BYTES));
  const pod = firstPod(gateway.send(request));
  // Each of n others is slowed by α · E[output] · (t_seq + t_kv · context); one token is computed.
  const decode = 0.1 * 300 * (60e-6 + 56e-9 * PROMPT_TOKENS);
  const cost = (n: number, uncached: number): number =>
    uncached * 62e-6 * (1 + 0.1 * n) + decode * n;
  let turns = 0;
  while (cost(turns, 1) <= cost(0, PROMPT_TOKENS) + 0.005) turns++;
  assert.ok(turns > 10, "the figures make a test");
  for (let n = 0; n < turns; n++) {
    assert.equal(firstPod(gateway.send(request, null)), pod, `with ${n} in flight`);
  }
  assert.notEqual(firstPod(gateway.send(request, null)), pod, `with ${turns} in flight`);
});

test("with equal pods cold requests go round", () => {
  const gateway = new Gateway({ pods: 4 });
  const used = new Set<string>();
  for (let seed = 1; seed <= 4; seed++) {
    used.add(firstPod(gateway.send(completion(textOf(seed, PROMPT_BYTES)), null)));
  }
  assert.equal(used.size, 4);
});

test("a pod at 98 % of its KV space loses to one at 20 %, though neither has a queue", () => {
  const gateway = new Gateway({ pods: 2, config: { routingStrategy: "DEFAULT" } });
  const load = { waiting: 0, running: 10, capacityTokens: 84_000 };
  Object.assign(gateway.pods[0]!, load, { kvUse: 0.98 });
  Object.assign(gateway.pods[1]!, load, { kvUse: 0.2 });
  gateway.advance(60);
  for (let seed = 1; seed <= 8; seed++) {
    const result = gateway.send(completion(textOf(seed, PROMPT_BYTES)));
    assert.equal(firstPod(result), gateway.pods[1]!.address);
  }
});

test("with a single pod the header names it alone", () => {
  const gateway = new Gateway({ pods: 1 });
  const result = gateway.send(completion("hello"));
  assert.equal(result.destinationHeader, "10.0.0.1:8000");
});

const FORGED = [
  [DESTINATION_HEADER, "6.6.6.6:1"],
  ["X-Gateway-Destination-Endpoint", "6.6.6.6:2"],
] as const;
const QUESTION = completion(textOf(1, 400));
const PATHS: [title: string, request: RequestSpec][] = [
  ["headers only", { method: "GET", path: "/v1/models" }],
  ["a body that is not held", { ...QUESTION, path: "/tokenize" }],
  ["a body that is held", QUESTION],
  ["a body that is no JSON", { ...QUESTION, bodyChunks: ["["] }],
];

for (const [title, request] of PATHS) {
  test(`the client's own destination header never gets through: ${title}`, () => {
    for (const config of [{}, { routingStrategy: "DEFAULT" }]) {
      const gateway = new Gateway({ config });
      const { stream } = gateway.send({ ...request, headers: FORGED });
      const values = stream.upstream.headers!.getAll(DESTINATION_HEADER);
      assert.equal(values.length, 1);
      assert.match(values[0]!, /^10\.0\.0\.\d:8000,10\.0\.0\.\d:8000$/);
    }
  });

  test(`nor where nothing can be decided: ${title}`, () => {
    const unready = new Gateway({ isStarted: false });
    unready.sidecar.die();
    unready.advance(1000);
    const empty = new Gateway({ pods: [] });
    for (const gateway of [unready, empty]) {
      const { stream } = gateway.send({ ...request, headers: FORGED });
      assert.deepEqual(stream.upstream.headers!.getAll(DESTINATION_HEADER), []);
    }
  });
}

test("nor beyond the streams that one VM follows, which pass by Envoy's own choice", () => {
  const gateway = new Gateway();
  const open = Array.from({ length: 8192 }, () => gateway.send({ method: "GET", path: "/" }, null));
  const { stream } = gateway.send({ ...QUESTION, headers: FORGED });
  assert.deepEqual(stream.upstream.headers!.getAll(DESTINATION_HEADER), []);
  assert.equal(gateway.count("fallback-busy"), 1);
  for (const result of open) result.stream.done();
  assert.equal(gateway.inFlight, 0);
  assert.equal(gateway.send(QUESTION).destinationHeader !== null, true);
});

test("the destination header may have another name", () => {
  const gateway = new Gateway({ config: { destinationHeader: "x-pod" } });
  const { stream } = gateway.send({ ...QUESTION, headers: [["x-pod", "6.6.6.6:1"]] });
  assert.match(stream.upstream.headers!.getAll("x-pod").join(";"), /^10\.0\.0\.\d:8000,[^;]+$/);
  assert.equal(stream.upstream.headers!.get(DESTINATION_HEADER), undefined);
});

test("strategy DEFAULT looks at load only", () => {
  const gateway = new Gateway({ pods: 8, config: { routingStrategy: "DEFAULT" } });
  for (let i = 0; i < 4; i++) gateway.send(completion(textOf(1, PROMPT_BYTES)));
  assert.equal(gateway.count("default"), 4);
  assert.equal(gateway.counter("matched_tokens"), 0);
});

test("the strategy in the table wins over the configuration's, live and both ways", () => {
  for (const routingStrategy of ["DEFAULT", "PREFIX_CACHE"]) {
    const gateway = new Gateway({ config: { routingStrategy } });
    const reasonOf = (strategy: "DEFAULT" | "PREFIX_CACHE" | null): string => {
      gateway.sidecar.strategies.set(POOL, strategy);
      gateway.advance(60);
      return decisionOf(gateway.send(QUESTION)).reason;
    };
    const usual = routingStrategy === "DEFAULT" ? "default" : "prefix";
    assert.equal(reasonOf("PREFIX_CACHE"), "cold");
    assert.equal(reasonOf("PREFIX_CACHE"), "prefix");
    assert.equal(reasonOf("DEFAULT"), "default");
    assert.equal(reasonOf(null), usual);
    assert.equal(reasonOf("PREFIX_CACHE"), "prefix");
    assert.equal(gateway.report().json.strategy, "PREFIX_CACHE");
  }
});

test("without a hash key requests go by load", () => {
  const gateway = new Gateway({ isStarted: false });
  gateway.sidecar.hashKey = null;
  gateway.advance(60);
  for (let i = 0; i < 2; i++) {
    const result = gateway.send(QUESTION);
    assert.equal(decisionOf(result).reason, "fallback-no-key");
    assert.notEqual(result.destinationHeader, null);
  }
  gateway.sidecar.hashKey = HASH_KEY;
  gateway.advance(60);
  assert.equal(decisionOf(gateway.send(QUESTION)).reason, "cold");
});

test("before the first table no destination is set", () => {
  const gateway = new Gateway({ isStarted: false });
  gateway.sidecar.die();
  gateway.advance(1000);
  const result = gateway.send(QUESTION);
  assert.equal(result.destinationHeader, null);
  assert.equal(gateway.count("fallback-no-table"), 1);
  assert.equal(gateway.counter("fallbacks"), 1);
  assert.equal(decisionOf(result).pod, "-");
  assert.equal(gateway.inFlight, 0);
});

test("where no pod may be picked no destination is set", () => {
  for (const pods of [[], makePods(2).map((pod) => ({ ...pod, mayBePicked: false }))]) {
    const gateway = new Gateway({ pods });
    assert.equal(gateway.send(QUESTION).destinationHeader, null);
    assert.equal(gateway.count("fallback-no-endpoint"), 1);
  }
});

test("a draining pod is never picked, not for its cache and not as the spare one", () => {
  const gateway = new Gateway({ pods: 3 });
  const pod = firstPod(gateway.send(QUESTION));
  gateway.pods.find(({ address }) => address === pod)!.mayBePicked = false;
  gateway.advance(60);
  for (let seed = 0; seed < 20; seed++) {
    const request = seed % 2 === 0 ? QUESTION : completion(textOf(seed, PROMPT_BYTES));
    const header = gateway.send(request, seed % 3 === 0 ? null : {}).destinationHeader!;
    assert.equal(header.split(",").includes(pod), false, header);
  }
});

test("a pod whose prefix cache is off matches nothing", () => {
  const pods = makePods(2).map((pod) => ({ ...pod, isCacheOff: true }));
  const gateway = new Gateway({ pods });
  for (let i = 0; i < 3; i++) assert.equal(decisionOf(gateway.send(QUESTION)).cached, 0);
});

test("two pools on one VM share nothing", () => {
  const gateway = new Gateway({ pods: makePods(2) });
  gateway.sidecar.pools.set("other", [
    { number: 0, address: "10.1.0.1:8000" },
    { number: 1, address: "10.1.0.2:8000" },
  ]);
  const vm = gateway.vms[0]!;
  const other = gateway.addRoot(vm, { pool: "other" });
  gateway.advance(60);
  const request = completion(textOf(1, PROMPT_BYTES));
  gateway.send(request, null);
  const result = gateway.send(request, null, { root: other });
  assert.match(firstPod(result), /^10\.1\./);
  gateway.advance(60);
  const pods = [POOL, "other"].map((pool) => gateway.report(pool).json.pods);
  assert.deepEqual(
    pods.map((rows) => rows.map((row) => row.inFlight)),
    [[1], [1]],
  );
  assert.equal(gateway.count("cold"), 2);
  assert.match(firstPod(gateway.send(request)), /^10\.0\./);
  assert.equal(decisionOf(gateway.send(request, {}, { root: other })).reason, "prefix");
});

test("an old and a new configuration of one pool share what is known", () => {
  const gateway = new Gateway();
  const request = completion(textOf(1, PROMPT_BYTES));
  const pod = firstPod(gateway.send(request));
  const vm = gateway.vms[0]!;
  const old = vm.root;
  const draining = gateway.send(request, null);
  const renewed = gateway.addRoot(vm, { alpha: 0.2 });
  const result = gateway.send(request, {}, { root: renewed });
  assert.equal(firstPod(result), pod);
  assert.equal(decisionOf(result).reason, "prefix");
  // The old one goes once its last stream has ended; its load is given back to the pool.
  old.shutdown();
  const { n } = gateway.report().json.pods[0]!;
  assert.equal(gateway.pods[n]!.address, pod);
  draining.stream.done();
  vm.roots.shift();
  assert.deepEqual(gateway.report().json.pods, []);
  assert.equal(firstPod(gateway.send(request, {}, { root: renewed })), pod);
  assert.equal(vm.host.failed, false);
});

test("the decision is shown only where debugHeaders says so", () => {
  const gateway = new Gateway({ config: { debugHeaders: false } });
  const result = gateway.send(QUESTION);
  assert.equal(result.responseHeadersSeen!.get("x-warmroute-decision"), undefined);
});

test("the decision header names pod, reason, cached tokens and predicted seconds", () => {
  const gateway = new Gateway();
  const pod = firstPod(gateway.send(QUESTION));
  const result = gateway.send(QUESTION, jsonAnswer());
  const shown = result.responseHeadersSeen!.get("x-warmroute-decision")!;
  // 400 bytes are 100 tokens; one is computed anyway, 62 µs, and decimals end at milliseconds.
  assert.equal(shown, `pod=${pod};reason=prefix;cached=100;eta=0`);
});

test("IPv6 addresses pass as they are, and their pods' answers are recognised", () => {
  const pods = ["[fd00::1]:8000", "[fd00:aaaa:bbbb:cccc:dddd:eeee:ffff:1111]:65535"].map(
    (address, number) => ({ number, address }),
  );
  const gateway = new Gateway({ pods });
  const request = completion(textOf(1, PROMPT_BYTES));
  const result = gateway.send(request, jsonAnswer({ prompt: 2000, output: 2 }));
  const addresses = pods.map(({ address }) => address);
  assert.deepEqual(result.destinationHeader!.split(",").sort(), addresses.sort());
  assert.equal(decisionOf(gateway.send(request)).reason, "prefix");
  assert.equal(gateway.inFlight, 0);
});
