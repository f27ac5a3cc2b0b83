// Who is not put out although nothing comes from it, and that whoever is put out can come back.
import assert from "node:assert/strict";
import { test } from "node:test";
import { sendResponse } from "../../../simulator/host/index.js";
import { answer, BROKEN, cold, FINE, FIRST_POD, open, podOf } from "./support/answering.js";
import { Gateway, type GatewayOptions } from "./support/gateway.js";
import { completion } from "./support/messages.js";

/** Envoy's flag for its own circuit breaker. */
const OVERFLOW = 1 << 7;

function ejected(gateway: Gateway): number {
  gateway.advance(10);
  return gateway.stats.gauge("warmroute_ejected");
}

/** Four pods, the first of which answers 500 until it is out. */
function withEjected(options: GatewayOptions = {}, rest: Record<string, unknown> = {}): Gateway {
  const gateway = new Gateway({ pods: 4, ...options });
  for (let i = 0; i < 40; i++) {
    const stream = open(gateway, 0, cold(rest));
    answer(stream, podOf(stream) === FIRST_POD ? BROKEN : FINE);
    gateway.wait(2);
  }
  assert.equal(ejected(gateway), 1);
  return gateway;
}

test("where all requests are critical one of them tries the pod, after 6 s", () => {
  const models = { models: [{ name: "m", criticality: "Critical" as const }] };
  const gateway = withEjected({ models });
  gateway.advance(3000);
  const early = open(gateway);
  assert.notEqual(podOf(early), FIRST_POD);
  answer(early, FINE);
  gateway.advance(3000);
  const probe = open(gateway);
  assert.equal(podOf(probe), FIRST_POD);
  answer(probe, FINE);
  assert.equal(ejected(gateway), 0);
});

test("a pod with one stuck request is out, and its others bring it back", () => {
  const gateway = new Gateway({ pods: 2 });
  const stuck = open(gateway, 0, cold({ max_tokens: 1 }));
  gateway.advance(20_000);
  assert.equal(ejected(gateway), 1);
  gateway.advance(32_000);
  const probe = open(gateway);
  assert.equal(podOf(probe), podOf(stuck));
  answer(probe, FINE);
  assert.equal(ejected(gateway), 0);
  stuck.disconnect();
});

test("an upload that is slow beyond what is held makes no pod late", () => {
  const gateway = new Gateway({ pods: 2, config: { maxBodyBytes: 1024 } });
  const { host, root } = gateway.vms[0]!;
  const stream = host.newStream(root, { keepBodies: true });
  stream.requestHeaders([
    [":method", "POST"],
    [":path", "/v1/completions"],
    ["content-type", "application/json"],
  ]);
  stream.requestBody(`{"stream":true,"model":"m","prompt":"${"x".repeat(4000)}`, false);
  assert.equal(stream.continued, true);
  gateway.advance(60_000);
  assert.equal(ejected(gateway), 0);
  stream.disconnect();
});

test("an upgraded connection without a word from its server makes no pod late", () => {
  const gateway = new Gateway({ pods: 2 });
  const { host, root } = gateway.vms[0]!;
  const stream = host.newStream(root);
  stream.requestHeaders([
    [":method", "GET"],
    [":path", "/v1/realtime"],
    ["upgrade", "websocket"],
  ]);
  gateway.advance(120_000);
  assert.equal(ejected(gateway), 0);
  stream.disconnect();
});

test("a pod that nobody asks any more is not silent", () => {
  const gateway = new Gateway({ pods: 2 });
  const stream = open(gateway);
  gateway.advance(2000);
  stream.disconnect();
  gateway.advance(60_000);
  assert.equal(ejected(gateway), 0);
  // What was held against it is no part of its wait either, nor of the next one's silence.
  const pods = new Set<string>();
  for (let i = 0; i < 20; i++) {
    const next = open(gateway);
    pods.add(podOf(next));
    gateway.advance(10);
    answer(next, FINE);
  }
  assert.equal(pods.size, 2);
  assert.equal(ejected(gateway), 0);
});

test("clients that give up in turn do not hide a silent pod", () => {
  const gateway = new Gateway({ pods: 4 });
  for (let i = 0; i < 80; i++) {
    const stream = open(gateway);
    if (podOf(stream) !== FIRST_POD) answer(stream, FINE);
    else {
      gateway.advance(2500);
      stream.disconnect();
    }
    gateway.advance(60);
  }
  assert.equal(ejected(gateway), 1);
});

test("Envoy's own circuit breaker is no failure of the pod", () => {
  const gateway = new Gateway({ pods: 2 });
  for (let i = 0; i < 20; i++) {
    const stream = open(gateway);
    stream.upstreamAddress = podOf(stream);
    stream.attempts = 1;
    stream.envoyReply(503, "upstream_reset_before_response_started{overflow}", "", OVERFLOW);
    stream.done();
  }
  assert.equal(ejected(gateway), 0);
});

test("after an overload a target is met again on idle pods", () => {
  const models = { models: [{ name: "bulk", criticality: "Sheddable" as const }] };
  const gateway = new Gateway({ pods: 1, models, config: { ttftTargetMs: 300 } });
  // Behind these a first token is no sample of prefill: 20,000 tokens, 1.24 s.
  const ahead = Array.from({ length: 10 }, () => open(gateway));
  for (let i = 0; i < 60; i++) {
    const stream = open(gateway);
    gateway.advance(4000);
    sendResponse(stream, FINE);
    stream.done();
  }
  const bulk = completion("x".repeat(8000), { model: "bulk", stream: true });
  assert.equal(gateway.send(bulk, FINE).localResponse?.status, 429);
  for (const stream of ahead) stream.disconnect();
  // 0.12 s of prefill and nothing ahead: meets the target, whatever waits were wrong by.
  assert.equal(gateway.send(bulk, FINE).localResponse, null);
});
