// Host calls on headers, buffers, shared data, queues, metrics, calls to servers, roots and time.
import assert from "node:assert/strict";
import { beforeEach, describe, test } from "node:test";
import {
  type HttpCall,
  LogLevel,
  type RootContext,
  SharedData,
  Stats,
  Status,
  type WasmHostOptions,
} from "../../simulator/host/index.js";
import { type Callback, type Operation, Probe, probeModule } from "./fixtures/probe.js";

let module: WebAssembly.Module;
let sharedData: SharedData;
let probe: Probe;
let root: RootContext;

beforeEach(async () => {
  module = await probeModule();
  sharedData = new SharedData();
  use({});
});

/** A fresh VM on the same shared data. */
function use(options: Partial<WasmHostOptions>): Probe {
  probe = new Probe(module, sharedData, options);
  root = probe.host.newRoot("config");
  root.tickPeriodMs = 1;
  return probe;
}

/** Runs a script on the root, returns the statuses. */
function run(script: readonly Operation[]): number[] {
  probe.on("onTick", script);
  root.tick();
  return probe.statuses("onTick");
}

/** Runs a script in the request headers callback of a new stream with these headers. */
function runOnRequest(headers: readonly (readonly [string, string])[], script: Operation[]) {
  probe.on("onRequestHeaders", script);
  const stream = probe.host.newStream(root);
  stream.requestHeaders(headers, true);
  return { stream, statuses: probe.statuses("onRequestHeaders") };
}

/** A pair list in the ABI's encoding, written by hand from the specification. */
function pairs(...list: [string, string][]): Uint8Array {
  const head = Buffer.alloc(4 + list.length * 8);
  head.writeUInt32LE(list.length, 0);
  list.forEach(([name, value], index) => {
    head.writeUInt32LE(name.length, 4 + index * 8);
    head.writeUInt32LE(value.length, 8 + index * 8);
  });
  const texts = list.flatMap(([name, value]) => [`${name}\0`, `${value}\0`]);
  return Buffer.concat([head, Buffer.from(texts.join(""), "latin1")]);
}

describe("headers", () => {
  test("are found whatever the case of the name; absent is NotFound, bytes stay bytes", () => {
    const got = probe.result();
    const empty = probe.result();
    const { statuses } = runOnRequest(
      [
        ["X-Name", "caf\xe9"],
        ["x-empty", ""],
      ],
      [
        ["proxy_get_header_map_value", 0, ...probe.put("x-NAME"), ...got.place],
        ["proxy_get_header_map_value", 0, ...probe.put("x-empty"), ...empty.place],
        ["proxy_get_header_map_value", 0, ...probe.put("x-none"), ...probe.result().place],
        ["proxy_get_header_map_value", 2, ...probe.put("x-name"), ...probe.result().place],
        ["proxy_get_header_map_value", 8, ...probe.put("x-name"), ...probe.result().place],
        ["proxy_get_header_map_value", 0, 0xffff0000, 9, ...probe.result().place],
      ],
    );
    const { NotFound, BadArgument, InvalidMemoryAccess } = Status;
    assert.deepEqual(statuses, [0, 0, NotFound, BadArgument, BadArgument, InvalidMemoryAccess]);
    assert.equal(got.text, "caf\xe9");
    assert.deepEqual([empty.address, empty.bytes.length], [0, 0]);
  });

  test("add appends, replace leaves one, remove takes all, and removing nothing is Ok", () => {
    const key = probe.put("x-a");
    const { stream, statuses } = runOnRequest(
      [
        [":path", "/"],
        ["x-a", "1"],
        ["x-a", "2"],
        ["x-b", "1"],
        ["content-length", "1"],
      ],
      [
        ["proxy_add_header_map_value", 0, ...key, ...probe.put("3")],
        ["proxy_add_header_map_value", 0, ...probe.put("content-length"), ...probe.put("2")],
        ["proxy_replace_header_map_value", 0, ...probe.put("x-b"), ...probe.put("9")],
        ["proxy_replace_header_map_value", 0, ...probe.put("HOST"), ...probe.put("h")],
        ["proxy_remove_header_map_value", 0, ...probe.put("x-none")],
      ],
    );
    assert.deepEqual(statuses, [0, 0, 0, 0, 0]);
    const { headers } = stream.upstream;
    assert.deepEqual(headers!.getAll("x-a"), ["1", "2", "3"]);
    assert.deepEqual(headers!.getAll("x-b"), ["9"]);
    assert.equal(headers!.get("content-length"), "1,2"); // Envoy keeps this one once.
    assert.equal(headers!.get(":authority"), "h");
    assert.equal(stream.routeCacheClears, 5); // Envoy looks for the route again after each.
    const removed = runOnRequest(
      [
        ["x-a", "1"],
        ["x-a", "2"],
      ],
      [["proxy_remove_header_map_value", 0, ...key]],
    );
    assert.deepEqual(removed.stream.upstream.headers!.getAll("x-a"), []);
  });

  test("as pairs, both ways; their size is in bytes", () => {
    const got = probe.result();
    const size = probe.result();
    const { stream, statuses } = runOnRequest(
      [
        ["x-a", "1"],
        ["x-bc", ""],
      ],
      [
        ["proxy_get_header_map_pairs", 0, ...got.place],
        ["proxy_get_header_map_size", 0, size.at],
        ["proxy_set_header_map_pairs", 0, ...probe.put(pairs(["X-New", "n"], ["y", "z"]))],
        ["proxy_get_header_map_pairs", 6, ...probe.result().place],
      ],
    );
    assert.deepEqual(statuses, [0, 0, 0, 0]);
    assert.deepEqual(Buffer.from(got.bytes), pairs(["x-a", "1"], ["x-bc", ""]));
    assert.equal(size.number, 8);
    assert.deepEqual(stream.upstream.headers!.pairs(), [
      ["x-new", "n"],
      ["y", "z"],
    ]);
    const { stream: cut } = runOnRequest(
      [["x-a", "1"]],
      [["proxy_set_header_map_pairs", 0, ...probe.put(pairs(["a", "b"]).subarray(0, 12))]],
    );
    assert.equal(cut.upstream.headers!.size, 0); // A malformed list is an empty list.
    const bad = pairs(["a", "b"]);
    bad[bad.length - 1] = 65; // A text that does not end in a zero.
    const { stream: open } = runOnRequest(
      [["x-a", "1"]],
      [["proxy_set_header_map_pairs", 0, ...probe.put(bad)]],
    );
    assert.equal(open.upstream.headers!.size, 0);
  });

  test("no memory for the answer is InvalidMemoryAccess", () => {
    probe.refuseMemory(true);
    const { statuses } = runOnRequest(
      [["x-a", "1"]],
      [["proxy_get_header_map_value", 0, ...probe.put("x-a"), ...probe.result().place]],
    );
    assert.deepEqual(statuses, [Status.InvalidMemoryAccess]);
    assert.equal(probe.host.failed, false);
  });

  test("the host follows a memory that grows", () => {
    const got = probe.result();
    const before = probe.host.memoryBytes;
    probe.on("onMalloc", [["grow", 1]]);
    const { statuses } = runOnRequest(
      [["x-a", "1"]],
      [["proxy_get_header_map_value", 0, ...probe.put("x-a"), ...got.place]],
    );
    assert.deepEqual(statuses, [0]);
    assert.equal(got.text, "1");
    assert.equal(probe.host.memoryBytes, before + 65536);
  });
});

describe("buffers", () => {
  test("ranges are cut at the end; a body that is not there is empty", () => {
    const tail = probe.result();
    const beyond = probe.result();
    const size = probe.result();
    probe.on("onRequestBody", [
      ["proxy_get_buffer_bytes", 0, 2, 100, ...tail.place],
      ["proxy_get_buffer_bytes", 0, 3, 1, ...beyond.place],
      ["proxy_get_buffer_status", 0, ...size.place],
      ["proxy_get_buffer_bytes", 1, 0, 1, ...probe.result().place],
      ["proxy_get_buffer_bytes", 4, 0, 1, ...probe.result().place],
      ["proxy_get_buffer_bytes", 9, 0, 1, ...probe.result().place],
      ["proxy_get_buffer_bytes", 7, 0, 1, ...probe.result().place],
      ["proxy_set_buffer_bytes", 1, 0, 0, ...probe.put("x")],
    ]);
    const stream = probe.host.newStream(root);
    stream.requestHeaders([[":path", "/"]]);
    stream.requestBody("abc", true);
    assert.deepEqual(probe.statuses("onRequestBody"), [
      0,
      0,
      0,
      0,
      Status.NotFound,
      Status.BadArgument,
      Status.NotFound,
      Status.BadArgument,
    ]);
    assert.equal(tail.text, "c");
    assert.deepEqual([beyond.address, beyond.bytes.length], [0, 0]);
    assert.equal(size.number, 3);
  });

  test("the configurations: of the VM at its start, of the plugin only while configuring", () => {
    const vm = new Probe(module, sharedData, { vmConfiguration: "vm text" });
    const [started, late, plugin] = [vm.result(), vm.result(), vm.result()];
    vm.on(
      "onVmStart",
      [
        ["proxy_get_buffer_bytes", 6, 0, 100, ...started.place],
        ["proxy_get_buffer_bytes", 7, 0, 100, ...late.place],
      ],
      1,
    );
    vm.on("onConfigure", [["proxy_get_buffer_bytes", 7, 0, 100, ...plugin.place]], 1);
    const accepted = vm.host.newRoot("plugin text");
    assert.deepEqual(vm.args("onVmStart"), [accepted.id, 7]);
    assert.deepEqual(vm.args("onConfigure"), [accepted.id, 11]);
    assert.deepEqual(vm.statuses("onVmStart"), [0, Status.NotFound]);
    assert.deepEqual([started.text, plugin.text], ["vm text", "plugin text"]);
  });
});

describe("shared data", () => {
  const set = (key: string, value: string, cas: number): Operation => [
    "proxy_set_shared_data",
    ...probe.put(key),
    ...probe.put(value),
    cas,
  ];

  test("is absent, then set, then guarded by its number", () => {
    const got = probe.result();
    const read: Operation = ["proxy_get_shared_data", ...probe.put("k"), ...got.place, got.extra];
    assert.deepEqual(run([read]), [Status.NotFound]);
    assert.deepEqual(run([set("k", "one", 0), read]), [0, 0]);
    assert.equal(got.text, "one");
    const cas = got.extraNumber;
    assert.notEqual(cas, 0);
    const statuses = run([set("k", "bad", cas + 7), set("k", "no", cas), read, set("k", "", cas)]);
    assert.deepEqual(statuses, [Status.CasMismatch, 0, 0, Status.CasMismatch]);
    assert.equal(got.text, "no");
    assert.deepEqual(run([set("k", "", 0), read]), [0, 0]);
    assert.equal(got.bytes.length, 0);
    assert.deepEqual(run([set("new", "x", 99)]), [0]); // Nothing to compare with.
  });

  test("is shared by VMs of one vm_id only, and outlives them", () => {
    use({ vmId: "a" });
    run([set("k", "from a", 0)]);
    const [other, same] = [use({ vmId: "b" }), use({ vmId: "a" })];
    assert.ok(other !== same);
    const got = probe.result();
    assert.deepEqual(
      run([["proxy_get_shared_data", ...probe.put("k"), ...got.place, got.extra]]),
      [0],
    );
    assert.equal(got.text, "from a");
    assert.equal(sharedData.get("b", "k"), undefined);
    assert.equal(Buffer.from(sharedData.get("a", "k")!).toString(), "from a");
  });
});

describe("queues", () => {
  test("tell their owner, keep order, and are found by name", () => {
    const [token, found, got] = [probe.result(), probe.result(), probe.result()];
    const name = probe.put("q");
    assert.deepEqual(
      run([
        ["proxy_resolve_shared_queue", 0, 0, ...name, found.at],
        ["proxy_register_shared_queue", ...name, token.at],
        ["proxy_resolve_shared_queue", 0, 0, ...name, found.at],
      ]),
      [Status.NotFound, 0, 0],
    );
    const queue = token.number;
    assert.equal(found.number, queue);
    const dequeue: Operation = ["proxy_dequeue_shared_queue", queue, ...got.place];
    assert.deepEqual(
      run([
        dequeue,
        ["proxy_enqueue_shared_queue", queue, ...probe.put("one")],
        ["proxy_enqueue_shared_queue", queue, ...probe.put("two")],
        ["proxy_enqueue_shared_queue", queue + 1, ...probe.put("three")],
      ]),
      [Status.Empty, 0, 0, Status.NotFound],
    );
    assert.equal(probe.calls("onQueueReady"), 0); // Other threads see it when they get to it.
    assert.equal(sharedData.deliver(), 2);
    assert.deepEqual(probe.args("onQueueReady"), [root.id, queue]);
    assert.deepEqual(run([dequeue]), [0]);
    assert.equal(got.text, "one");
  });
});

describe("metrics", () => {
  function define(type: number, name: string): number {
    const id = probe.result();
    assert.deepEqual(run([["proxy_define_metric", type, ...probe.put(name), id.at]]), [0]);
    return id.number;
  }

  test("counters only rise, gauges take both signs, histograms only records", () => {
    const [counter, gauge, histogram] = [define(0, "c"), define(1, "g"), define(2, "h")];
    assert.deepEqual([counter & 3, gauge & 3, histogram & 3], [0, 1, 2]);
    const read = probe.result();
    const { BadArgument, NotFound } = Status;
    const cases: [Operation, number][] = [
      [["proxy_increment_metric", counter, 5n], 0],
      [["proxy_increment_metric", counter, -1n], BadArgument],
      [["proxy_increment_metric", counter, 0n], BadArgument],
      [["proxy_record_metric", counter, 2n], 0],
      [["proxy_increment_metric", gauge, 10n], 0],
      [["proxy_increment_metric", gauge, -3n], 0],
      [["proxy_increment_metric", histogram, 1n], BadArgument],
      [["proxy_record_metric", histogram, 30n], 0],
      [["proxy_record_metric", histogram, 10n], 0],
      [["proxy_increment_metric", counter + 400, 1n], NotFound],
      [["proxy_get_metric", counter, read.at], 0],
      [["proxy_get_metric", histogram, probe.result().at], BadArgument],
      [["proxy_define_metric", 3, ...probe.put("x"), probe.result().at], BadArgument],
    ];
    assert.deepEqual(
      run(cases.map(([operation]) => operation)),
      cases.map(([, status]) => status),
    );
    const { stats } = probe.host;
    assert.deepEqual([stats.counter("c"), stats.gauge("g"), read.number], [7, 7, 7]);
    assert.deepEqual(stats.histogram("h"), { count: 2, sum: 40, min: 10, max: 30 });
    assert.deepEqual(stats.names(), ["c", "g", "h"]);
  });

  test("of one name count together over VMs", () => {
    const stats = new Stats();
    for (let vm = 0; vm < 2; vm++) {
      use({ stats });
      run([["proxy_increment_metric", define(0, "c"), 1n]]);
    }
    assert.equal(stats.counter("c"), 2);
  });
});

describe("calls to other servers", () => {
  const HEADERS: [string, string][] = [
    [":method", "POST"],
    [":path", "/v1/sync"],
    [":authority", "sidecar"],
  ];

  function call(
    cluster: string,
    headers: [string, string][],
    body = "body",
  ): [Operation, () => number] {
    const token = probe.result();
    const operation: Operation = [
      "proxy_http_call",
      ...probe.put(cluster),
      ...probe.put(pairs(...headers)),
      ...probe.put(body),
      0,
      0,
      1000,
      token.at,
    ];
    return [operation, () => token.number];
  }

  test("arrive with headers, body, timeout; the answer can be read in its callback only", () => {
    const [operation, token] = call("sidecar", HEADERS);
    assert.deepEqual(run([operation]), [0]);
    const sent = probe.host.pendingHttpCalls[0]!;
    assert.equal(sent.cluster, "sidecar");
    assert.equal(sent.headers.get(":path"), "/v1/sync");
    assert.equal(sent.headers.get("content-length"), "4");
    assert.equal(Buffer.from(sent.body).toString(), "body");
    assert.equal(sent.timeoutMs, 1000);
    const [status, body] = [probe.result(), probe.result()];
    const script: Operation[] = [
      ["proxy_get_header_map_value", 6, ...probe.put(":status"), ...status.place],
      ["proxy_get_buffer_bytes", 4, 1, 3, ...body.place],
    ];
    probe.on("onHttpCallResponse", script);
    sent.respond(200, [["x-a", "1"]], "table", [["t", "1"]]);
    assert.deepEqual(probe.args("onHttpCallResponse"), [root.id, token(), 2, 5, 1]);
    assert.deepEqual(probe.statuses("onHttpCallResponse"), [0, 0]);
    assert.deepEqual([status.text, body.text], ["200", "abl"]);
    assert.deepEqual(run(script), [Status.BadArgument, Status.NotFound]);
    sent.respond(200);
    assert.equal(probe.calls("onHttpCallResponse"), 1);
  });

  test("that fail have no headers and a status; those in time-out are a 504", () => {
    const [operation, token] = call("sidecar", HEADERS);
    run([operation, operation]);
    const [failing, late] = probe.host.pendingHttpCalls;
    const [code, message] = [probe.result(), probe.result()];
    probe.on("onHttpCallResponse", [
      ["proxy_get_status", code.at, ...message.place],
      ["proxy_get_buffer_bytes", 4, 0, 1, ...probe.result().place],
    ]);
    failing!.fail();
    assert.deepEqual(probe.args("onHttpCallResponse"), [root.id, failing!.token, 0, 0, 0]);
    assert.deepEqual(probe.statuses("onHttpCallResponse"), [0, Status.NotFound]);
    assert.deepEqual([code.number, message.text], [Status.BrokenConnection, "reset"]);
    late!.timeOut();
    assert.deepEqual(probe.args("onHttpCallResponse"), [root.id, token(), 3, 24, 0]);
  });

  test("are refused without needed headers, a known cluster, or a host", () => {
    use({ clusters: ["known", "empty"], onHttpCall: (sent) => sent.cluster !== "empty" });
    const withoutPath = HEADERS.filter(([name]) => name !== ":path");
    assert.deepEqual(
      run([
        call("known", HEADERS)[0],
        call("known", withoutPath)[0],
        call("other", HEADERS)[0],
        call("empty", HEADERS)[0],
      ]),
      [0, Status.BadArgument, Status.BadArgument, Status.InternalFailure],
    );
  });

  test("answered at once are delivered after the callback that made them", () => {
    const seen: number[] = [];
    const onHttpCall = (sent: HttpCall): void => {
      sent.respond(200);
      seen.push(probe.calls("onHttpCallResponse"));
    };
    use({ onHttpCall });
    run([call("sidecar", HEADERS)[0]]);
    assert.deepEqual(seen, [0]);
    assert.equal(probe.calls("onHttpCallResponse"), 1);
  });

  test("made on a stream belong to its root, and to nobody once the root is gone", () => {
    const { stream } = runOnRequest([], [call("sidecar", HEADERS)[0]]);
    const sent = probe.host.pendingHttpCalls[0]!;
    assert.equal(sent.root, root);
    stream.done();
    root.shutdown();
    sent.respond(200);
    assert.equal(probe.calls("onHttpCallResponse"), 0);
  });
});

describe("roots", () => {
  test("that refuse their configuration get nothing more; others of the VM go on", () => {
    probe.on("onConfigure", [], 0);
    const refused = probe.host.newRoot("bad");
    assert.equal(refused.accepted, false);
    refused.tickPeriodMs = 1;
    assert.equal(refused.tick(), false);
    assert.throws(() => probe.host.newStream(refused), /refused/);
    assert.equal(root.tick(), true);
  });

  test("tick as each asked for, also from a stream", () => {
    const other = probe.host.newRoot("other");
    probe.on("onRequestHeaders", [["proxy_set_tick_period_milliseconds", 25]]);
    probe.host.newStream(other).requestHeaders([[":path", "/"]], true);
    assert.deepEqual([root.tickPeriodMs, other.tickPeriodMs], [1, 25]);
    assert.equal(probe.host.tick(other), true);
    assert.deepEqual(probe.args("onTick"), [other.id]);
  });

  test("outlive their streams, then have done and delete", () => {
    const before = probe.host.contextCount;
    const stream = probe.host.newStream(root);
    stream.requestHeaders([[":path", "/"]], true);
    assert.equal(probe.host.contextCount, before + 1);
    root.shutdown();
    assert.equal(probe.calls("onDone"), 0);
    stream.done();
    assert.deepEqual(probe.args("onDone"), [root.id]);
    assert.deepEqual(probe.args("onDelete"), [root.id]);
    assert.equal(probe.host.contextCount, before - 1);
  });

  test("that are not done yet wait for proxy_done and still tick", () => {
    probe.on("onDone", [], 0);
    assert.deepEqual(run([["proxy_done"]]), [Status.NotFound]);
    root.shutdown();
    assert.equal(probe.calls("onDelete"), 0);
    assert.deepEqual(run([["proxy_done"]]), [0]);
    assert.equal(probe.calls("onDelete"), 1);
    assert.equal(root.tick(), false);
  });

  test("an effective context must exist, and ends with the callback", () => {
    const stream = probe.host.newStream(root);
    stream.requestHeaders([["x-a", "1"]], true);
    const set: Operation = ["proxy_set_property", ...probe.put("p"), ...probe.put("v")];
    const statuses = run([set, ["proxy_set_effective_context", 999], set]);
    assert.deepEqual(statuses, [Status.NotFound, Status.BadArgument, Status.NotFound]);
    assert.deepEqual(run([["proxy_set_effective_context", stream.id], set]), [0, 0]);
    assert.deepEqual(run([set]), [Status.NotFound]);
    assert.equal(Buffer.from(stream.filterState!.get("p")!).toString(), "v");
  });
});

describe("time, chance, logs, counters", () => {
  test("come from outside", () => {
    const lines: string[] = [];
    use({
      clock: { nowNs: () => (5n << 32n) + 7n },
      random: () => 0.5,
      log: (level, message) => lines.push(`${level} ${message}`),
    });
    const [time, chance] = [probe.result(), probe.result()];
    const statuses = run([
      ["proxy_get_current_time_nanoseconds", time.at],
      ["random_get", chance.at, 4],
      ["proxy_log", LogLevel.Warn, ...probe.put("h\xc3\xa9")],
      ["proxy_log", LogLevel.Debug, ...probe.put("quiet")],
      ["proxy_log", 6, ...probe.put("no such level")],
      ["proxy_log", LogLevel.Warn, 0x7fffffff, 5],
    ]);
    const { BadArgument, InvalidMemoryAccess } = Status;
    assert.deepEqual(statuses, [0, 0, 0, 0, BadArgument, InvalidMemoryAccess]);
    const words = [time.number, probe.host.memory.u32(time.at + 4)];
    assert.deepEqual(words, [7, 5]);
    assert.equal(chance.number, 0x80808080);
    assert.deepEqual(lines, [`${LogLevel.Warn} h\u00e9`]);
    assert.equal(probe.host.importCalls("proxy_log"), 4);
    assert.equal(probe.host.importCalls("random_get"), 1);
    assert.throws(() => probe.host.importCalls("proxy_clear_route_cache"), /no import/);
  });

  test("a mistake outside of the VM is not taken for a trap", () => {
    const onHttpCall = (): void => {
      throw new Error("a bug of the test");
    };
    use({ onHttpCall });
    const callback: Callback = "onTick";
    const headers = pairs([":method", "GET"], [":path", "/"], [":authority", "a"]);
    probe.on(callback, [
      [
        "proxy_http_call",
        ...probe.put("c"),
        ...probe.put(headers),
        0,
        0,
        0,
        0,
        0,
        probe.result().at,
      ],
    ]);
    assert.throws(() => root.tick(), /a bug of the test/);
    assert.equal(probe.host.failed, false);
  });

  test("foreign functions: Envoy's own, registered ones, none", () => {
    const got = probe.result();
    probe.host.foreignFunctions.set("echo", (argument) => argument);
    const { stream, statuses } = runOnRequest(
      [],
      [
        ["proxy_call_foreign_function", ...probe.put("clear_route_cache"), 0, 0, 0, 0],
        ["proxy_call_foreign_function", ...probe.put("echo"), ...probe.put("hi"), ...got.place],
        ["proxy_call_foreign_function", ...probe.put("none"), 0, 0, 0, 0],
      ],
    );
    assert.deepEqual(statuses, [0, 0, Status.NotFound]);
    assert.equal(stream.routeCacheClears, 1);
    assert.equal(got.text, "hi");
  });
});
