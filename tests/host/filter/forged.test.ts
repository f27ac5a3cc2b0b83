// What only the filter says: a client or a pod that says it too is not heard, on any way.
import assert from "node:assert/strict";
import { test } from "node:test";
import {
  DESTINATION_HEADER,
  type Pair,
  type RequestSpec,
  type ResponseSpec,
} from "../../../simulator/host/index.js";
import { Gateway } from "./support/gateway.js";
import { completion } from "./support/messages.js";

const DECISION = "x-warmroute-decision";
const MODEL = "x-model";
const FORGED: Pair[] = [
  [DESTINATION_HEADER, "6.6.6.6:1"],
  [DESTINATION_HEADER, "6.6.6.6:2,6.6.6.6:3"],
  [MODEL, "dear"],
  [MODEL, "dear,dearer"],
];
const QUESTION = completion("hello");
const WAYS: [way: string, request: RequestSpec][] = [
  ["GET", { method: "GET", path: "/v1/models" }],
  ["an unknown path", { ...QUESTION, path: "/v2/chat" }],
  ["an upgrade", { method: "GET", path: "/ws", headers: [["upgrade", "websocket"]] }],
  ["a compressed body", { ...QUESTION, headers: [["content-encoding", "gzip"]] }],
  ["a prompt", QUESTION],
  ["a broken body", { ...QUESTION, bodyChunks: ["{"] }],
  ["a body with trailers", { ...QUESTION, trailers: [[DESTINATION_HEADER, "6.6.6.6:4"]] }],
];

/** Without a table nothing is set: then whatever arrives is the client's. */
const WORLDS: [world: string, pods: number, isStarted: boolean][] = [
  ["with pods", 2, true],
  ["with no pod", 0, true],
  ["before the first table", 2, false],
];

for (const [world, pods, isStarted] of WORLDS) {
  for (const [way, request] of WAYS) {
    test(`forged request headers do not arrive: ${way}, ${world}`, () => {
      const config = { modelHeader: MODEL };
      const gateway = new Gateway({ pods, config, isStarted });
      const headers = [...FORGED, ...(request.headers ?? [])];
      const { stream, isHeld } = gateway.send({ ...request, headers }, null);
      if (isHeld && !isStarted) gateway.advance(1100);
      const { headers: arrived } = stream.upstream;
      assert.ok(arrived !== null, "the request went on");
      for (const [name, value] of arrived.pairs())
        assert.doesNotMatch(value, /6\.6\.6\.6|dear/, name);
    });
  }
}

for (const pods of [0, 2]) {
  test(`headers beyond what the filter can read lose both all the same, ${pods} pods`, () => {
    const gateway = new Gateway({ pods, config: { modelHeader: MODEL } });
    const many: Pair[] = [...FORGED, ["x-filler", "z".repeat(4 << 20)]];
    const { stream } = gateway.send({ ...QUESTION, headers: many });
    const arrived = stream.upstream.headers!;
    assert.deepEqual([arrived.getAll(MODEL), arrived.getAll("x-filler").length], [[], 1]);
    assert.doesNotMatch(arrived.getAll(DESTINATION_HEADER).join(), /6\.6\.6\.6/);
    assert.ok(!gateway.hasFailed);
  });
}

const LIES: ResponseSpec = {
  headers: [
    ["content-type", "application/json"],
    [DECISION, "pod=6.6.6.6:1;reason=prefix;cached=1;eta=0"],
    [DECISION, "a second one"],
  ],
  trailers: [[DECISION, "a third one"]],
};

for (const debugHeaders of [false, true]) {
  for (const [way, request] of WAYS) {
    test(`a pod's words are not shown as ours: ${way}, debugHeaders ${debugHeaders}`, () => {
      const gateway = new Gateway({ pods: 2, config: { debugHeaders } });
      const { responseHeadersSeen, stream } = gateway.send(request, LIES);
      const shown = responseHeadersSeen!.getAll(DECISION);
      assert.equal(shown.length, debugHeaders ? 1 : 0);
      assert.doesNotMatch(shown.join(), /6\.6\.6\.6|second/);
      assert.equal(stream.downstream.trailers?.get(DECISION) ?? null, null);
    });
  }
}

test("a client's own decision header says nothing to the client", () => {
  const gateway = new Gateway({ pods: 1, config: { debugHeaders: false } });
  const { responseHeadersSeen } = gateway.send({ ...QUESTION, headers: [[DECISION, "pod=x"]] });
  assert.equal(responseHeadersSeen!.get(DECISION), undefined);
});
