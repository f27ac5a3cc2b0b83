// Whole answers of a pod, its errors, and the promise that the next turn of a chat hits the cache.
import assert from "node:assert/strict";
import { test } from "node:test";
import { profile } from "../../simulator/engine/profiles.js";
import { startPod, type Pod } from "../../simulator/pods/pod.js";
import type { PodOptions } from "../../simulator/pods/pod-options.js";
import { ManualClock, send, TEN_MS_STEPS, until, type Answer } from "./pods-harness.js";

const CHAT = "/v1/chat/completions";

interface Bench {
  pod: Pod;
  ask: (path: string, body: unknown, headers?: Record<string, string>) => Promise<Answer>;
}

async function withPod(
  options: Partial<PodOptions>,
  use: (bench: Bench) => Promise<void>,
): Promise<void> {
  const clock = new ManualClock();
  const pod = await startPod({ engine: TEN_MS_STEPS, clock, ...options });
  const ask: Bench["ask"] = async (path, body, headers) => {
    const exchange = send(pod.address, path, body, headers);
    let isDone = false;
    const finished = exchange.done.finally(() => (isDone = true));
    finished.catch(() => {});
    await until(() => (clock.advance(10), isDone), `an answer from ${path}`);
    return finished;
  };
  try {
    await use({ pod, ask });
  } finally {
    await pod.close();
  }
}

interface ChatAnswer {
  choices: { message: { role: string; content: string }; finish_reason: string }[];
  usage: {
    prompt_tokens: number;
    completion_tokens: number;
    total_tokens: number;
    prompt_tokens_details: { cached_tokens: number } | null;
  };
}

function json<T>(answer: Answer): T {
  assert.equal(answer.status, 200, answer.body.toString("utf8"));
  assert.equal(answer.headers["content-length"], String(answer.body.length));
  return JSON.parse(answer.body.toString("utf8")) as T;
}

test("a whole chat answer has vLLM's keys in vLLM's order", () =>
  withPod({}, async ({ ask }) => {
    const answer = await ask(CHAT, { messages: [{ role: "user", content: "Hi" }], max_tokens: 1 });
    const text = answer.body.toString("utf8").replace(/"[a-z]{3}\."/, '"word"');
    assert.equal(
      text,
      '{"id":"chatcmpl-00000000000000000000000000000001","object":"chat.completion",' +
        '"created":1700000000,"model":"demo","choices":[{"index":0,"message":{"role":"assistant",' +
        '"content":"word","refusal":null,"annotations":null,"audio":null,"function_call":null,' +
        '"tool_calls":[],"reasoning_content":null},"logprobs":null,"finish_reason":"length",' +
        '"stop_reason":null,"token_ids":null}],"service_tier":null,"system_fingerprint":null,' +
        '"usage":{"prompt_tokens":11,"total_tokens":12,"completion_tokens":1,' +
        '"prompt_tokens_details":null},"prompt_logprobs":null,"prompt_token_ids":null,' +
        '"kv_transfer_params":null}',
    );
  }));

test("a whole completion has vLLM's keys, and as many choices as prompts times n", () =>
  withPod({}, async ({ ask }) => {
    const one = await ask("/v1/completions", { prompt: "12345678", max_tokens: 1 });
    assert.equal(
      one.body.toString("utf8").replace(/"[a-z]{3}\."/, '"word"'),
      '{"id":"cmpl-00000000000000000000000000000001","object":"text_completion",' +
        '"created":1700000000,"model":"demo","choices":[{"index":0,"text":"word","logprobs":null,' +
        '"finish_reason":"length","stop_reason":null,"token_ids":null,"prompt_logprobs":null,' +
        '"prompt_token_ids":null}],"service_tier":null,"system_fingerprint":null,' +
        '"usage":{"prompt_tokens":2,"total_tokens":3,"completion_tokens":1,' +
        '"prompt_tokens_details":null},"kv_transfer_params":null}',
    );
    const many = await ask("/v1/completions", { prompt: ["a", "b"], n: 2, max_tokens: 3 });
    const { choices, usage } = json<{ choices: { index: number }[]; usage: object }>(many);
    assert.deepEqual(
      choices.map(({ index }) => index),
      [0, 1, 2, 3],
    );
    const expected = { prompt_tokens: 2, total_tokens: 14, completion_tokens: 12 };
    assert.deepEqual(usage, { ...expected, prompt_tokens_details: null });
  }));

test("the same prompt gets the same answer, of a length between the bounds", () =>
  withPod({ outputTokensMin: 5, outputTokensMax: 9 }, async ({ ask }) => {
    const lengths = new Set<number>();
    for (let i = 0; i < 30; i++) {
      const messages = [{ role: "user", content: `question ${i}` }];
      const [first, second] = [
        json<ChatAnswer>(await ask(CHAT, { messages })),
        json<ChatAnswer>(await ask(CHAT, { messages })),
      ];
      assert.deepEqual(first.choices, second.choices);
      assert.equal(first.choices[0]!.finish_reason, "stop");
      const { completion_tokens } = first.usage;
      assert.ok(completion_tokens >= 5 && completion_tokens <= 9);
      // All but the token that ends the message are words of 4 bytes.
      assert.equal(first.choices[0]!.message.content.length, (completion_tokens - 1) * 4);
      lengths.add(completion_tokens);
    }
    assert.equal(lengths.size, 5);
  }));

/** What vLLM would have computed, in whole blocks of 16: everything but the answer's last token. */
function cachedAfter(usage: ChatAnswer["usage"]): number {
  return Math.floor((usage.total_tokens - 1) / 16) * 16;
}

for (const limit of [undefined, 57]) {
  test(`a follow-up turn finds prompt and answer in the cache (max_tokens ${limit})`, () =>
    withPod({ promptTokensDetails: true }, async ({ ask }) => {
      const messages: object[] = [
        { role: "system", content: "Be brief. ".repeat(20) },
        { role: "user", content: "Why is the sky blue?" },
      ];
      const tools = [{ type: "function", function: { name: "look_up", parameters: {} } }];
      let cached: number | null = null;
      for (let turn = 0; turn < 4; turn++) {
        const wish = { messages, tools, max_tokens: limit };
        const { choices, usage } = json<ChatAnswer>(await ask(CHAT, wish));
        const told = usage.prompt_tokens_details?.cached_tokens ?? null;
        assert.equal(told, cached, `turn ${turn}`);
        cached = cachedAfter(usage);
        // As clients do that trim what they show.
        const { role, content } = choices[0]!.message;
        messages.push({ role, content: content.trim() }, { role: "user", content: "And why so?" });
      }
    }));
}

test("LoRA adapters and cache salts share nothing with others, equal ones share", () =>
  withPod({ promptTokensDetails: true, adapters: ["sql"] }, async ({ ask }) => {
    const messages = [{ role: "user", content: "x".repeat(640) }];
    const cached = async (extra: object) => {
      const wish = { messages, max_tokens: 1, ...extra };
      return json<ChatAnswer>(await ask(CHAT, wish)).usage.prompt_tokens_details;
    };
    for (const extra of [
      {},
      { model: "sql" },
      { cache_salt: "a" },
      { model: "sql", cache_salt: "a" },
    ]) {
      assert.equal(await cached(extra), null);
      assert.deepEqual(await cached(extra), { cached_tokens: 160 });
    }
  }));

test("text parts are their text, images have tokens of their own", () =>
  withPod({ promptTokensDetails: true }, async ({ ask }) => {
    const usage = async (content: unknown) => {
      const wish = { messages: [{ role: "user", content }], max_tokens: 1 };
      return json<ChatAnswer>(await ask(CHAT, wish)).usage;
    };
    const text = "y".repeat(400);
    const image = (url: string) => ({ type: "image_url", image_url: { url } });
    const plain = await usage(text);
    assert.equal(plain.prompt_tokens, 110); // 100 pieces and 10 tokens of the template.
    assert.equal((await usage([{ type: "text", text }])).prompt_tokens_details?.cached_tokens, 96);
    assert.equal((await usage([image("a"), { type: "text", text }])).prompt_tokens, 110 + 256);
    const again = await usage([image("a"), { type: "text", text }]);
    assert.equal(again.prompt_tokens_details?.cached_tokens, 352);
    assert.equal((await usage([image("b"), { type: "text", text }])).prompt_tokens_details, null);
  }));

const WHOLE = { messages: [{ role: "user", content: "Hi" }] };
const LONG = { messages: [{ role: "user", content: "z".repeat(20_000) }] };
const REFUSALS: [string, unknown, number, string, RegExp][] = [
  ["broken JSON", '{"messages":', 400, "Bad Request", /^\[\{'type': 'json_invalid'/],
  ["JSON that is no object", "[1]", 400, "Bad Request", /valid dictionary/],
  ["no messages", {}, 400, "Bad Request", /'messages'\), 'msg': 'Field required'/],
  ["a message without role", { messages: [{}] }, 400, "Bad Request", /'role'/],
  [
    "a part that is no object",
    { messages: [{ role: "user", content: [1] }] },
    400,
    "Bad Request",
    /'content'/,
  ],
  [
    "an unknown model",
    { ...WHOLE, model: "no" },
    404,
    "NotFoundError",
    /^The model `no` does not exist\.$/,
  ],
  [
    "max_tokens 0",
    { ...WHOLE, max_tokens: 0 },
    400,
    "BadRequestError",
    /max_tokens must be at least 1, got 0/,
  ],
  [
    "a prompt beyond the context",
    LONG,
    400,
    "BadRequestError",
    /maximum context length is 4000 tokens. However, your request has 5010 input tokens/,
  ],
  [
    "an answer beyond it",
    { ...WHOLE, max_tokens: 4000 },
    400,
    "BadRequestError",
    /is too large: 4000\..*\(4000 > 4000 - 11\)/,
  ],
];

for (const [what, body, status, type, message] of REFUSALS) {
  test(`${what} is refused in vLLM's words, new and old`, async () => {
    for (const scheduler of ["v1", "v0"] as const) {
      await withPod(
        { engine: { ...TEN_MS_STEPS, scheduler, watermark: 0 } },
        async ({ ask, pod }) => {
          const answer = await ask(CHAT, body);
          assert.equal(answer.status, status);
          const parsed = JSON.parse(answer.body.toString("utf8")) as Record<string, unknown>;
          if (scheduler === "v0") assert.equal(parsed["object"], "error");
          const error = (scheduler === "v1" ? parsed["error"] : parsed) as Record<string, unknown>;
          assert.equal(error["type"], type);
          assert.equal(error["code"], status);
          assert.match(error["message"] as string, message);
          assert.deepEqual([pod.stats().running, pod.stats().waiting], [0, 0]);
        },
      );
    }
  });
}

test("other paths, methods and content types", () =>
  withPod({ model: "m", otherNames: ["n"], adapters: ["a"], name: "seven" }, async ({ ask }) => {
    assert.equal((await ask("/nope", undefined)).status, 404);
    assert.equal((await ask(CHAT, undefined)).status, 405);
    assert.equal((await ask(CHAT, WHOLE, { "content-type": "text/plain" })).status, 400);
    const health = await ask("/health", undefined);
    assert.deepEqual([health.status, health.body.length], [200, 0]);
    assert.equal(health.headers["x-pod"], "seven");
    assert.equal((await ask("/health?x=1", undefined)).status, 200);
    const models = json<{ data: { id: string; parent: string | null }[] }>(
      await ask("/v1/models", undefined),
    );
    assert.deepEqual(
      models.data.map(({ id, parent }) => [id, parent]),
      [
        ["m", null],
        ["n", null],
        ["a", "m"],
      ],
    );
  }));

test("a model of several names answers to each by the name that was asked for", () =>
  withPod({ model: "m", otherNames: ["n"] }, async ({ ask }) => {
    for (const model of ["m", "n"]) {
      assert.equal(json<{ model: string }>(await ask(CHAT, { ...WHOLE, model })).model, model);
    }
    assert.equal((await ask(CHAT, { ...WHOLE, model: "o" })).status, 404);
  }));

test("a fault is taken on and off: status, reset, hang, metrics", () =>
  withPod({}, async ({ ask, pod }) => {
    assert.equal((await ask("/_fault", { status: 503, metricsStatus: 500 })).status, 200);
    assert.equal((await ask(CHAT, WHOLE)).status, 503);
    assert.equal((await ask("/metrics", undefined)).status, 500);
    assert.equal((await ask("/_fault", { status: "x" })).status, 400);
    await ask("/_fault", { metricsText: "nonsense {" });
    assert.equal((await ask("/metrics", undefined)).body.toString(), "nonsense {");
    assert.equal((await ask("/_fault", { metricsText: 1 })).status, 400);
    await ask("/_fault", { resetAfterTokens: 2 });
    await assert.rejects(
      ask(CHAT, { ...WHOLE, max_tokens: 9, stream: true }),
      /aborted|ECONNRESET/,
    );
    assert.equal(pod.stats().generationTokens < 9, true);
    pod.setFault({ hang: true, metricsHang: true });
    const silent = [send(pod.address, CHAT, WHOLE), send(pod.address, "/metrics")];
    assert.equal((await ask("/_fault", {})).status, 200);
    assert.equal((await ask(CHAT, { ...WHOLE, max_tokens: 1 })).status, 200);
    for (const exchange of silent) {
      assert.equal(exchange.received(), "");
      exchange.hangUp();
    }
  }));

test("a fault with a marker meets only what has it", () =>
  withPod({}, async ({ ask }) => {
    const marked = { ...WHOLE, messages: [{ role: "user", content: "some POISON in it" }] };
    await ask("/_fault", { status: 500, marker: "POISON" });
    assert.equal((await ask(CHAT, marked)).status, 500);
    assert.equal((await ask(CHAT, { ...WHOLE, max_tokens: 1 })).status, 200);
    await ask("/_fault", { reset: true, marker: "POISON" });
    await assert.rejects(ask(CHAT, marked), /ECONNRESET/);
    assert.equal((await ask(CHAT, { ...WHOLE, max_tokens: 1 })).status, 200);
    for (const fault of [{ marker: "" }, { marker: 1 }, { slowdown: 0 }, { slowdown: "x" }]) {
      assert.equal((await ask("/_fault", fault)).status, 400, JSON.stringify(fault));
    }
  }));

test("an engine that stands still keeps its metrics page, and answers when it goes on", () =>
  withPod({}, async ({ ask, pod }) => {
    const page = async (): Promise<string> => (await ask("/metrics", undefined)).body.toString();
    await ask("/_fault", { stall: true });
    const still = await page();
    const waiting = ask(CHAT, { ...WHOLE, max_tokens: 1 });
    await until(() => pod.stats().waiting + pod.stats().running === 1, "the request is there");
    assert.equal(await page(), still);
    await ask("/_fault", {});
    assert.equal((await waiting).status, 200);
    assert.notEqual(await page(), still);
  }));

test("several pods in one process have caches of their own", async () => {
  const names = ["one", "two"];
  const pods = await Promise.all(
    names.map((name) =>
      startPod({ name, promptTokensDetails: true, engine: profile("qwen3-32b-2xh100-v1") }),
    ),
  );
  try {
    const wish = { messages: [{ role: "user", content: "w".repeat(200) }], max_tokens: 1 };
    for (const pod of [pods[0]!, pods[0]!, pods[1]!]) await send(pod.address, CHAT, wish).done;
    assert.deepEqual(
      pods.map((pod) => pod.stats().prefixHits),
      [48, 0],
    );
  } finally {
    await Promise.all(pods.map((pod) => pod.close()));
  }
});
