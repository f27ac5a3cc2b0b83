// `noPodWait`: requests are held while there is no pod, within bounds, and go on when one comes.
import assert from "node:assert/strict";
import { test } from "node:test";
import { sendResponse } from "../../../simulator/host/index.js";
import { FINE } from "./support/answering.js";
import { firstPod, Gateway } from "./support/gateway.js";
import { completion, prompt } from "./support/messages.js";
import { makePods } from "./support/sidecar.js";

/** As docs/configuration.md says of each worker. */
const HELD_MAX = 1024;

function empty(noPodWait: number, more: Record<string, unknown> = {}): Gateway {
  return new Gateway({ pods: [], config: { noPodWait, ...more } });
}

const waiting = (gateway: Gateway): number => {
  gateway.advance(10);
  return gateway.stats.gauge("warmroute_waiting_for_pod");
};

test("without it a request goes on at once, and Envoy's policy decides", () => {
  const gateway = empty(0);
  const result = gateway.send(prompt(1), FINE);
  assert.equal(result.isHeld, false);
  assert.equal(result.destinationHeader, null);
  assert.equal(gateway.count("fallback-no-endpoint"), 1);
});

test("a held request goes to the pod that comes, with its prompt known there", () => {
  const gateway = empty(30);
  const held = gateway.send(prompt(1), null);
  assert.equal(held.isHeld, true);
  gateway.advance(5000);
  assert.equal(held.stream.continued, false);
  assert.equal(waiting(gateway), 1);
  assert.equal(gateway.report().json.waitingForPod, 1);
  gateway.pods.push(...makePods(2));
  gateway.advance(200);
  assert.equal(held.stream.continued, true);
  assert.equal(waiting(gateway), 0);
  const [pod] = held.stream.upstream.headers!.get("x-gateway-destination-endpoint")!.split(",");
  sendResponse(held.stream, FINE);
  held.stream.done();
  const again = gateway.send(prompt(1), FINE);
  assert.equal(firstPod(again), pod);
  assert.equal(gateway.count("prefix"), 1);
  assert.equal(gateway.inFlight, 0);
});

test("pods that are listed and may not be picked are none", () => {
  const gateway = new Gateway({
    pods: makePods(2).map((pod) => ({ ...pod, mayBePicked: false })),
    config: { noPodWait: 5 },
  });
  const held = gateway.send(prompt(1), null);
  assert.equal(held.isHeld, true);
  gateway.pods[1]!.mayBePicked = true;
  gateway.advance(200);
  assert.equal(held.stream.continued, true);
  held.stream.done();
});

test("when the time is over Envoy's policy decides", () => {
  const gateway = empty(2);
  const held = gateway.send(prompt(1), null);
  gateway.advance(1950);
  assert.equal(held.stream.continued, false);
  gateway.advance(100);
  assert.equal(held.stream.continued, true);
  assert.equal(held.stream.upstream.headers!.get("x-gateway-destination-endpoint"), undefined);
  assert.equal(gateway.count("fallback-no-endpoint"), 1);
  held.stream.done();
  assert.equal(waiting(gateway), 0);
});

test("a client that leaves waits no longer", () => {
  const gateway = empty(30);
  const held = gateway.send(prompt(1), null);
  assert.equal(waiting(gateway), 1);
  held.stream.disconnect();
  assert.equal(waiting(gateway), 0);
});

test(`a worker holds ${HELD_MAX} requests, and the next one goes on at once`, () => {
  const gateway = empty(30);
  const held = Array.from({ length: HELD_MAX }, () => gateway.send(completion("hello"), null));
  assert.ok(held.every(({ isHeld }) => isHeld));
  const next = gateway.send(completion("hello"), null);
  assert.equal(next.isHeld, false);
  next.stream.done();
  assert.equal(waiting(gateway), HELD_MAX);
  gateway.pods.push(...makePods(1));
  gateway.advance(200);
  assert.ok(held.every(({ stream }) => stream.continued));
  for (const { stream } of held) stream.done();
  assert.equal(waiting(gateway), 0);
  assert.equal(gateway.inFlight, 0);
});

test("256 MiB of bodies are held in a worker, and no more", () => {
  const gateway = empty(30, { maxBodyBytes: 64 << 20 });
  const large = completion("x".repeat(60 << 20));
  const held = Array.from({ length: 5 }, () => gateway.send(large, null));
  assert.deepEqual(
    held.map(({ isHeld }) => isHeld),
    [true, true, true, true, false],
  );
  for (const { stream } of held) stream.disconnect();
  assert.equal(waiting(gateway), 0);
});

test("requests without a prompt do not wait", () => {
  const gateway = empty(30);
  const result = gateway.send({ method: "GET", path: "/health" }, FINE);
  assert.equal(result.isHeld, false);
});
