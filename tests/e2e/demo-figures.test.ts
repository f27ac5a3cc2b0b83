// Tests how the demo reads answers and makes its figures, without the components it starts.
import assert from "node:assert/strict";
import { Agent, createServer, type IncomingMessage, type ServerResponse } from "node:http";
import { once } from "node:events";
import type { AddressInfo } from "node:net";
import { test } from "node:test";
import { AnswerReader, askChat, type ChatAnswer } from "../../lab/chat-request.js";
import { parseKvUse } from "../../demo/kv-sampler.js";
import type { RequestResult } from "../../lab/load.js";
import { progressText } from "../../demo/progress.js";
import { lateWarning, problemLines, table } from "../../demo/report.js";
import { kvTokensPerPod, makeWorkload } from "../../demo/service.js";
import { percentile, summarize } from "../../lab/summary.js";
import { workloadSize } from "../../simulator/workloads/workload.js";

type Listener = (request: IncomingMessage, response: ServerResponse) => unknown;

const ROLE = `data: {"choices":[{"delta":{"role":"assistant","content":""}}]}\n\n`;
const FIRST = `data: {"choices":[{"delta":{"content":"caf\u00e9 "}}]}\n\n`;
const SECOND = `data: {"choices":[{"delta":{"content":"au lait"}}]}\n\n`;
const USAGE =
  `data: {"choices":[],"usage":{"prompt_tokens":90,"completion_tokens":2,` +
  `"prompt_tokens_details":{"cached_tokens":64}}}\n\n`;
const DONE = "data: [DONE]\n\n";

test("an answer is read the same wherever its bytes are split", async () => {
  const bytes = Buffer.from(ROLE + FIRST + SECOND + USAGE + DONE);
  for (const size of [1, 7, 64, bytes.length]) {
    const answer = await ask(async (_request, response) => {
      response.writeHead(200, { "content-type": "text/event-stream" });
      for (let at = 0; at < bytes.length; at += size) {
        response.write(bytes.subarray(at, at + size));
        await new Promise(setImmediate);
      }
      response.end();
    });
    assert.equal(answer.text, "caf\u00e9 au lait");
    assert.equal(answer.error, null);
    assert.deepEqual(
      [answer.promptTokens, answer.cachedTokens, answer.outputTokens],
      [90, 64, 2],
      `chunks of ${size} bytes`,
    );
  }
});

test("the first content counts, not the headers or the event that only names the role", () => {
  let clockMs = 0;
  const reader = new AnswerReader(() => clockMs);
  for (const event of [ROLE, FIRST, SECOND, DONE]) {
    clockMs += 1000;
    reader.feed(event);
  }
  clockMs = 9000;
  const { firstContentMs, endMs } = reader.finish(null);
  assert.deepEqual([firstContentMs, endMs], [2000, 9000]);
});

const BROKEN: [string, Listener, RegExp][] = [
  [
    "a status",
    (_, response) => response.writeHead(503).end("no healthy upstream"),
    /^HTTP 503: no/,
  ],
  ["a stream without an end", (_, response) => response.end(FIRST), /ended early/],
  ["a cut connection", (_, response) => response.write(FIRST, () => response.destroy()), /aborted/],
  ["an event that is no JSON", (_, response) => response.end(`data: {"a\n\n${DONE}`), /no JSON/],
  ["an answer without content", (_, response) => response.end(ROLE + DONE), /without content/],
  ["an error in the stream", (_, response) => response.end(`data: {"error":{}}\n\n${DONE}`), /{}/],
];
for (const [name, listener, expected] of BROKEN) {
  test(`${name} is an error of the request`, async () => {
    const answer = await ask(listener);
    assert.match(answer.error ?? "", expected);
  });
}

test("percentiles are the nearest rank", () => {
  const hundred = Array.from({ length: 100 }, (_, index) => index + 1);
  assert.deepEqual(
    [0.5, 0.99, 1].map((share) => percentile(hundred, share)),
    [50, 99, 100],
  );
  assert.deepEqual([percentile([7], 0.99), percentile([], 0.5)], [7, 0]);
});

test("the cached share weighs requests by their tokens, and errors count as requests", () => {
  const results = [
    result({ ttftMs: 10, promptTokens: 1000, cachedTokens: 900 }),
    result({ ttftMs: 30, promptTokens: 100, cachedTokens: 0 }),
    result({ ttftMs: null, error: "HTTP 503" }),
  ];
  assert.deepEqual(summarize(results), {
    requests: 3,
    errors: 1,
    ttftMs: { mean: 20, p50: 10, p99: 30 },
    cachedShare: 0.8182,
  });
});

test("the table fits a terminal and shows both routes, all phases and what changed", () => {
  const phase = (route: "standard" | "routed", ttftMs: number, cachedTokens: number) => ({
    route,
    results: [result({ ttftMs, promptTokens: 1000, cachedTokens })],
    kvUse: [0.991, 0.992, 0.993, 0.994, 0.995],
  });
  const phases = [
    phase("standard", 99_400, 200),
    phase("routed", 10_000, 600),
    phase("routed", 20_000, 600),
    phase("standard", 99_600, 200),
  ];
  const lines = table(phases, "warmroute").split("\n");
  for (const line of lines) assert.ok(line.length <= 80, line);
  const text = lines.map((line) => line.replace(/ +/g, " ")).join("\n");
  assert.match(text, /^Time to first token, mean 99500 ms 15000 ms 6.6x$/m);
  assert.match(text, /^ mean of each phase, ms 99400, 99600 10000, 20000$/m);
  assert.match(text, /^Prompt tokens found in a cache 20 % 60 % 3.0x$/m);
  assert.match(text, /^KV in use, mean of each pod, % 99 99 99 99 100 99 99 99 99 100$/m);
  assert.equal(lateWarning(phases), "");
  phases[0]!.results[0]!.lateMs = 400;
  assert.match(lateWarning(phases), /400 ms late/);
  for (const line of lateWarning(phases).split("\n")) assert.ok(line.length <= 80, line);
});

test("problems are wrapped to the width of a terminal, no word lost", () => {
  const texts = [`Gateway a: ${"word ".repeat(40)}end.`, "The list of pods is empty."];
  const lines = problemLines(texts);
  for (const line of lines) assert.ok(line.length <= 79, line);
  assert.deepEqual(
    lines.map((line) => line.slice(0, 2)),
    ["- ", "  ", "  ", "- "],
  );
  const words = lines.map((line) => line.slice(2)).join(" ");
  assert.equal(words, texts.join(" "));
});

test("the progress line fits a terminal at its widest", () => {
  const progress = { sent: 9999, done: 9000, errors: 0, ttftMsSum: 9e7, startMs: 0 };
  const text = progressText("phase 2 of 4, llm-gw", progress, 26, 13_000);
  assert.ok(text.length < 80, text);
  assert.match(text, /#####\.{5} {2}9999 sent, 999 open, TTFT 10000 ms, 0 errors/);
});

test("the pods' KV holds at most half of the working set of either workload", () => {
  for (const name of ["chats", "unique"] as const) {
    for (let seed = 0; seed < 20; seed++) {
      const workload = makeWorkload(name, seed, 26);
      const { distinctTokens } = workloadSize(workload);
      assert.ok(5 * kvTokensPerPod(workload) <= distinctTokens / 2, `${name}, seed ${seed}`);
    }
  }
});

test("KV use is read from the names of vLLM V1 and V0", () => {
  assert.equal(parseKvUse('a 1\nvllm:kv_cache_usage_perc{engine="0",model="m"} 0.25\n'), 0.25);
  assert.equal(parseKvUse("vllm:gpu_cache_usage_perc 0.5\n"), 0.5);
  assert.equal(parseKvUse("# HELP vllm:kv_cache_usage_perc 1\n"), null);
});

function result(given: Partial<RequestResult>): RequestResult {
  const zero = {
    url: "",
    dueMs: 0,
    ttftMs: 0,
    lateMs: 0,
    promptTokens: 0,
    cachedTokens: 0,
    outputTokens: 0,
  };
  return { ...zero, error: null, ...given };
}

async function ask(listener: Listener, nowMs = () => 0): Promise<ChatAnswer> {
  const server = createServer((request, response) => void listener(request, response)).listen(
    0,
    "127.0.0.1",
  );
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  const agent = new Agent({ keepAlive: true });
  try {
    const { signal } = new AbortController();
    return await askChat({ url: `http://127.0.0.1:${port}`, agent, body: "{}", nowMs, signal });
  } finally {
    agent.destroy();
    server.closeAllConnections();
    server.close();
  }
}
