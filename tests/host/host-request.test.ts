// The harness that sends whole requests, over the probe.
import assert from "node:assert/strict";
import { beforeEach, test } from "node:test";
import {
  DataAction,
  DESTINATION_HEADER,
  HeadersAction,
  type RootContext,
  runRequest,
  sendResponse,
  SharedData,
} from "../../simulator/host/index.js";
import { Probe, probeModule } from "./fixtures/probe.js";

let probe: Probe;
let root: RootContext;

beforeEach(async () => {
  probe = new Probe(await probeModule(), new SharedData());
  root = probe.host.newRoot("{}");
});

function setDestination(value: string): readonly [string, ...number[]] {
  const name = probe.put(DESTINATION_HEADER);
  return ["proxy_replace_header_map_value", 0, ...name, ...probe.put(value)];
}

test("a request that is held, picked, answered", () => {
  probe.on("onRequestHeaders", [], HeadersAction.StopIteration);
  probe.on("onRequestBody", [setDestination("10.0.0.1:80,10.0.0.2:80")], DataAction.Continue);
  const address = probe.result();
  probe.on("onResponseHeaders", [
    ["proxy_get_property", ...probe.put("upstream\0address"), ...address.place],
    ["proxy_replace_header_map_value", 2, ...probe.put("x-seen"), ...probe.put("1")],
  ]);
  const result = runRequest(
    root,
    { path: "/v1/completions", bodyChunks: ['{"a":', "1}"] },
    { chunks: ["one", "two"], headers: [["content-type", "text/event-stream"]] },
  );
  assert.deepEqual(result.requestActions, [HeadersAction.StopIteration, 0, 0]);
  assert.deepEqual(result.responseActions, [0, 0, 0]);
  assert.equal(result.destinationHeader, "10.0.0.1:80,10.0.0.2:80");
  assert.equal(address.text, "10.0.0.1:80");
  assert.equal(result.upstreamBody, '{"a":1}');
  assert.equal(result.stream.upstream.headers!.get("content-length"), "7");
  assert.equal(result.responseHeadersSeen!.get("x-seen"), "1");
  assert.equal(result.responseHeadersSeen!.get("content-type"), "text/event-stream");
  assert.equal(result.responseBody, "onetwo");
  assert.equal(result.isHeld, false);
  assert.equal(result.stream.isDestroyed, true);
});

test("a request that stays held is given back open", () => {
  probe.on("onRequestHeaders", [], HeadersAction.StopIteration);
  probe.on("onRequestBody", [], DataAction.StopIterationAndBuffer);
  const result = runRequest(root, { path: "/", bodyChunks: ["x"], endsApart: true });
  assert.equal(result.isHeld, true);
  assert.equal(result.destinationHeader, null);
  assert.equal(result.stream.isDestroyed, false);
  assert.deepEqual(probe.args("onRequestBody"), [result.stream.id, 1, 1]);
});

test("trailers and a given upstream", () => {
  const result = runRequest(
    root,
    { method: "GET", path: "/x", trailers: [["t", "1"]] },
    { upstreamAddress: "[::1]:9", attempts: 3, status: 500, trailers: [["u", "2"]] },
  );
  assert.equal(probe.calls("onRequestTrailers"), 1);
  assert.equal(probe.calls("onResponseTrailers"), 1);
  assert.deepEqual([result.stream.upstreamAddress, result.stream.attempts], ["[::1]:9", 3]);
  assert.equal(result.responseHeadersSeen!.get(":status"), "500");
});

test("without a response the stream stays open, for a response in steps", () => {
  const { stream } = runRequest(root, { path: "/" }, null);
  assert.equal(stream.isDestroyed, false);
  sendResponse(stream, { chunks: ["a"], endsApart: true });
  assert.deepEqual(probe.args("onResponseBody"), [stream.id, 0, 1]);
  stream.done();
  assert.equal(probe.calls("onDelete"), 1);
});

test("ten thousand requests leave nothing behind", () => {
  const before = probe.host.contextCount;
  const memory = probe.host.memoryBytes;
  for (let i = 0; i < 10_000; i++) runRequest(root, { path: "/", bodyChunks: ["x"] });
  assert.equal(probe.host.contextCount, before);
  assert.equal(probe.host.memoryBytes, memory);
  assert.equal(probe.calls("onDelete"), 10_000);
});
