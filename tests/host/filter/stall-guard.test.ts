// The guard against a missing allow_on_headers_stop_iteration: no request hangs, and it is said.
import assert from "node:assert/strict";
import { test } from "node:test";
import {
  DESTINATION_HEADER,
  type Pair,
  type StreamContext,
} from "../../../simulator/host/index.js";
import { decisionOf, firstPod, Gateway } from "./support/gateway.js";
import { completion, jsonAnswer } from "./support/messages.js";
import { textOf } from "./support/random.js";

const HEADERS: Pair[] = [
  [":method", "POST"],
  [":path", "/v1/completions"],
  ["content-type", "application/json"],
];
const QUESTION = completion(textOf(1, 8000));
const BODY = QUESTION.bodyChunks![0]!;

/** Headers only, so far. */
function open(gateway: Gateway, vm = 0): StreamContext {
  const { host, root } = gateway.vms[vm]!;
  const stream = host.newStream(root, { keepBodies: true });
  stream.requestHeaders(HEADERS);
  return stream;
}

function finish(stream: StreamContext): void {
  stream.upstreamAddress = stream.upstream.headers!.get(DESTINATION_HEADER)!.split(",")[0]!;
  stream.responseHeaders([[":status", "200"]], true);
  stream.done();
}

/** The flag is missing: Envoy makes no callback with a body while the headers are held. */
function withoutFlag(config: Record<string, unknown> = {}): Gateway {
  return new Gateway({ allowOnHeadersStopIteration: false, config });
}

for (const stallGuardMs of [250, 1000]) {
  test(`without the flag a held request goes on by load after ${stallGuardMs} ms`, () => {
    const gateway = withoutFlag({ stallGuardMs });
    const stream = open(gateway);
    stream.requestBody(BODY, true);
    gateway.advance(stallGuardMs - 20);
    assert.equal(stream.continued, false);
    gateway.advance(40);
    assert.equal(stream.continued, true);
    assert.match(stream.upstream.headers!.get(DESTINATION_HEADER)!, /^10\.0\.0\.\d:8000,/);
    assert.equal(stream.upstream.body!.toString(), BODY);
    assert.equal(gateway.count("fallback-stalled"), 1);
    assert.equal(gateway.inFlight, 1);
    finish(stream);
    assert.equal(gateway.inFlight, 0);
  });
}

test("the client's own destination does not survive the stall", () => {
  const gateway = withoutFlag();
  const { host, root } = gateway.vms[0]!;
  const stream = host.newStream(root);
  stream.requestHeaders([...HEADERS, [DESTINATION_HEADER, "6.6.6.6:6"]]);
  gateway.advance(300);
  const values = stream.upstream.headers!.getAll(DESTINATION_HEADER);
  assert.equal(values.length, 1);
  assert.match(values[0]!, /^10\./);
});

test("it is said once by all workers together, in the log and in the report", () => {
  const gateway = new Gateway({ allowOnHeadersStopIteration: false, vms: 2 });
  const held = Array.from({ length: 5 }, (_, i) => open(gateway, i % 2));
  gateway.advance(300);
  assert.equal(gateway.warnings.length, 1);
  assert.match(gateway.warnings[0]!, /allow_on_headers_stop_iteration: true/);
  assert.deepEqual(gateway.report().json.warnings, ["stall-guard"]);
  assert.equal(gateway.count("fallback-stalled"), 5);
  for (const stream of held) finish(stream);
});

test("after a stall only 1 request in 100 is held, and none of the others waits", () => {
  const gateway = withoutFlag();
  open(gateway);
  gateway.advance(300);
  const actions: number[] = [];
  for (let i = 0; i < 300; i++) {
    const stream = open(gateway);
    actions.push(stream.continued ? 0 : 1);
    stream.requestBody(BODY, true);
    if (!stream.continued) gateway.advance(300);
    assert.notEqual(stream.upstream.headers!.get(DESTINATION_HEADER), undefined);
    finish(stream);
  }
  assert.equal(actions.filter((action) => action === 1).length, 3);
  assert.equal(gateway.count("fallback-stalled"), 301);
  assert.equal(gateway.warnings.length, 1);
});

test("what carries no prompt is not counted as stalled", () => {
  const gateway = withoutFlag();
  open(gateway);
  gateway.advance(300);
  assert.equal(decisionOf(gateway.send({ method: "GET", path: "/" })).reason, "no-prompt");
  assert.equal(gateway.count("fallback-stalled"), 1);
});

test("a body while the headers are held proves the flag: later ones may take their time", () => {
  const gateway = new Gateway();
  const pod = firstPod(gateway.send(QUESTION));
  const stream = open(gateway);
  gateway.advance(2000);
  assert.equal(stream.continued, false);
  stream.requestBody(BODY.slice(0, 4000));
  gateway.advance(2000);
  assert.equal(stream.continued, false);
  stream.requestBody(BODY.slice(4000), true);
  assert.equal(stream.upstream.headers!.get(DESTINATION_HEADER)!.split(",")[0], pod);
  assert.equal(gateway.count("prefix"), 1);
  assert.deepEqual(gateway.warnings, []);
  finish(stream);
});

test("one that is held already when the flag is proven waits, too", () => {
  const gateway = new Gateway();
  const slow = open(gateway);
  gateway.advance(100);
  const pod = firstPod(gateway.send(QUESTION));
  gateway.advance(2000);
  assert.equal(slow.continued, false);
  slow.requestBody(BODY, true);
  assert.equal(slow.upstream.headers!.get(DESTINATION_HEADER)!.split(",")[0], pod);
  assert.equal(gateway.count("prefix"), 1);
  finish(slow);
});

test("a body that comes after the release changes nothing", () => {
  const gateway = new Gateway();
  const stream = open(gateway);
  gateway.advance(300);
  const header = stream.upstream.headers!.get(DESTINATION_HEADER);
  const decided = gateway.count("fallback-stalled");
  assert.deepEqual([stream.continued, decided], [true, 1]);
  for (const part of [BODY.slice(0, 100), BODY.slice(100)]) stream.requestBody(part);
  stream.requestBody("", true);
  assert.equal(stream.upstream.body!.toString(), BODY);
  assert.equal(stream.upstream.headers!.get(DESTINATION_HEADER), header);
  assert.equal(gateway.inFlight, 1);
  const { json } = gateway.report();
  assert.deepEqual(json.reasons, { "fallback-stalled": 1 });
  assert.equal(json.index.nodes, 0);
  finish(stream);
  assert.equal(gateway.inFlight, 0);
});

test("the first request that is held again and gets its body ends the guard", () => {
  const gateway = new Gateway();
  const slow = open(gateway);
  gateway.advance(300);
  finish(slow);
  let isHeld = false;
  for (let i = 0; i < 100 && !isHeld; i++) isHeld = gateway.send(QUESTION).requestActions[0] === 1;
  assert.equal(isHeld, true);
  const result = gateway.send(QUESTION, jsonAnswer());
  assert.deepEqual([result.requestActions[0], decisionOf(result).reason], [1, "prefix"]);
  assert.deepEqual(gateway.report().json.warnings, []);
});

test("a held request whose client goes is not released", () => {
  const gateway = withoutFlag();
  const stream = open(gateway);
  stream.disconnect();
  gateway.advance(1000);
  assert.equal(stream.continued, false);
  assert.equal(gateway.count("fallback-stalled"), 0);
  assert.deepEqual(gateway.warnings, []);
});

test("where no pod is left meanwhile it goes on without a destination", () => {
  const gateway = withoutFlag();
  const stream = open(gateway);
  gateway.pods.splice(0);
  gateway.advance(300);
  assert.equal(stream.continued, true);
  assert.equal(stream.upstream.headers!.get(DESTINATION_HEADER), undefined);
  assert.equal(gateway.count("fallback-no-endpoint"), 1);
  assert.equal(gateway.inFlight, 0);
});
