// Request bodies of every size, shape and cut: the same prompt is recognised, and nothing traps.
import assert from "node:assert/strict";
import { test } from "node:test";
import type { Pair, RequestSpec } from "../../../simulator/host/index.js";
import { decisionOf, firstPod, Gateway, type GatewayOptions } from "./support/gateway.js";
import { chat, completion, jsonAnswer } from "./support/messages.js";
import { textOf } from "./support/random.js";

const MIB = 1024 * 1024;
const PATH = "/v1/chat/completions";

/** A chat with everything that can be cut in a bad place: escapes, UTF-8, tools, numbers. */
const CHAT = Buffer.from(
  '{"tools":[{"type":"function","function":{"name":"w\\u00e9ather","parameters":{"a":[1,2.5e3,' +
    'null]}}}],\r\n "messages" : [{"role":"system","content":"Sag\\n\\"j\\" \\ud83d\\ude00"},' +
    '{"content":[{"type":"text","text":"Zoë 😀 fragt \\\\ nach"},{"type":"image_url","image_url":' +
    '{"url":"http://x/y.png"}}],"role":"user"}],"max_tokens":16,"stream":false,"model":"m"}',
);

function whole(body: string | Uint8Array, path = PATH): RequestSpec {
  return { path, bodyChunks: [body] };
}

/** What a repeated request is matched to; sends it once before. */
function learn(gateway: Gateway, request: RequestSpec): { pod: string; cached: number } {
  assert.equal(decisionOf(gateway.send(request)).reason, "cold");
  const result = gateway.send(request);
  const { reason, cached, pod } = decisionOf(result);
  assert.equal(reason, "prefix");
  assert.ok(cached > 0);
  return { pod, cached };
}

/** The request is recognised as the one that was learned, and reaches the pod unchanged. */
function assertKnown(
  gateway: Gateway,
  request: RequestSpec,
  known: { pod: string; cached: number },
  title: string,
): void {
  const result = gateway.send(request);
  const { reason, cached, pod } = decisionOf(result);
  assert.deepEqual({ reason, cached, pod }, { reason: "prefix", ...known }, title);
  assert.equal(firstPod(result), known.pod, title);
  const sent = Buffer.concat((request.bodyChunks ?? []).map((chunk) => Buffer.from(chunk)));
  assert.equal(result.upstreamBody, sent.toString("utf8"), title);
}

test("a body may be cut at any byte", () => {
  const gateway = new Gateway({ pods: 4 });
  const known = learn(gateway, whole(CHAT));
  for (let at = 0; at <= CHAT.length; at++) {
    const bodyChunks = [CHAT.subarray(0, at), CHAT.subarray(at)];
    assertKnown(gateway, { path: PATH, bodyChunks }, known, `cut at ${at}`);
  }
});

test("a body may come byte by byte, end in a frame of its own, or be followed by trailers", () => {
  const gateway = new Gateway({ pods: 4 });
  const known = learn(gateway, whole(CHAT));
  const bytes = Array.from(CHAT, (_, at) => CHAT.subarray(at, at + 1));
  const trailers: Pair[] = [["x-checksum", "1"]];
  const shapes: [string, RequestSpec][] = [
    ["bytes", { path: PATH, bodyChunks: bytes }],
    ["end apart", { ...whole(CHAT), endsApart: true }],
    [
      "bytes, end apart, chunked",
      { path: PATH, bodyChunks: bytes, endsApart: true, isChunked: true },
    ],
    ["trailers", { ...whole(CHAT), trailers }],
    ["bytes, trailers", { path: PATH, bodyChunks: bytes, trailers }],
    [
      "empty chunks between",
      { path: PATH, bodyChunks: ["", CHAT.subarray(0, 9), "", CHAT.subarray(9)] },
    ],
  ];
  for (const [title, request] of shapes) assertKnown(gateway, request, known, title);
});

test("another spelling of the same prompt is the same prompt", () => {
  const gateway = new Gateway({ pods: 4 });
  const plain = '{"model":"m","messages":[{"role":"user","content":"Zoë asks: 1/2?"}]}';
  const known = learn(gateway, whole(plain));
  const spellings = [
    '{ "messages" : [ { "content" : "Zo\\u00eb asks: 1\\/2?" , "role":"user" } ] , "model":"m" }',
    '{"model":"m","messages":[{"content":[{"type":"text","text":"Zoë asks: 1/2?"}],' +
      '"role":"user"}]}',
    '{"temperature":0.5,"messages":[{"role":"\\u0075ser","content":"Zoë asks: 1/2?"}],"model":"m"}',
  ];
  for (const body of spellings) assertKnown(gateway, whole(body), known, body);
});

const LONG = textOf(1, 3000);
const FORMATS: [path: string, body: Record<string, unknown>][] = [
  ["/v1/completions", { model: "m", prompt: LONG }],
  ["/v1/completions", { model: "m", prompt: [LONG, "another"] }],
  ["/v1/completions", { model: "m", prompt: Array.from({ length: 700 }, (_, i) => i * 3) }],
  ["/v1/completions", { model: "m", prompt: [Array.from({ length: 700 }, (_, i) => i), [5, 6]] }],
  [PATH, { model: "m", messages: [{ role: "user", content: LONG }] }],
  ["/v1/responses", { model: "m", instructions: "Be short.", input: LONG }],
  ["/v1/responses", { model: "m", input: [{ role: "user", content: LONG }] }],
  ["/v1/messages", { model: "m", system: LONG, messages: [{ role: "user", content: "hi" }] }],
  ["/generate", { prompt: LONG }],
];

for (const [path, body] of FORMATS) {
  test(`the prompt of ${path} is read: ${JSON.stringify(body).slice(0, 60)}…`, () => {
    const gateway = new Gateway({ pods: 4 });
    const known = learn(gateway, whole(JSON.stringify(body), path));
    // 3,000 bytes at 4 to a token, or 700 token ids; the rest is a few words.
    assert.ok(known.cached >= 690 && known.cached <= 780, `${known.cached}`);
    assertKnown(gateway, whole(JSON.stringify(body), `${path}?trace=1`), known, "with a query");
  });
}

test("a prompt of token ids has exactly as many tokens", () => {
  const gateway = new Gateway();
  const prompt = Array.from({ length: 1234 }, (_, i) => (i * 7919) % 150_000);
  gateway.send(completion(prompt));
  assert.equal(gateway.counter("prompt_tokens"), 1234);
});

test("a list of prompts weighs as all of them together", () => {
  const gateway = new Gateway();
  gateway.send(completion([textOf(1, 4000), textOf(2, 8000), textOf(3, 400)]));
  assert.equal(gateway.counter("prompt_tokens"), 12_400 / 4);
});

test("embeddings have a backlog, and leave nothing in the cache", () => {
  const gateway = new Gateway({ pods: 1, config: { pollIntervalMs: 10 } });
  const request = whole(JSON.stringify({ model: "m", input: textOf(1, 80_000) }), "/v1/embeddings");
  const open = gateway.send(request, null);
  gateway.advance(20);
  assert.equal(gateway.sidecar.lastReport("default").json.pods[0]?.backlogTokens, 20_000);
  open.stream.done();
  assert.deepEqual(decisionOf(gateway.send(request)).reason, "cold");
});

test("of repeated keys the last wins", () => {
  const gateway = new Gateway({ pods: 4 });
  const [a, b] = [textOf(1, 2000), textOf(2, 2000)];
  const known = learn(gateway, completion(b));
  const body = `{"model":"m","prompt":${JSON.stringify(a)},"prompt":${JSON.stringify(b)}}`;
  assertKnown(gateway, whole(body, "/v1/completions"), known, "prompt twice");
});

test("prompts of other models and other cache salts are other prompts", () => {
  const gateway = new Gateway({ pods: 4 });
  const prompt = textOf(1, 2000);
  learn(gateway, completion(prompt));
  for (const rest of [{ model: "n" }, { cache_salt: "s" }, { model: "M" }]) {
    assert.equal(decisionOf(gateway.send(completion(prompt, rest))).reason, "cold");
  }
});

const DEEP = 10_000;
const ODD: [title: string, body: string | Uint8Array, reason: RegExp][] = [
  [
    "JSON that ends early",
    '{"model":"m","messages":[{"role":"user","content":"abc',
    /^fallback-json$/,
  ],
  ["JSON that ends in an escape", '{"prompt":"a\\u00', /^fallback-json$/],
  ["10,000 arrays", `{"prompt":${"[".repeat(DEEP)}${"]".repeat(DEEP)}}`, /^fallback-json$/],
  ["10,000 objects", `${'{"a":'.repeat(DEEP)}1${"}".repeat(DEEP)}`, /^fallback-json$/],
  ["text after the end", '{"prompt":"a"} x', /^fallback-json$/],
  ["no JSON at all", "model=m&prompt=a", /^fallback-json$/],
  ["zeros", new Uint8Array(5000), /^fallback-json$/],
  ["an array", "[1,2,3]", /^no-prompt$/],
  ["a string", '"prompt"', /^no-prompt$/],
  ["a number", "12", /^(no-prompt|fallback-json)$/],
  ["an empty object", "{}", /^no-prompt$/],
  ["no messages", '{"model":"m","messages":[]}', /^no-prompt$/],
  [
    "an empty prompt",
    '{"model":"m","messages":[{"role":"user","content":""}]}',
    /^(cold|no-prompt)$/,
  ],
  ["messages that are none", '{"messages":[1,null,"a",[[]],{"role":5,"content":7}]}', /./],
  ["content that is none", '{"messages":[{"role":"user","content":{"a":1}}]}', /./],
  ["a model that is a number", '{"model":7,"messages":[{"role":"user","content":"hi"}]}', /^cold$/],
  [
    "a model that is an object",
    '{"model":{},"messages":[{"role":"user","content":"h"}]}',
    /^cold$/,
  ],
  ["null everywhere", '{"model":null,"messages":null,"tools":null,"stream":null}', /^no-prompt$/],
  [
    "huge numbers",
    '{"max_tokens":1e400,"n":-1e999,"prompt":"a","messages":[{"content":"a"}]}',
    /^cold$/,
  ],
  [
    "a number of 24 digits",
    '{"max_tokens":999999999999999999999999,"messages":[{"content":"a"}]}',
    /^cold$/,
  ],
  ["a number of 5,000 digits", `{"max_tokens":${"9".repeat(5000)}}`, /^fallback-json$/],
  ["a number below 0", '{"max_tokens":-5,"messages":[{"content":"a"}]}', /^cold$/],
  ["a key of 5,000 bytes", `{"${"k".repeat(5000)}":1,"messages":[{"content":"a"}]}`, /^cold$/],
  ["control characters", '{"messages":[{"content":"a\u0001\u0000\tb"}]}', /^cold$/],
  ["a lone surrogate", '{"messages":[{"content":"\\ud83d x"}]}', /^cold$/],
];

for (const [title, body, reason] of ODD) {
  test(`passes, and traps nothing: ${title}`, () => {
    const gateway = new Gateway();
    const result = gateway.send(whole(body));
    assert.match(decisionOf(result).reason, reason);
    assert.match(result.destinationHeader!, /^10\.0\.0\.\d:8000,/);
    assert.equal(result.upstreamBody, Buffer.from(body).toString("utf8"));
    // Each path, byte by byte: whatever a state machine may make of it.
    for (const [path] of [...FORMATS, ["/v1/embeddings"] as const]) {
      const bytes = Buffer.from(body).subarray(0, 600);
      const bodyChunks = Array.from(bytes, (_, at) => bytes.subarray(at, at + 1));
      assert.notEqual(gateway.send({ path, bodyChunks }).destinationHeader, null);
    }
    assert.equal(gateway.inFlight, 0);
    assert.equal(gateway.hasFailed, false);
  });
}

test("invalid UTF-8 is hashed as it is", () => {
  const gateway = new Gateway({ pods: 4 });
  const text = Buffer.alloc(2000, 0xfe);
  text.fill(0xc3, 1000);
  const body = Buffer.concat([Buffer.from('{"prompt":"'), text, Buffer.from('"}')]);
  gateway.send(whole(body, "/v1/completions"));
  const again = decisionOf(gateway.send(whole(body, "/v1/completions")));
  assert.deepEqual([again.reason, again.cached], ["prefix", 500]);
});

test("every prefix of a body traps nothing", () => {
  const gateway = new Gateway();
  for (let size = 0; size < CHAT.length; size++) gateway.send(whole(CHAT.subarray(0, size)));
  assert.equal(gateway.count("fallback-json") + gateway.count("no-prompt"), CHAT.length);
  assert.equal(gateway.count("no-prompt"), 1);
});

test("a body without a byte goes by load", () => {
  const gateway = new Gateway();
  const post: RequestSpec = { path: PATH, headers: [["content-type", "application/json"]] };
  for (const request of [post, whole(""), { ...whole(""), endsApart: true }]) {
    assert.equal(decisionOf(gateway.send(request)).reason, "no-prompt");
  }
});

const JSON_POST: Pair = ["content-type", "application/json"];
const QUESTION = '{"messages":[{"role":"user","content":"hi"}]}';
const NOT_HELD: [title: string, request: RequestSpec][] = [
  ["GET", { method: "GET", path: PATH, headers: [JSON_POST], bodyChunks: [QUESTION] }],
  ["PUT", { method: "PUT", path: PATH, bodyChunks: [QUESTION] }],
  [
    "a WebSocket upgrade",
    { method: "GET", path: "/v1/realtime", headers: [["upgrade", "websocket"]], bodyChunks: ["x"] },
  ],
  ["an upgrade by POST", { ...whole(QUESTION), headers: [JSON_POST, ["upgrade", "h2c"]] }],
  ["gRPC", { ...whole(QUESTION), headers: [["content-type", "application/grpc"]] }],
  ["gRPC with JSON", { ...whole(QUESTION), headers: [["content-type", "application/grpc+json"]] }],
  [
    "multipart audio",
    {
      path: "/v1/audio/transcriptions",
      headers: [["content-type", "multipart/form-data; boundary=b"]],
      bodyChunks: ["--b\r\n", "RIFF", "--b--"],
    },
  ],
  [
    "multipart to a known path",
    { ...whole("--b"), headers: [["content-type", "multipart/mixed"]] },
  ],
  ["no content type", { ...whole(QUESTION), headers: [["content-type", ""]] }],
  [
    "a type that begins alike",
    { ...whole(QUESTION), headers: [["content-type", "application/jsonl"]] },
  ],
  ["gzip", { ...whole(QUESTION), headers: [JSON_POST, ["content-encoding", "gzip"]] }],
  ["an unknown path", whole(QUESTION, "/v1/unknown")],
  ["a path that goes on", whole(QUESTION, `${PATH}/x`)],
  ["/tokenize", whole('{"prompt":"hi"}', "/tokenize")],
  ["a path in capitals", whole(QUESTION, PATH.toUpperCase())],
];

for (const [title, request] of NOT_HELD) {
  test(`not held, and routed by load: ${title}`, () => {
    const gateway = new Gateway();
    const result = gateway.send(request, jsonAnswer());
    assert.equal(result.requestActions[0], 0);
    assert.equal(decisionOf(result).reason, "no-prompt");
    assert.match(result.destinationHeader!, /^10\.0\.0\.\d:8000,10\.0\.0\.\d:8000$/);
    assert.equal(gateway.report().json.index.nodes, 0);
  });
}

test("a content type with parameters, in any case, is held", () => {
  const gateway = new Gateway();
  for (const type of [
    "application/json; charset=utf-8",
    "Application/JSON",
    "application/json ;a=b",
  ]) {
    const result = gateway.send({ ...whole(QUESTION), headers: [["content-type", type]] });
    assert.equal(result.requestActions[0], 1, type);
  }
});

/** Sends a body in chunks of 64 KiB and looks when the request was let go. */
function stream(gateway: Gateway, body: Buffer): { bytesAtRelease: number; bytesSent: number } {
  const { host, root } = gateway.vms[0]!;
  const one = host.newStream(root);
  const headers: Pair[] = [[":method", "POST"], [":path", PATH], JSON_POST];
  one.requestHeaders(headers, false);
  let bytesAtRelease = -1;
  for (let at = 0; at < body.length; at += 65536) {
    const end = Math.min(at + 65536, body.length);
    one.requestBody(body.subarray(at, end), end === body.length);
    if (one.continued && bytesAtRelease < 0) bytesAtRelease = end;
    assert.ok((one.request.held?.length ?? 0) <= 8 * MIB + 65536);
  }
  assert.equal(host.error, null);
  const bytesSent = one.upstream.bodyBytes;
  one.upstreamAddress = one.upstream.headers!.get("x-gateway-destination-endpoint")!.split(",")[0]!;
  one.responseHeaders([[":status", "200"]], true);
  one.done();
  return { bytesAtRelease, bytesSent };
}

function big(seed: number, bytes: number): Buffer {
  const start = '{"model":"m","messages":[{"role":"user","content":"';
  const text = textOf(seed, 100_000);
  const body = start + text.repeat(Math.ceil(bytes / text.length));
  return Buffer.from(`${body.slice(0, bytes - 4)}"}]}`);
}

const OPTIONS: GatewayOptions = { pods: 4 };

test("a body of 5 MB is held to its end and recognised", () => {
  const gateway = new Gateway(OPTIONS);
  const body = big(1, 5_000_000);
  const memory: number[] = [];
  for (let i = 0; i < 3; i++) {
    assert.deepEqual(stream(gateway, body), {
      bytesAtRelease: body.length,
      bytesSent: body.length,
    });
    memory.push(gateway.vms[0]!.host.memoryBytes);
  }
  assert.equal(gateway.count("cold"), 1);
  assert.equal(gateway.count("prefix"), 2);
  assert.equal(memory[2], memory[0]);
});

test("of a body of 20 MB the first 8 MiB decide, the rest streams, and memory stays", () => {
  const gateway = new Gateway(OPTIONS);
  const [body, other] = [big(1, 20_000_000), big(2, 20_000_000)];
  // The piece that goes beyond the bound tells that there is more.
  const bytes = { bytesAtRelease: 8 * MIB + 65536, bytesSent: body.length };
  assert.deepEqual(stream(gateway, body), bytes);
  const memoryBytes = gateway.vms[0]!.host.memoryBytes;
  assert.deepEqual(stream(gateway, body), bytes);
  assert.deepEqual(stream(gateway, other), bytes);
  assert.equal(gateway.count("prefix"), 1);
  assert.equal(gateway.count("cold"), 2);
  assert.equal(gateway.vms[0]!.host.memoryBytes, memoryBytes);
  assert.equal(gateway.inFlight, 0);
});

test("a prompt that was cut at maxBodyBytes is known by what was scanned of it", () => {
  const gateway = new Gateway({ pods: 4, config: { maxBodyBytes: 65_536 } });
  const text = textOf(1, 200_000);
  gateway.send(chat(text, "one"));
  const { reason, cached } = decisionOf(gateway.send(chat(text, "two")));
  assert.equal(reason, "prefix");
  assert.ok(cached > 14_000 && cached <= 65_536 / 4, `${cached}`);
});
