// Access logs: which lines are requests, what their bytes come to, and whose prefix they share.
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { describe, test } from "node:test";
import { projectPath } from "../../scripts/config/project.js";
import { type LoggedRequest, parseLogLine } from "../../simulator/traces/access-log.js";
import { traceOf } from "../../simulator/traces/from-log.js";

const LINE = {
  start_time: "2026-11-21T17:00:00.250Z",
  method: "POST",
  "x-envoy-origin-path": "/v1/chat/completions?beta=1",
  response_code: 200,
  bytes_received: 8000,
  bytes_sent: "24480",
  upstream_host: "10.0.0.9:8000",
  "content-type": "text/event-stream; charset=utf-8",
  "x-warmroute-decision": "pod=10.0.0.7:8000;reason=prefix;cached=1500;eta=0.041",
  session: "-",
};
const REQUEST: LoggedRequest = {
  atMs: Date.UTC(2026, 10, 21, 17, 0, 0, 250),
  requestBytes: 8000,
  answerBytes: 24480,
  isStreamed: true,
  pod: "10.0.0.7:8000",
  cachedTokens: 1500,
  session: null,
  model: null,
};

const parsed = (more: object): LoggedRequest | string =>
  parseLogLine(JSON.stringify({ ...LINE, ...more }));

describe("a line of the log", () => {
  for (const [title, more, expected] of [
    ["as documented", {}, {}],
    ["seconds and ms", { start_time: "1795280400.250" }, { atMs: 1795280400250 }],
    ["whole ms", { start_time: 1795280400250 }, { atMs: 1795280400250 }],
    ["a path of our own name", { "x-envoy-origin-path": null, path: "/a/v1/completions" }, {}],
    ["not streamed", { "content-type": "application/json" }, { isStreamed: false }],
    ["no decision", { "x-warmroute-decision": null }, { pod: "10.0.0.9:8000", cachedTokens: null }],
    ["session and model", { session: 12, model: "qwen" }, { session: "12", model: "qwen" }],
  ] as const) {
    test(`taken: ${title}`, () => assert.deepEqual(parsed(more), { ...REQUEST, ...expected }));
  }

  for (const [reason, line] of [
    ["were no JSON object", "[2026-11-21] POST /v1/chat/completions"],
    ["were no JSON object", "[1]"],
    ["were no JSON object", '{"start_time":'],
    ["were no POST to a completions path", { "x-envoy-origin-path": "/v1/models" }],
    ["were no POST to a completions path", { method: "GET" }],
    ["were not answered with 200", { response_code: "503" }],
    ["had no start_time", { start_time: "yesterday" }],
    ["had no x-envoy-origin-path", { "x-envoy-origin-path": "-" }],
    ["had no bytes_received", { bytes_received: 0 }],
    ["had no bytes_received", { bytes_received: "many" }],
    ["had no bytes_sent", { bytes_sent: null }],
    ["had no response_code", { response_code: { code: 200 } }],
  ] as const) {
    const text = typeof line === "string" ? line : JSON.stringify({ ...LINE, ...line });
    test(`left out, ${reason}: ${JSON.stringify(line)}`, () => {
      assert.equal(parseLogLine(text), reason);
    });
  }
});

const LENGTHS = { bytesPerToken: 4, streamBytesPerToken: 240 };

/** Requests one after the other, of so many prompt tokens, on one pod unless they say otherwise. */
function traced(...requests: { tokens: number; cached?: number; more?: Partial<LoggedRequest> }[]) {
  return traceOf(
    requests.map(({ tokens, cached = 0, more = {} }, index) => ({
      ...REQUEST,
      atMs: index,
      requestBytes: tokens * 4,
      cachedTokens: cached,
      ...more,
    })),
    LENGTHS,
  );
}

/** Blocks that two of the lines have in common in front. */
function common(trace: ReturnType<typeof traced>, one: number, other: number): number {
  const [left, right] = [trace.lines[one]!.hashIds, trace.lines[other]!.hashIds];
  const first = left.findIndex((id, index) => id !== right[index]);
  return first < 0 ? left.length : first;
}

test("lengths from bytes: 8,000 are 2,000 tokens, 102 events are 100, 1,000 whole are 100", () => {
  const whole = { ...REQUEST, isStreamed: false, answerBytes: 1000 };
  const { lines } = traceOf([REQUEST, whole, { ...REQUEST, answerBytes: 7 }], LENGTHS);
  assert.deepEqual(
    lines.map(({ promptTokens, outputTokens }) => [promptTokens, outputTokens]),
    [
      [2000, 100],
      [2000, 100],
      [2000, 1],
    ],
  );
  const means = { meanPromptTokens: 1000, meanOutputTokens: 67 };
  const scaled = traceOf([REQUEST, whole, { ...REQUEST, answerBytes: 7 }], {
    ...LENGTHS,
    ...means,
  });
  assert.deepEqual(
    scaled.lines.map(({ promptTokens, outputTokens }) => [promptTokens, outputTokens]),
    [
      [1000, 100],
      [1000, 100],
      [1000, 1],
    ],
  );
});

describe("shared prefixes", () => {
  test("a match is with the prompt that ends there: a chat that goes on", () => {
    const trace = traced({ tokens: 640 }, { tokens: 1280 }, { tokens: 900, cached: 640 });
    assert.equal(common(trace, 2, 0), 10);
    assert.equal(common(trace, 2, 1), 0);
    assert.deepEqual([trace.sharedTokens, trace.promptTokens], [640, 2820]);
  });

  test("or with the one that matched as much: the same system prompt", () => {
    const trace = traced(
      { tokens: 3000 },
      { tokens: 3100, cached: 1024 },
      { tokens: 1100 },
      { tokens: 2500, cached: 1024 },
    );
    assert.deepEqual([common(trace, 3, 0), common(trace, 3, 1), common(trace, 3, 2)], [16, 16, 0]);
  });

  test("of equals the newest, and none that is shorter than the match", () => {
    const trace = traced(
      { tokens: 5000 },
      { tokens: 5000 },
      { tokens: 900 },
      { tokens: 2000, cached: 1000 },
    );
    assert.deepEqual([common(trace, 3, 0), common(trace, 3, 1), common(trace, 3, 2)], [0, 15, 0]);
  });

  test("never with another pod's or another model's, nor beyond the prompt", () => {
    const pod = { more: { pod: "10.0.0.1:8000" } };
    const model = { more: { model: "b" } };
    const trace = traced(
      { tokens: 640 },
      { tokens: 640, cached: 640, ...pod },
      { tokens: 640, cached: 640, ...model },
      { tokens: 320, cached: 900 },
    );
    assert.deepEqual([common(trace, 1, 0), common(trace, 2, 0), common(trace, 3, 0)], [0, 0, 5]);
    assert.equal(trace.unknownPrefixes, 2);
  });

  test("a session goes on on any pod; a shorter prompt takes what was matched", () => {
    const session = (pod: string) => ({ more: { pod, session: "s" } });
    const trace = traced(
      { tokens: 640, ...session("a") },
      { tokens: 640, more: { pod: "b" } },
      { tokens: 1000, ...session("b") },
      { tokens: 800, cached: 128, ...session("b") },
    );
    assert.deepEqual([common(trace, 2, 0), common(trace, 2, 1), common(trace, 3, 2)], [10, 0, 2]);
  });
});

describe("the command", () => {
  const trace = (input: string, ...args: string[]) => {
    const command = projectPath("build", "js", "scripts", "warmroute.js");
    const options = { input, encoding: "utf8" } as const;
    return spawnSync(process.execPath, [command, "trace", "-", ...args], options);
  };

  test("a trace on stdout, what became of the lines on stderr", () => {
    const first = { ...LINE, "x-warmroute-decision": null };
    const lines = [first, { ...LINE, method: "GET" }, LINE].map((line) => JSON.stringify(line));
    const { stdout, stderr, status } = trace(`${lines.join("\n")}\nnonsense`);
    assert.equal(status, 0);
    const [one] = stdout.split("\n").map((line) => JSON.parse(line || "{}") as object);
    const head = { atMs: REQUEST.atMs, promptTokens: 2000, outputTokens: 100, stream: true };
    assert.deepEqual(one, {
      ...head,
      blockTokens: 64,
      hashIds: Array.from({ length: 32 }, (_, i) => i),
    });
    assert.deepEqual(stderr.trimEnd().split("\n"), [
      "1 lines were no POST to a completions path",
      "1 lines were no JSON object",
      "2 requests; 0.0 % of their prompt tokens shared with earlier",
      "1 decisions matched more than the log holds: taken as new",
    ]);
  });

  for (const [args, status, message] of [
    [[], 1, /^1 lines were no JSON object\nerror: no line was a request to a model\n$/],
    [["/nowhere/log"], 2, /error: \/nowhere\/log: no such file/],
    [["--bytes-per-token", "0"], 1, /"0" must be a number from 0.001 to 1000000/],
  ] as const) {
    test(`ends with ${status}: ${args.join(" ")}`, () => {
      const result = trace("nonsense", ...args);
      assert.deepEqual([result.status, result.stdout], [status, ""]);
      assert.match(result.stderr, message);
    });
  }
});
