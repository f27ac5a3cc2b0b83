// Streams of a pod: framing byte for byte, when headers and tokens come, what a disconnect frees.
import assert from "node:assert/strict";
import { test } from "node:test";
import { gunzipSync } from "node:zlib";
import { profile } from "../../simulator/engine/profiles.js";
import { startPod } from "../../simulator/pods/pod.js";
import type { PodOptions } from "../../simulator/pods/pod-options.js";
import { ManualClock, send, TEN_MS_STEPS, until } from "./pods-harness.js";

const CHAT = "/v1/chat/completions";
const HELLO = { messages: [{ role: "user", content: "Hello!" }] };

async function withPod(
  options: Partial<PodOptions>,
  use: (
    address: string,
    clock: ManualClock,
    pod: Awaited<ReturnType<typeof startPod>>,
  ) => Promise<void>,
): Promise<void> {
  const clock = new ManualClock();
  const pod = await startPod({ engine: TEN_MS_STEPS, clock, name: "p0", ...options });
  try {
    await use(pod.address, clock, pod);
  } finally {
    await pod.close();
  }
}

/** The stream's text, with each word of the model replaced: which words come is not the point. */
async function stream(
  address: string,
  clock: ManualClock,
  path: string,
  body: object,
): Promise<string> {
  const exchange = send(address, path, { ...body, stream: true });
  await exchange.head;
  clock.advance(100_000);
  const answer = await exchange.done;
  assert.equal(answer.status, 200);
  assert.equal(answer.headers["content-type"], "text/event-stream; charset=utf-8");
  return answer.body.toString("utf8").replaceAll(/"(content|text)":"[a-z]{3}[ .]"/g, '"$1":"word"');
}

// Literal frames of vLLM 0.11 (`exclude_unset` for chat, every field for completions).
const HEAD =
  'data: {"id":"chatcmpl-00000000000000000000000000000001","object":"chat.completion.chunk",' +
  '"created":1700000000,"model":"demo",';
const ROLE =
  HEAD +
  '"choices":[{"index":0,"delta":{"role":"assistant","content":""},"logprobs":null,' +
  '"finish_reason":null}],"prompt_token_ids":null}\n\n';
const WORD =
  HEAD +
  '"choices":[{"index":0,"delta":{"content":"word"},"logprobs":null,"finish_reason":null,' +
  '"token_ids":null}]}\n\n';
const LAST =
  HEAD +
  '"choices":[{"index":0,"delta":{"content":"word"},"logprobs":null,"finish_reason":"length",' +
  '"stop_reason":null,"token_ids":null}]}\n\n';
const DONE = "data: [DONE]\n\n";

test("a chat stream is vLLM's, byte for byte", () =>
  withPod({}, async (address, clock) => {
    const text = await stream(address, clock, CHAT, { ...HELLO, max_tokens: 3 });
    assert.equal(text, ROLE + WORD + WORD + LAST + DONE);
  }));

test("usage comes in an event of its own before the end, when asked for", () =>
  withPod({}, async (address, clock) => {
    const wish = { max_completion_tokens: 2, stream_options: { include_usage: true } };
    const text = await stream(address, clock, CHAT, { ...HELLO, ...wish });
    // start, user, new line, 2 pieces of "Hello!", end, new line; start, 3 pieces, new line.
    const usage =
      HEAD +
      '"choices":[],"usage":{"prompt_tokens":12,"total_tokens":14,"completion_tokens":2}}\n\n';
    assert.equal(text, ROLE + WORD + LAST + usage + DONE);
  }));

test("continuous usage counts up with every event", () =>
  withPod({}, async (address, clock) => {
    const wish = { include_usage: true, continuous_usage_stats: true };
    const text = await stream(address, clock, CHAT, {
      ...HELLO,
      max_tokens: 2,
      stream_options: wish,
    });
    const counts = [...text.matchAll(/"completion_tokens":(\d+)/g)].map((match) => match[1]);
    assert.deepEqual(counts, ["0", "1", "2", "2"]);
  }));

test("usage: never and always overrule the client", async () => {
  const wish = { ...HELLO, max_tokens: 1, stream_options: { include_usage: true } };
  await withPod({ usage: "never" }, async (address, clock) => {
    assert.ok(!(await stream(address, clock, CHAT, wish)).includes("usage"));
    const whole = send(address, CHAT, { ...HELLO, max_tokens: 1 });
    await until(() => (clock.advance(10), whole.received() !== ""), "the answer");
    assert.ok(!("usage" in JSON.parse((await whole.done).body.toString("utf8"))));
  });
  await withPod({ usage: "always" }, async (address, clock) => {
    const text = await stream(address, clock, CHAT, { ...HELLO, max_tokens: 1 });
    assert.ok(text.includes('"choices":[],"usage":{'));
  });
});

test("a completions stream is vLLM's, byte for byte, and counts each prompt", () =>
  withPod({}, async (address, clock) => {
    const wish = { prompt: ["twelve bytes", [1, 2]], max_tokens: 1, n: 1 };
    const options = { stream_options: { include_usage: true } };
    const text = await stream(address, clock, "/v1/completions", { ...wish, ...options });
    const head =
      'data: {"id":"cmpl-00000000000000000000000000000001","object":"text_completion",' +
      '"created":1700000000,"model":"demo",';
    const word = (index: number) =>
      `${head}"choices":[{"index":${index},"text":"word","logprobs":null,` +
      '"finish_reason":"length","stop_reason":null,"prompt_token_ids":null,' +
      '"token_ids":null}],"usage":null}\n\n';
    const usage =
      head + '"choices":[],"usage":{"prompt_tokens":5,"total_tokens":7,"completion_tokens":2}}\n\n';
    assert.equal(text, word(0) + word(1) + usage + DONE);
  }));

test("V0's older JSON lacks the newer keys", () =>
  withPod({ engine: profile("qwq-32b-4xa10-v0") }, async (address, clock) => {
    const text = await stream(address, clock, CHAT, { ...HELLO, max_tokens: 1 });
    assert.ok(!text.includes("token_ids"));
    assert.ok(text.includes('"finish_reason":"length","stop_reason":null}]}\n\n'));
  }));

test("headers come before prefill, the role with the first token, then a token a step", () =>
  withPod({}, async (address, clock, pod) => {
    const exchange = send(address, CHAT, { ...HELLO, max_tokens: 5, stream: true });
    const head = await exchange.head;
    assert.equal(head.headers["x-pod"], "p0");
    assert.equal(exchange.received(), "");
    assert.equal(pod.stats().running, 1);
    const events = () => exchange.received().split("\n\n").length - 1;
    clock.advance(9);
    assert.equal(events(), 0);
    clock.advance(1);
    await until(() => events() === 2, "role and first token");
    clock.advance(10);
    await until(() => events() === 3, "second token");
    clock.advance(30);
    await exchange.done;
    assert.equal(events(), 7);
    assert.equal(pod.stats().running, 0);
  }));

test("a client that hangs up frees its blocks, running or waiting", () =>
  withPod({ engine: { ...TEN_MS_STEPS, maxRunning: 1 } }, async (address, clock, pod) => {
    const wish = { ...HELLO, max_tokens: 1000, stream: true };
    const running = send(address, CHAT, wish);
    await running.head;
    const waiting = send(address, CHAT, wish);
    await waiting.head;
    clock.advance(50);
    const { usedBlocks } = pod.stats();
    assert.ok(usedBlocks > 0);
    assert.deepEqual([pod.stats().running, pod.stats().waiting], [1, 1]);
    waiting.hangUp();
    await until(() => pod.stats().waiting === 0, "the waiting request is dropped");
    running.hangUp();
    await until(() => (clock.advance(10), pod.stats().running === 0), "the running one is dropped");
    assert.equal(pod.stats().usedBlocks, 0);
    const page = (await send(address, "/metrics").done).body.toString("utf8");
    assert.match(page, /request_success_total\{engine="0",finished_reason="abort",.*\} 2\.0\n/);
  }));

test("gzip is used only when pod and client both want it, and holds no event back", () =>
  withPod({ gzip: true }, async (address, clock) => {
    const wish = { ...HELLO, max_tokens: 4, stream: true };
    const plain = send(address, CHAT, wish);
    await plain.head;
    const packed = send(address, CHAT, wish, { "accept-encoding": "gzip" });
    assert.equal((await packed.head).headers["content-encoding"], "gzip");
    assert.equal((await plain.head).headers["content-encoding"], undefined);
    clock.advance(20); // The second one came in the middle of a step.
    await until(() => packed.received() !== "", "the first event, compressed");
    clock.advance(100);
    const events = (text: string) => text.replaceAll(/chatcmpl-\d+/g, "");
    const unpacked = gunzipSync((await packed.done).body).toString("utf8");
    assert.equal(events(unpacked), events((await plain.done).body.toString("utf8")));
  }));
