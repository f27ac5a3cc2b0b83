// The life of a stream: order of callbacks, holding and continuing, bodies, local replies, traps.
import assert from "node:assert/strict";
import { beforeEach, describe, test } from "node:test";
import {
  DataAction,
  HeadersAction,
  NOT_CALLED,
  ResponseFlag,
  type RootContext,
  SharedData,
  Status,
  type StreamContext,
  type StreamOptions,
} from "../../simulator/host/index.js";
import { Probe, probeModule } from "./fixtures/probe.js";

const GET: [string, string][] = [
  [":method", "GET"],
  [":path", "/a"],
  [":authority", "x"],
];
const OK: [string, string][] = [[":status", "200"]];
const REQUEST = 0;
const RESPONSE = 1;
const STOP = 1;

let module: WebAssembly.Module;
let probe: Probe;
let root: RootContext;

beforeEach(async () => {
  module = await probeModule();
  probe = new Probe(module, new SharedData());
  root = probe.host.newRoot("{}");
});

function newStream(options: StreamOptions = {}): StreamContext {
  return probe.host.newStream(root, { keepBodies: true, ...options });
}

describe("a stream that the filter lets pass", () => {
  test("has its callbacks with sizes and ends, and ends with log, done, delete", () => {
    const stream = newStream();
    assert.equal(probe.calls("onContextCreate"), 1); // The root only: Envoy waits for headers.
    assert.equal(stream.requestHeaders(GET), HeadersAction.Continue);
    assert.deepEqual(probe.args("onContextCreate"), [stream.id, root.id]);
    assert.deepEqual(probe.args("onRequestHeaders"), [stream.id, 3, 0]);
    assert.equal(stream.requestBody("abc"), DataAction.Continue);
    assert.deepEqual(probe.args("onRequestBody"), [stream.id, 3, 0]);
    stream.requestBody("de");
    assert.deepEqual(probe.args("onRequestBody"), [stream.id, 2, 0]);
    stream.requestTrailers([["x-a", "1"]]);
    assert.deepEqual(probe.args("onRequestTrailers"), [stream.id, 1]);
    assert.equal(stream.upstream.body!.toString(), "abcde");
    assert.equal(stream.upstream.ended, true);
    stream.responseHeaders(OK);
    stream.responseBody("xyz", true);
    assert.deepEqual(probe.args("onResponseBody"), [stream.id, 3, 1]);
    assert.equal(stream.downstream.ended, true);
    const order: string[] = [];
    for (const name of ["onLog", "onDone", "onDelete"] as const) {
      probe.on(name, [["proxy_log", 2, ...probe.put(name)]], 1);
    }
    stream.done();
    order.push(...probe.host.logs.map((line) => line.message));
    assert.deepEqual(order, ["onLog", "onDone", "onDelete"]);
    stream.done();
    assert.equal(probe.calls("onDelete"), 1);
  });

  test("has no headers in its body callback any more", () => {
    const { place } = probe.result();
    const read = ["proxy_get_header_map_value", REQUEST, ...probe.put(":path"), ...place] as const;
    probe.on("onRequestHeaders", [read]);
    probe.on("onRequestBody", [read]);
    const stream = newStream();
    stream.requestHeaders(GET);
    stream.requestBody("a");
    assert.deepEqual(probe.statuses("onRequestHeaders"), [Status.Ok]);
    assert.deepEqual(probe.statuses("onRequestBody"), [Status.BadArgument]);
  });
});

describe("a request that the filter holds", () => {
  test("without the flag everything stops: no body callback until it is continued", () => {
    probe.on("onRequestHeaders", [], STOP);
    const stream = newStream({ allowOnHeadersStopIteration: false });
    assert.equal(stream.requestHeaders(GET), HeadersAction.StopAllIterationAndWatermark);
    assert.equal(stream.requestBody("abc"), NOT_CALLED);
    assert.equal(stream.requestBody("def", true), NOT_CALLED);
    assert.equal(stream.continued, false);
    const read = probe.result();
    probe.on("onTick", [
      ["proxy_set_effective_context", stream.id],
      // Memory for the answer is asked for in another context; the chosen one holds after it.
      ["proxy_get_header_map_value", REQUEST, ...probe.put(":path"), ...read.place],
      ["proxy_replace_header_map_value", REQUEST, ...probe.put("x-to"), ...probe.put("1.2.3.4:5")],
      ["proxy_continue_stream", REQUEST],
      ["proxy_replace_header_map_value", REQUEST, ...probe.put("x-to"), ...probe.put("late")],
    ]);
    root.tickPeriodMs = 10;
    root.tick();
    // The headers are out of reach once the stream is continued.
    assert.deepEqual(probe.statuses("onTick"), [0, 0, 0, 0, Status.BadArgument]);
    assert.equal(stream.upstream.headers!.get("x-to"), "1.2.3.4:5");
    assert.equal(probe.calls("onRequestBody"), 1); // Now, with all there is.
    assert.deepEqual(probe.args("onRequestBody"), [stream.id, 6, 1]);
    assert.equal(stream.upstream.body!.toString(), "abcdef");
    assert.equal(stream.upstream.ended, true);
  });

  test("with the flag the body comes, n is the total, and all goes on at once", () => {
    const { place } = probe.result();
    const got = probe.result();
    const headers = probe.put(":path");
    probe.on("onRequestHeaders", [], STOP);
    probe.on("onRequestBody", [["proxy_get_buffer_bytes", 0, 3, 2, ...got.place]], STOP);
    const stream = newStream({ allowOnHeadersStopIteration: true });
    assert.equal(stream.requestHeaders(GET), HeadersAction.StopIteration);
    assert.equal(stream.requestBody("abc"), DataAction.StopIterationAndBuffer);
    assert.deepEqual(got.bytes.length, 0); // Nothing beyond the first three bytes yet.
    stream.requestBody("defg");
    assert.deepEqual(probe.args("onRequestBody"), [stream.id, 7, 0]);
    assert.equal(got.text, "de");
    assert.equal(stream.continued, false);
    probe.on("onRequestBody", [["proxy_get_header_map_value", REQUEST, ...headers, ...place]]);
    assert.equal(stream.requestBody("h", true), DataAction.Continue);
    assert.deepEqual(probe.statuses("onRequestBody"), [Status.Ok]); // Held, so still there.
    assert.deepEqual(probe.args("onRequestBody"), [stream.id, 8, 1]);
    assert.equal(stream.upstream.body!.toString(), "abcdefgh");
    assert.equal(stream.upstream.ended, true);
  });

  test("a pick in the middle of the body: the rest streams chunk by chunk", () => {
    probe.on("onRequestHeaders", [], STOP);
    probe.on("onRequestBody", [], STOP);
    const stream = newStream();
    stream.requestHeaders(GET);
    stream.requestBody("abc");
    probe.on("onRequestBody", []);
    stream.requestBody("def");
    assert.equal(stream.upstream.body!.toString(), "abcdef");
    assert.equal(stream.upstream.ended, false);
    stream.requestBody("gh", true);
    assert.deepEqual(probe.args("onRequestBody"), [stream.id, 2, 1]);
    assert.equal(stream.upstream.body!.toString(), "abcdefgh");
  });

  test("trailers end a held body", () => {
    probe.on("onRequestHeaders", [], STOP);
    probe.on("onRequestBody", [], STOP);
    const stream = newStream();
    stream.requestHeaders(GET);
    stream.requestBody("abc");
    assert.equal(stream.upstream.headers, null);
    stream.requestTrailers([["x-t", "1"]]);
    assert.equal(stream.upstream.body!.toString(), "abc");
    assert.equal(stream.upstream.trailers!.get("x-t"), "1");
    assert.equal(stream.upstream.ended, true);
  });

  test("a request without a body is continued from a tick as headers alone", () => {
    probe.on("onRequestHeaders", [], STOP);
    const stream = newStream();
    stream.requestHeaders(GET, true);
    probe.on("onTick", [
      ["proxy_set_effective_context", stream.id],
      ["proxy_continue_stream", REQUEST],
    ]);
    root.tickPeriodMs = 10;
    root.tick();
    assert.equal(stream.upstream.ended, true);
    assert.equal(stream.upstream.bodyBytes, 0);
  });

  test("StopIterationNoBuffer drops the chunk, Watermark keeps it but shows only the new", () => {
    probe.on("onRequestHeaders", [], STOP);
    const stream = newStream();
    stream.requestHeaders(GET);
    probe.on("onRequestBody", [], DataAction.StopIterationNoBuffer);
    stream.requestBody("lost");
    probe.on("onRequestBody", [], DataAction.StopIterationAndWatermark);
    stream.requestBody("abc");
    stream.requestBody("de");
    assert.deepEqual(probe.args("onRequestBody"), [stream.id, 2, 0]);
    probe.on("onRequestBody", []);
    stream.requestBody("f", true);
    assert.equal(stream.upstream.body!.toString(), "abcdef");
  });

  test("what is set in the buffer is what the upstream gets", () => {
    const replace = (start: number, length: number, text: string) =>
      ["proxy_set_buffer_bytes", 0, start, length, ...probe.put(text)] as const;
    probe.on("onRequestHeaders", [], STOP);
    probe.on("onRequestBody", [], STOP);
    const stream = newStream();
    stream.requestHeaders(GET);
    stream.requestBody("old ");
    probe.on("onRequestBody", [
      replace(2, 1, "x"), // In the middle.
      replace(0, 1 << 30, "new"),
      replace(3, 0, " end"),
      replace(0, 0, "a "),
    ]);
    stream.requestBody("body", true);
    assert.deepEqual(probe.statuses("onRequestBody"), [Status.BadArgument, 0, 0, 0]);
    assert.equal(stream.upstream.body!.toString(), "a new end");
  });

  test("a body above the limit is answered with 413, which passes the filter", () => {
    probe.on("onRequestHeaders", [], STOP);
    probe.on("onRequestBody", [], STOP);
    const stream = newStream({ bufferLimitBytes: 4 });
    stream.requestHeaders(GET);
    stream.requestBody("abc");
    stream.requestBody("def");
    assert.equal(stream.downstream.headers!.get(":status"), "413");
    assert.equal(stream.localResponse!.details, "request_payload_too_large");
    assert.equal(probe.calls("onResponseHeaders"), 1);
    assert.equal(stream.requestBody("more"), NOT_CALLED);
  });
});

describe("a local response", () => {
  function respond(callback: "onRequestHeaders" | "onRequestBody" | "onResponseHeaders"): void {
    const headers = new Uint8Array(21);
    const view = new DataView(headers.buffer);
    view.setUint32(0, 1, true);
    view.setUint32(4, 4, true);
    view.setUint32(8, 3, true);
    headers.set(Buffer.from("x-no\x00why\x00"), 12);
    const details = probe.put("too much");
    const body = probe.put("later");
    const pairs = probe.put(headers);
    probe.on(callback, [
      ["proxy_send_local_response", 429, ...details, ...body, ...pairs, 0xffffffff],
    ]);
  }

  test("from request headers stops the request and passes the response callbacks", () => {
    respond("onRequestHeaders");
    const stream = newStream();
    // What the callback returned (Continue) does not count.
    assert.equal(stream.requestHeaders(GET), HeadersAction.StopAllIterationAndWatermark);
    assert.equal(stream.continued, false);
    assert.deepEqual(probe.args("onResponseHeaders"), [stream.id, 4, 0]);
    assert.deepEqual(probe.args("onResponseBody"), [stream.id, 5, 1]);
    const { headers, body, ended } = stream.downstream;
    assert.deepEqual(
      [headers!.get(":status"), headers!.get("x-no"), headers!.get("content-length")],
      ["429", "why", "5"],
    );
    assert.equal(headers!.get("content-type"), "text/plain");
    assert.equal(body!.toString(), "later");
    assert.equal(ended, true);
    assert.equal(stream.codeDetails, "too_much");
    assert.equal(stream.requestBody("more", true), NOT_CALLED);
  });

  test("from the body of a held request", () => {
    probe.on("onRequestHeaders", [], STOP);
    respond("onRequestBody");
    const stream = newStream();
    stream.requestHeaders(GET);
    assert.equal(stream.requestBody("abc", true), DataAction.StopIterationNoBuffer);
    assert.equal(stream.downstream.headers!.get(":status"), "429");
    assert.equal(stream.upstream.headers, null);
  });

  test("from response headers goes past the filter", () => {
    const stream = newStream();
    stream.requestHeaders(GET, true);
    respond("onResponseHeaders");
    stream.responseHeaders(OK);
    assert.equal(probe.calls("onResponseHeaders"), 1);
    assert.equal(stream.downstream.headers!.get(":status"), "429");
    assert.equal(stream.downstream.body!.toString(), "later");
  });

  test("after response headers have gone out cuts the stream", () => {
    const stream = newStream();
    stream.requestHeaders(GET, true);
    stream.responseHeaders(OK);
    const none = [0, 0] as const;
    probe.on("onResponseBody", [["proxy_send_local_response", 500, ...none, ...none, ...none, 0]]);
    stream.responseBody("abc");
    assert.equal(stream.isReset, true);
    assert.equal(probe.calls("onDelete"), 1);
  });
});

describe("the response", () => {
  test("is held and continued by the filter", () => {
    probe.on("onResponseHeaders", [], STOP);
    probe.on("onResponseBody", [], STOP);
    const stream = newStream();
    stream.requestHeaders(GET, true);
    stream.responseHeaders(OK);
    stream.responseBody("abc");
    stream.responseBody("def", true);
    assert.equal(stream.downstream.headers, null);
    probe.on("onTick", [
      ["proxy_set_effective_context", stream.id],
      ["proxy_continue_stream", RESPONSE],
    ]);
    root.tickPeriodMs = 1;
    root.tick();
    assert.equal(stream.downstream.body!.toString(), "abcdef");
    assert.equal(stream.downstream.ended, true);
  });

  test("tells address, attempts, flags and details as properties", () => {
    const asked = ["upstream\0address", "upstream\0request_attempt_count", "response\0flags"];
    const results = [...asked, "response\0code_details\0", "response\0code"].map((path) => ({
      path: probe.put(path),
      result: probe.result(),
    }));
    const script = results.map(
      ({ path, result }) => ["proxy_get_property", ...path, ...result.place] as const,
    );
    const stream = newStream();
    probe.on("onRequestHeaders", script);
    stream.requestHeaders(GET, true);
    // No host yet, no details, no code; counts and flags are there as 0.
    assert.deepEqual(probe.statuses("onRequestHeaders"), [1, 0, 0, 1, 1]);
    stream.upstreamAddress = "10.0.0.7:8000";
    stream.attempts = 2;
    probe.on("onLog", script);
    stream.responseHeaders(OK, true);
    stream.disconnect();
    assert.deepEqual(probe.statuses("onLog"), [0, 0, 0, 0, 0]);
    assert.equal(results[0]!.result.text, "10.0.0.7:8000");
    assert.deepEqual([...results[1]!.result.bytes], [2, 0, 0, 0, 0, 0, 0, 0]);
    assert.deepEqual([...results[2]!.result.bytes], [0, 0x40, 0, 0, 0, 0, 0, 0]);
    assert.equal(ResponseFlag.DownstreamConnectionTermination, 16384);
    assert.equal(results[3]!.result.text, "downstream_remote_disconnect");
    assert.deepEqual([...results[4]!.result.bytes], [200, 0, 0, 0, 0, 0, 0, 0]);
  });

  test("in the log headers of both sides can be read, but not changed", () => {
    const { place } = probe.result();
    const key = probe.put("x-a");
    const read = (type: number) => ["proxy_get_header_map_value", type, ...key, ...place] as const;
    probe.on("onLog", [
      read(0),
      read(2),
      read(1), // Request trailers are not kept for the log.
      ["proxy_remove_header_map_value", 0, ...key],
    ]);
    const stream = newStream();
    stream.requestHeaders([...GET, ["x-a", "1"]], true);
    stream.responseHeaders([...OK, ["x-a", "2"]], true);
    stream.done();
    assert.deepEqual(probe.statuses("onLog"), [0, 0, Status.NotFound, Status.BadArgument]);
  });

  test("an answer by Envoy itself has no upstream address and no attempts", () => {
    const stream = newStream();
    stream.requestHeaders(GET, true);
    stream.envoyReply(503, "no_healthy_upstream", "none", ResponseFlag.NoHealthyUpstream);
    assert.equal(probe.calls("onResponseHeaders"), 1);
    assert.equal(stream.downstream.headers!.get(":status"), "503");
    assert.deepEqual([stream.upstreamAddress, stream.attempts], [null, 0]);
  });
});

describe("a trap", () => {
  test("answers 503, then refuses every callback of every stream", () => {
    const other = newStream();
    other.requestHeaders(GET);
    probe.on("onRequestHeaders", [["trap"]]);
    const stream = newStream();
    assert.equal(stream.requestHeaders(GET, true), HeadersAction.StopAllIterationAndWatermark);
    assert.equal(probe.host.failed, true);
    assert.equal(stream.downstream.headers!.get(":status"), "503");
    assert.equal(stream.localResponse!.details, "wasm_fail_stream");
    assert.equal(other.requestBody("abc"), DataAction.StopIterationNoBuffer);
    assert.equal(other.downstream.headers!.get(":status"), "503");
    const late = newStream();
    late.requestHeaders(GET, true);
    assert.equal(late.downstream.headers!.get(":status"), "503");
    for (const each of [stream, other, late]) each.done();
    root.tickPeriodMs = 1;
    assert.equal(root.tick(), false);
    assert.deepEqual([probe.calls("onLog"), probe.calls("onDelete")], [0, 0]);
    assert.equal(probe.calls("onResponseHeaders"), 0);
  });

  test("with fail open later streams pass without the filter", () => {
    root = probe.host.newRoot("open", { failOpen: true });
    probe.on("onRequestHeaders", [["recurse"]]);
    newStream().requestHeaders(GET, true);
    assert.ok(probe.host.error instanceof RangeError);
    const stream = newStream();
    assert.equal(stream.requestHeaders(GET, true), HeadersAction.Continue);
    assert.equal(stream.upstream.ended, true);
  });

  test("in malloc fails the call and the VM, not the host", () => {
    probe.on("onMalloc", [["trap"]]);
    const { place } = probe.result();
    probe.on("onRequestHeaders", [
      ["proxy_get_header_map_value", REQUEST, ...probe.put(":path"), ...place],
    ]);
    newStream().requestHeaders(GET);
    assert.deepEqual(probe.statuses("onRequestHeaders"), [Status.InvalidMemoryAccess]);
    assert.equal(probe.host.failed, true);
  });

  test("is what a host call from malloc is, other than a log", () => {
    probe.on("onMalloc", [["proxy_get_current_time_nanoseconds", probe.result().at]]);
    const { place } = probe.result();
    probe.on("onRequestHeaders", [
      ["proxy_get_header_map_value", REQUEST, ...probe.put(":path"), ...place],
    ]);
    newStream().requestHeaders(GET);
    assert.match(probe.host.error!.message, /restricted_callback/);
  });
});

test("proxy_close_stream ends the stream", () => {
  probe.on("onRequestHeaders", [["proxy_close_stream", REQUEST]], STOP);
  const stream = newStream();
  stream.requestHeaders(GET);
  assert.equal(stream.isReset, true);
  assert.equal(stream.codeDetails, "wasm_close_stream");
  assert.deepEqual([probe.calls("onLog"), probe.calls("onDelete")], [1, 1]);
});

test("a request that Envoy refuses before the filter saw it is still logged and deleted", () => {
  const stream = newStream();
  stream.done();
  assert.deepEqual(probe.args("onContextCreate"), [stream.id, root.id]);
  assert.deepEqual(
    [probe.calls("onLog"), probe.calls("onDone"), probe.calls("onDelete")],
    [1, 1, 1],
  );
});
