// Models on the built filter: aliases, shares, rewritten bodies, refusals, the list for clients.
import assert from "node:assert/strict";
import { test } from "node:test";
import type { RequestResult, RequestSpec } from "../../../simulator/host/index.js";
import { decisionOf, firstPod, Gateway } from "./support/gateway.js";
import { chat, completion } from "./support/messages.js";
import type { ModelsSpec } from "./support/models-section.js";
import { randomFrom, textOf } from "./support/random.js";

const RENAME: ModelsSpec = { models: [{ name: "qwq", targets: ["qwq-32b"] }] };
const CLOSED: ModelsSpec = { ...RENAME, isClosed: true };
const CANARY: ModelsSpec = {
  models: [
    {
      name: "app",
      targets: [
        ["v1", 90],
        ["v2", 10],
      ],
    },
  ],
};

/** A completion for a model; more keys stand behind it. */
function ask(model: unknown, prompt: unknown = "hi", rest: Record<string, unknown> = {}) {
  return completion(prompt, { ...rest, model });
}

function raw(body: string, path = "/v1/completions"): RequestSpec {
  return { path, bodyChunks: [body] };
}

function errorOf(result: RequestResult): Record<string, unknown> {
  return (JSON.parse(result.responseBody) as { error: Record<string, unknown> }).error;
}

function modelOf(result: RequestResult): string {
  return (JSON.parse(result.upstreamBody) as { model: string }).model;
}

test("an alias reaches the pod under its target's name, all else as it was", () => {
  const gateway = new Gateway({ models: RENAME });
  const body = '{ "x" : "\\u0041",\n"model" :\t"qwq" , "prompt":"hé, \\"model\\":\\"qwq\\"" }';
  const result = gateway.send(raw(body));
  const expected = body.replace(':\t"qwq"', ':\t"qwq-32b"');
  assert.equal(result.upstreamBody, expected);
  const length = result.stream.upstream.headers!.get("content-length");
  assert.equal(length, String(Buffer.byteLength(expected)));
  assert.equal(decisionOf(result).reason, "cold");
  assert.equal(gateway.counter("rewritten"), 1);
});

test("of repeated models the last is the one that counts, and that is rewritten", () => {
  const gateway = new Gateway({ models: RENAME });
  const result = gateway.send(raw('{"model":"a","prompt":"x","model":"qwq"}'));
  assert.equal(result.upstreamBody, '{"model":"a","prompt":"x","model":"qwq-32b"}');
  const other = gateway.send(raw('{"model":"qwq","prompt":"x","model":"a"}'));
  assert.equal(other.upstreamBody, '{"model":"qwq","prompt":"x","model":"a"}');
});

test("a name is known in any JSON spelling", () => {
  const gateway = new Gateway({ models: { models: [{ name: "a/qwq", targets: ["q"] }] } });
  for (const spelled of ['"a/qwq"', '"a\\/qwq"', '"\\u0061\\/q\\u0077q"']) {
    const result = gateway.send(raw(`{"model":${spelled},"prompt":"x"}`));
    assert.equal(result.upstreamBody, '{"model":"q","prompt":"x"}');
  }
});

test("without a content-length none is added", () => {
  const gateway = new Gateway({ models: RENAME });
  const result = gateway.send({ ...ask("qwq"), isChunked: true, endsApart: true });
  assert.equal(modelOf(result), "qwq-32b");
  assert.equal(result.stream.upstream.headers!.get("content-length"), undefined);
});

test("a body with trailers is rewritten too", () => {
  const gateway = new Gateway({ models: RENAME });
  const result = gateway.send({ ...ask("qwq"), trailers: [["x-end", "1"]] });
  assert.equal(modelOf(result), "qwq-32b");
});

test("what needs no other name passes byte for byte, and no buffer is written", () => {
  const models: ModelsSpec = {
    isClosed: true,
    models: [{ name: "/model/qwen", targets: ["/model/qwen"] }, { name: "served" }],
  };
  const gateway = new Gateway({ models });
  for (const model of ["\\/model\\/qwen", "/model/qwen", "served"]) {
    const body = `{"prompt": "x",  "model" : "${model}"}`;
    const result = gateway.send(raw(body));
    assert.equal(result.upstreamBody, body);
  }
  assert.equal(gateway.counter("rewritten"), 0);
});

/** Bodies whose model lies at the front, in the middle, at the end, and across pages of 64 KiB. */
function bodies(): string[] {
  const page = 64 * 1024;
  const at = (before: number, after: number): string => {
    const head = `{"prompt":"${"p".repeat(before)}","model":"qwq"`;
    return `${head},"user":"${"u".repeat(after)}"}`;
  };
  const fixed = '{"prompt":"","model":'.length;
  const edges = [-7, -6, -5, -4, -3, -2, -1, 0, 1].map((d) => at(page - fixed + d, 10));
  const late = [-5, -3, -1, 0].map((d) => at(2 * page - fixed + d, 3 * page));
  return [at(0, 0), at(10, 200_000), at(200_000, 0), at(300_000, 300_000), ...edges, ...late];
}

test("the rewrite is right wherever the name lies, in any chunking", () => {
  const random = randomFrom(7);
  const gateway = new Gateway({ models: RENAME });
  for (const body of bodies()) {
    const expected = body.replace('"model":"qwq"', '"model":"qwq-32b"');
    for (const most of [1 << 30, 70_000, 16_384]) {
      const chunks: string[] = [];
      for (let from = 0; from < body.length;) {
        const size = 1 + Math.floor(random() * Math.min(most, body.length));
        chunks.push(body.slice(from, from + size));
        from += size;
      }
      const result = gateway.send({ path: "/v1/completions", bodyChunks: chunks });
      assert.equal(result.upstreamBody === expected, true, `${body.length} in ${chunks.length}`);
      const length = result.stream.upstream.headers!.get("content-length");
      assert.equal(length, String(expected.length));
    }
  }
});

test("a small body split at every byte is rewritten, to a shorter name and to a longer", () => {
  const models: ModelsSpec = {
    models: [
      { name: "long-name", targets: ["s"] },
      { name: "s2", targets: ["n".repeat(256)] },
    ],
  };
  const gateway = new Gateway({ models });
  for (const [from, to] of [
    ["long-name", "s"],
    ["s2", "n".repeat(256)],
  ]) {
    const body = `{"prompt":"x","model":"${from}"}`;
    for (let at = 1; at < body.length; at++) {
      const bodyChunks = [body.slice(0, at), body.slice(at)];
      const result = gateway.send({ path: "/v1/completions", bodyChunks });
      assert.equal(result.upstreamBody, `{"prompt":"x","model":"${to}"}`);
    }
  }
});

test("an alias and its target share what the pods hold", () => {
  const gateway = new Gateway({ pods: 8, models: RENAME });
  const text = textOf(1, 4000);
  const pod = firstPod(gateway.send(ask("qwq", text)));
  const direct = gateway.send(ask("qwq-32b", text));
  assert.deepEqual([firstPod(direct), decisionOf(direct).reason], [pod, "prefix"]);
  assert.equal(decisionOf(gateway.send(ask("other", text))).cached, 0);
});

test("shares hold within 1 % over 100,000 conversations, and each stays where it is", () => {
  const gateway = new Gateway({ models: CANARY });
  const counts = new Map<string, number>();
  const first: string[] = [];
  const total = 100_000;
  for (let i = 0; i < total; i++) {
    const model = modelOf(gateway.send(ask("app", "x", { user: `u${i}` })));
    counts.set(model, (counts.get(model) ?? 0) + 1);
    if (i < 500) first.push(model);
  }
  assert.ok(Math.abs(counts.get("v1")! / total - 0.9) < 0.01, JSON.stringify([...counts]));
  assert.equal(counts.get("v1")! + counts.get("v2")!, total);
  for (const [i, model] of first.entries()) {
    assert.equal(modelOf(gateway.send(ask("app", `turn 2 of ${i}`, { user: `u${i}` }))), model);
  }
});

test("without a name of its own, a conversation is its system prompt and first question", () => {
  const gateway = new Gateway({ models: CANARY });
  const seen = new Set<string>();
  for (let i = 0; i < 60; i++) {
    const send = (messages: object[]): string =>
      modelOf(
        gateway.send(raw(JSON.stringify({ messages, model: "app" }), "/v1/chat/completions")),
      );
    const start = [
      { role: "system", content: `s${i}` },
      { role: "user", content: "q" },
    ];
    const model = send(start);
    seen.add(model);
    const next = [...start, { role: "assistant", content: "a" }, { role: "user", content: "more" }];
    assert.equal(send(next), model);
  }
  assert.deepEqual([...seen].sort(), ["v1", "v2"]);
});

test("a new weight moves only the share that it must", () => {
  const gateway = new Gateway({ models: CANARY });
  const total = 4000;
  const all = (): string[] =>
    Array.from({ length: total }, (_, i) =>
      modelOf(gateway.send(ask("app", "x", { prompt_cache_key: `c${i}` }))),
    );
  const before = all();
  const targets = [
    ["v1", 90],
    ["v2", 30],
  ] as const;
  gateway.sidecar.models.set("default", { models: [{ name: "app", targets }] });
  gateway.advance(60);
  const after = all();
  const moved = before.filter((model, i) => model !== after[i]).length;
  assert.equal(
    before.some((model, i) => model === "v2" && after[i] === "v1"),
    false,
  );
  // From a share of 0.1 to one of 0.25.
  assert.ok(Math.abs(moved / total - 0.15) < 0.02, String(moved));
});

test("weight 0 is never chosen, unless all are 0: then all are equal", () => {
  const targets = [
    ["a", 0],
    ["b", 5],
  ] as const;
  const even = targets.map(([name]) => [name, 0] as const);
  const gateway = new Gateway({
    models: {
      models: [
        { name: "x", targets },
        { name: "y", targets: even },
      ],
    },
  });
  const seen = (model: string): string[] => {
    const names = Array.from({ length: 200 }, (_, i) =>
      modelOf(gateway.send(ask(model, "p", { user: String(i) }))),
    );
    return [...new Set(names)].sort();
  };
  assert.deepEqual(seen("x"), ["b"]);
  assert.deepEqual(seen("y"), ["a", "b"]);
});

test("the rule for all names takes what no other entry, target or adapter is", () => {
  const models: ModelsSpec = {
    isClosed: true,
    models: [{ name: "a", targets: ["b"] }, { name: "c" }, { name: null, targets: ["d"] }],
    adapters: [{ name: "e", endpoints: [] }],
  };
  const gateway = new Gateway({ models });
  const names = ["a", "b", "c", "d", "e", "f", ""];
  assert.deepEqual(
    names.map((name) => modelOf(gateway.send(ask(name)))),
    ["b", "b", "c", "d", "e", "d", "d"],
  );
});

test("an unknown model in a closed pool is answered 404 as OpenAI does", () => {
  const gateway = new Gateway({ models: CLOSED });
  const result = gateway.send(ask("nope"));
  assert.equal(result.localResponse!.status, 404);
  assert.equal(result.stream.continued, false);
  assert.equal(result.responseHeadersSeen!.get("content-type"), "application/json");
  assert.deepEqual(JSON.parse(result.responseBody), {
    error: {
      message: "The model `nope` does not exist.",
      type: "invalid_request_error",
      param: "model",
      code: "model_not_found",
    },
  });
  assert.equal(result.localResponse!.details, "warmroute_unknown_model");
  assert.equal(result.responseHeadersSeen!.get("x-warmroute-decision"), UNKNOWN);
  assert.equal(gateway.count("unknown-model"), 1);
  assert.equal(gateway.counter("fallbacks"), 0);
  assert.deepEqual(gateway.report().json.reasons, { "unknown-model": 1 });
  assert.equal(gateway.inFlight, 0);
  for (const model of ["qwq", "qwq-32b"]) {
    assert.equal(gateway.send(ask(model)).localResponse, null);
  }
});
const UNKNOWN = "pod=-;reason=unknown-model;cached=0;eta=0";

test("and as Anthropic does on its path", () => {
  const gateway = new Gateway({ models: CLOSED });
  const body = JSON.stringify({ model: "nope", messages: [{ role: "user", content: "x" }] });
  const result = gateway.send(raw(body, "/v1/messages"));
  assert.equal(result.localResponse!.status, 404);
  assert.deepEqual(JSON.parse(result.responseBody), {
    type: "error",
    error: { type: "not_found_error", message: "The model `nope` does not exist." },
  });
});

const NAMES: [string, string][] = [
  ['a"b\\c\n\u0000', 'a"b\\c\n\u0000'],
  ["caf\u00e9 \u{1f600}", "caf\u00e9 \u{1f600}"],
  ["x".repeat(1000), "x".repeat(256)],
  ["x".repeat(255) + "\u00e9", "x".repeat(255) + "\ufffd"],
  ["\ud800z", "\ufffd\ufffd\ufffdz"],
];
for (const [name, told] of NAMES) {
  test(`the refusal is JSON whatever the name: ${JSON.stringify(name).slice(0, 30)}`, () => {
    const gateway = new Gateway({ models: CLOSED });
    const result = gateway.send(ask(name));
    assert.equal(result.localResponse!.status, 404);
    assert.equal(errorOf(result)["message"], `The model \`${told}\` does not exist.`);
  });
}

test("a name that is longer than any in a table is no name, though its start is one", () => {
  const name = "n".repeat(256);
  const gateway = new Gateway({ models: { isClosed: true, models: [{ name }] } });
  assert.equal(gateway.send(ask(name)).localResponse, null);
  assert.equal(gateway.send(ask(`${name}n`)).localResponse!.status, 404);
});

test("a name of megabytes is one that nobody has, though only its start is kept", () => {
  // A small index, so that little memory lies behind what is kept of the request.
  const config = { indexMiB: 1, maxBodyBytes: 16 << 20 };
  const gateway = new Gateway({ models: CLOSED, config });
  for (const bytes of [1 << 12, 1 << 16, 1 << 20, 15 << 20]) {
    const result = gateway.send(ask("x".repeat(bytes)));
    assert.equal(result.localResponse!.status, 404);
  }
});

test("an open pool, a missing model and broken JSON go on to a pod", () => {
  const open = new Gateway({ models: RENAME });
  assert.equal(modelOf(open.send(ask("nope"))), "nope");
  const closed = new Gateway({ models: CLOSED });
  const odd = [
    '{"prompt":"x"}',
    '{"model":7,"prompt":"x"}',
    '{"model":null,"prompt":"x"}',
    // vLLM takes an empty name for the model that it serves.
    '{"model":"","prompt":"x"}',
    '{"model":"nope","prompt":"x"',
    "[",
  ];
  for (const body of odd) {
    const result = closed.send(raw(body));
    assert.deepEqual([result.upstreamBody, result.localResponse], [body, null]);
    assert.notEqual(result.destinationHeader, null);
  }
});

test("413 where the name must be rewritten in a body beyond the bound, and not below it", () => {
  const config = { maxBodyBytes: 2000 };
  const gateway = new Gateway({ models: RENAME, config });
  const sized = (model: string, bytes: number): RequestSpec => {
    const body = `{"model":"${model}","prompt":""}`;
    return raw(body.replace('""', `"${"p".repeat(bytes - body.length)}"`));
  };
  const fits = gateway.send(sized("qwq", 2000));
  assert.equal(modelOf(fits), "qwq-32b");
  const over = gateway.send(sized("qwq", 2001));
  assert.equal(over.localResponse!.status, 413);
  assert.equal(errorOf(over)["code"], "request_too_large");
  assert.match(String(errorOf(over)["message"]), /rewritten.*limited to 2000 bytes/);
  assert.equal(gateway.count("too-large"), 1);
  const direct = gateway.send(sized("qwq-32b", 5000));
  assert.deepEqual([direct.localResponse, direct.upstreamBody.length], [null, 5000]);
  // Its model is behind what is read, so it may be one to rewrite.
  const late = gateway.send(raw(`{"prompt":"${"p".repeat(3000)}","model":"other"}`));
  assert.equal(late.localResponse!.status, 413);
  assert.equal(gateway.inFlight, 0);
});

test("a body of just the bound is rewritten, in whatever way its end comes", () => {
  const gateway = new Gateway({ models: RENAME, config: { maxBodyBytes: 2000 } });
  const rest = `{"model":"qwq","prompt":""}`.length;
  const spec = ask("qwq", "p".repeat(2000 - rest));
  const ways: Partial<RequestSpec>[] = [
    {},
    { endsApart: true },
    { isChunked: true, endsApart: true },
    { trailers: [["x-end", "1"]] },
  ];
  for (const way of ways) {
    const result = gateway.send({ ...spec, ...way });
    assert.deepEqual([result.localResponse, modelOf(result)], [null, "qwq-32b"]);
  }
  assert.equal(gateway.counter("rewritten"), ways.length);
});

test("a long body without aliases in the pool streams as before", () => {
  const gateway = new Gateway({
    models: { models: [{ name: "a" }] },
    config: { maxBodyBytes: 2000 },
  });
  const body = `{"prompt":"${"p".repeat(3000)}","model":"other"}`;
  const result = gateway.send(raw(body));
  assert.deepEqual([result.localResponse, result.upstreamBody], [null, body]);
});

test("415 for a compressed body where models must be read, and only there", () => {
  const headers = [["content-encoding", "gzip"]] as const;
  for (const models of [RENAME, CLOSED]) {
    const gateway = new Gateway({ models });
    const result = gateway.send({ ...ask("qwq"), headers });
    assert.equal(result.localResponse!.status, 415);
    assert.equal(errorOf(result)["code"], "unsupported_content_encoding");
    assert.equal(gateway.count("encoded"), 1);
    const other = gateway.send({ ...ask("qwq"), headers, path: "/tokenize" });
    assert.equal(other.localResponse, null);
    const plain = gateway.send({ ...ask("qwq"), headers: [["content-encoding", "identity"]] });
    assert.equal(modelOf(plain), "qwq-32b");
  }
  const open = new Gateway({ models: { models: [{ name: "a" }] } });
  assert.equal(open.send({ ...ask("qwq"), headers }).localResponse, null);
});

test("the list of models is answered for every client that asks", () => {
  const list = [{ id: "qwq", object: "model" }, { id: "caf\u00e9" }];
  const gateway = new Gateway({ models: { ...RENAME, list } });
  for (const path of ["/v1/models", "/v1/models?limit=1"]) {
    const result = gateway.send({ method: "GET", path });
    assert.equal(result.localResponse!.status, 200);
    assert.equal(result.responseHeadersSeen!.get("content-type"), "application/json");
    assert.deepEqual(JSON.parse(result.responseBody), { object: "list", data: list });
  }
  assert.equal(gateway.count("model-list"), 2);
  for (const [method, path] of [
    ["GET", "/v1/models/qwq"],
    ["HEAD", "/v1/models"],
    ["POST", "/v1/models"],
  ] as const) {
    assert.equal(gateway.send({ method, path }).localResponse, null);
  }
  assert.equal(gateway.inFlight, 0);
});

test("a client that asks for the list over and over takes no memory", () => {
  // A small index, so that what is taken soon shows. No time passes, so nothing is collected.
  const config = { indexMiB: 1 };
  const gateway = new Gateway({ models: { ...RENAME, list: [{ id: "m".repeat(5000) }] }, config });
  const { host } = gateway.vms[0]!;
  const askOften = (times: number): void => {
    for (let i = 0; i < times; i++) gateway.send({ method: "GET", path: "/v1/models" });
  };
  askOften(100);
  const before = host.memoryBytes;
  askOften(40_000);
  assert.equal(host.memoryBytes, before);
});

test("where no list is known a pod answers", () => {
  const gateway = new Gateway({ models: RENAME });
  const result = gateway.send({ method: "GET", path: "/v1/models" });
  assert.deepEqual([result.localResponse, decisionOf(result).reason], [null, "no-prompt"]);
});

test("500 where Envoy does not let the body be changed, and nothing of it stays", () => {
  const gateway = new Gateway({ models: RENAME });
  for (const prompt of ["hi", textOf(4, 200_000)]) {
    const body = JSON.stringify({ prompt, model: "qwq" });
    const { host, root } = gateway.vms[0]!;
    const stream = host.newStream(root, { keepBodies: true });
    stream.isWritable = () => false;
    stream.requestHeaders([
      [":method", "POST"],
      [":path", "/v1/completions"],
      ["content-type", "application/json"],
    ]);
    stream.requestBody(body, true);
    assert.deepEqual([stream.continued, stream.localResponse!.status], [false, 500]);
    stream.done();
    assert.equal(gateway.inFlight, 0);
  }
  assert.equal(gateway.count("unrewritten"), 2);
  assert.equal(gateway.counter("rewritten"), 0);
  assert.equal(decisionOf(gateway.send(ask("qwq-32b", textOf(4, 200_000)))).reason, "cold");
});

test("an alias is rewritten where no pod may be picked, and Envoy chooses", () => {
  const gateway = new Gateway({ models: CLOSED, pods: [] });
  const result = gateway.send(ask("qwq"));
  assert.deepEqual([modelOf(result), result.destinationHeader], ["qwq-32b", null]);
  assert.equal(gateway.count("fallback-no-endpoint"), 1);
  assert.equal(gateway.send(ask("nope")).localResponse!.status, 404);
});

test("refusals are no feedback: nothing is learned, held or inserted", () => {
  const gateway = new Gateway({ models: CLOSED });
  for (let i = 0; i < 20; i++) gateway.send(chat("s", "q"));
  const { json } = gateway.report();
  assert.deepEqual([json.index.nodes, json.pods.length, json.promptTokens], [0, 0, 0]);
});

test("a pool whose models change is followed at once", () => {
  const gateway = new Gateway();
  const set = (models: ModelsSpec | null): void => {
    if (models === null) gateway.sidecar.models.delete("default");
    else gateway.sidecar.models.set("default", models);
    gateway.advance(60);
  };
  assert.equal(modelOf(gateway.send(ask("qwq"))), "qwq");
  set(RENAME);
  assert.equal(modelOf(gateway.send(ask("qwq"))), "qwq-32b");
  set({ models: [{ name: "qwq", targets: ["q2"] }] });
  assert.equal(modelOf(gateway.send(ask("qwq"))), "q2");
  set(null);
  assert.equal(modelOf(gateway.send(ask("qwq"))), "qwq");
});
