// What is taken back when a pod did not serve a prompt after all, and what must not be; and what
// counts as the first token of a response.
import assert from "node:assert/strict";
import { test } from "node:test";
import { chainOf } from "./support/chain.js";
import { decisionOf, firstPod, Gateway } from "./support/gateway.js";
import { completion, eventText, EVENTS_HEADER, prompt } from "./support/messages.js";
import { textOf } from "./support/random.js";
import { encodeInsert, encodeWithdraw } from "./support/records.js";

const GRID_TOKENS = 64;

test("a prompt that Envoy answered itself is cached nowhere, in no VM", () => {
  const gateway = new Gateway({ vms: 2, pods: 2 });
  for (const vm of [0, 1]) gateway.send({ method: "GET", path: "/" }, {}, { vm });
  gateway.advance(20);
  const { stream } = gateway.send(prompt(1), null);
  gateway.advance(20);
  stream.envoyReply(503, "no_healthy_upstream", "no", 2);
  stream.done();
  gateway.advance(20);
  for (const vm of [0, 1]) {
    const again = gateway.send(prompt(1), null, { vm });
    again.stream.envoyReply(503, "no_healthy_upstream", "no", 2);
    assert.match(again.stream.downstream.headers?.get("x-warmroute-decision") ?? "", /reason=cold/);
    again.stream.done();
    gateway.advance(20);
  }
});

for (const vm of [0, 1]) {
  test(`a refused prompt takes nothing of another one with it, seen from VM ${vm}`, () => {
    const gateway = new Gateway({ vms: 2, pods: 1 });
    for (const each of [0, 1]) gateway.send({ method: "GET", path: "/" }, {}, { vm: each });
    gateway.advance(20);
    const shared = textOf(9, 4096);
    const refused = gateway.send(completion(shared + textOf(1, 2000)), null);
    gateway.advance(200);
    gateway.send(completion(shared + textOf(2, 2000)));
    gateway.advance(200);
    refused.stream.upstreamAddress = firstPod(refused);
    refused.stream.responseHeaders([[":status", "429"]], true);
    refused.stream.done();
    gateway.advance(20);
    const other = decisionOf(gateway.send(completion(shared + textOf(3, 2000)), {}, { vm }));
    assert.equal(other.reason, "prefix");
    assert.ok(other.cached > 1024 - GRID_TOKENS, `${other.cached}`);
    const same = decisionOf(gateway.send(completion(shared + textOf(1, 2000)), {}, { vm }));
    assert.ok(same.cached < 1024 + GRID_TOKENS, `${same.cached}`);
  });
}

/** The chain of prompt 1, as an insert and as what takes it back. */
function relayed(): { insert: Buffer; withdraw: (ageMs: number) => Buffer } {
  const entries = chainOf(1);
  const hashes = entries.map(({ hash }) => hash);
  return {
    insert: encodeInsert({ number: 0 }, entries),
    withdraw: (ageMs) => encodeWithdraw({ number: 0 }, hashes, ageMs),
  };
}

/** When the records come to the gateway, and how long before that the request was routed. */
interface Relay {
  insertLateMs: number;
  withdrawLateMs: number;
  ageMs: number;
}

/** What both VMs of a gateway know of the prompt once both records have come. */
function reasonsAfterRelay({ insertLateMs, withdrawLateMs, ageMs }: Relay, againMs?: number) {
  const { insert, withdraw } = relayed();
  const gateway = new Gateway({ vms: 2, pods: 1 });
  for (const vm of [0, 1]) gateway.send({ method: "GET", path: "/" }, {}, { vm });
  gateway.advance(insertLateMs);
  gateway.sidecar.batches.push(insert);
  const restMs = ageMs + withdrawLateMs - insertLateMs;
  gateway.advance(againMs ?? restMs);
  if (againMs !== undefined) {
    gateway.send(prompt(1), {}, { vm: 1 });
    gateway.advance(restMs - againMs);
  }
  gateway.sidecar.batches.push(withdraw(ageMs));
  gateway.advance(100);
  return [0, 1].map((vm) => {
    const { stream } = gateway.send(prompt(1), null, { vm });
    stream.envoyReply(503, "no_healthy_upstream", "no", 1);
    stream.done();
    const text = stream.downstream.headers?.get("x-warmroute-decision") ?? "";
    return /reason=([a-z]+)/.exec(text)?.[1];
  });
}

for (const [what, relay] of Object.entries<Relay>({
  "with the poll after it": { insertLateMs: 100, withdrawLateMs: 20, ageMs: 200 },
  "in the same answer": { insertLateMs: 700, withdrawLateMs: 0, ageMs: 700 },
  "without the delay that it had": { insertLateMs: 900, withdrawLateMs: 50, ageMs: 2000 },
})) {
  test(`an insert of another gateway is taken back by what comes ${what}`, () => {
    assert.deepEqual(reasonsAfterRelay(relay), ["cold", "cold"]);
  });
}

test("what is used here since is not taken back by another gateway", () => {
  const relay = { insertLateMs: 100, withdrawLateMs: 100, ageMs: 3000 };
  assert.deepEqual(reasonsAfterRelay(relay, 1600), ["prefix", "prefix"]);
});

test("the events that announce a response are not its first token", () => {
  const gateway = new Gateway({ pods: 1 });
  const body = JSON.stringify({ model: "m", stream: true, input: textOf(5, 80_000) });
  const { stream } = gateway.send({ path: "/v1/responses", bodyChunks: [body] }, null);
  stream.upstreamAddress = gateway.pods[0]!.address;
  stream.responseHeaders([[":status", "200"], EVENTS_HEADER]);
  for (const type of ["response.created", "response.in_progress"]) {
    stream.responseBody(`event: ${type}\ndata: {"type":"${type}","response":{}}\n\n`);
  }
  const before = gateway.load(0).backlogTokens;
  assert.ok(before > 15_000, `${before}`);
  stream.responseBody('data: {"type":"response.output_item.added"}\n\n');
  assert.equal(gateway.load(0).backlogTokens, 0);
  stream.responseBody("data: [DONE]\n\n", true);
  stream.done();
  assert.equal(gateway.inFlight, 0);
});

const ENDINGS: Record<string, (gateway: Gateway) => unknown> = {
  "left the table": (gateway) => gateway.pods.splice(0, 1),
  "has lost its cache": (gateway) => (gateway.pods[0]!.epoch = 2),
  "gave its number to another pod": (gateway) =>
    (gateway.pods[0] = { number: 0, address: "10.0.0.9:8000", epoch: 2 }),
};
for (const [what, change] of Object.entries(ENDINGS)) {
  test(`an answer of a pod that ${what} meanwhile fills no cache, in no VM`, () => {
    const gateway = new Gateway({ vms: 2, pods: 1 });
    for (const vm of [0, 1]) gateway.send({ method: "GET", path: "/" }, {}, { vm });
    gateway.advance(20);
    const { stream } = gateway.send(prompt(1), null);
    stream.upstreamAddress = gateway.pods[0]!.address;
    stream.responseHeaders([[":status", "200"], EVENTS_HEADER]);
    change(gateway);
    gateway.advance(100);
    assert.equal(gateway.report().json.index.nodes, 0);
    stream.responseBody(eventText({ prompt: 2000, output: 50 }), true);
    stream.done();
    gateway.advance(100);
    assert.equal(gateway.report().json.index.nodes, 0);
  });
}
