// The steady load tells apart what fails, is cut off, is slow and is well: a server does each.
import assert from "node:assert/strict";
import { createServer, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { SLOW_MS, startSteadyLoad } from "./support/steady-load.js";
import type { Outcome } from "./support/tally.js";

const EVENTS = { "content-type": "text/event-stream", "x-pod": "p" };
const WHOLE = 'data: {"usage":{"prompt_tokens_details":{"cached_tokens":7}}}\n\ndata: [DONE]\n\n';

/** What the server does to each request in turn, and what that is to be called. */
const CASES: [string, (response: ServerResponse) => void, Outcome, number][] = [
  ["a whole stream", (r) => r.writeHead(200, EVENTS).end(WHOLE), "ok", 200],
  ["a stream without its end", (r) => r.writeHead(200, EVENTS).end("data: {}\n\n"), "cut", 200],
  [
    "a stream that is reset after its first event",
    (r) => {
      r.writeHead(200, EVENTS).write("data: {}\n\n");
      setTimeout(() => r.destroy(), 20);
    },
    "cut",
    200,
  ],
  [
    "a stream that is reset after its headers",
    (r) => {
      r.writeHead(200, EVENTS).flushHeaders();
      setTimeout(() => r.destroy(), 20);
    },
    "cut",
    200,
  ],
  ["a reset", (r) => r.destroy(), "failed", 0],
  ["an error", (r) => r.writeHead(500).end("broken"), "failed", 500],
  [
    "a late stream",
    (r) => void setTimeout(() => r.writeHead(200, EVENTS).end(WHOLE), SLOW_MS + 100),
    "slow",
    200,
  ],
  ["no answer at all", () => undefined, "failed", 0],
];

test("each end of a request has its name", async () => {
  const server = createServer((request, response) => {
    request.resume();
    CASES[Number(request.headers["x-load-id"])]?.[1](response);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  try {
    const load = startSteadyLoad({
      urls: [url],
      perSecond: 100,
      streamShare: 1,
      body: () => ({}),
      timeoutMs: SLOW_MS + 500,
    });
    while (load.sent < CASES.length) await sleep(1);
    const { results } = await load.stop();
    CASES.forEach(([what, , outcome, status], id) => {
      const result = results[id];
      assert.deepEqual([result?.id, result?.outcome, result?.status], [id, outcome, status], what);
    });
    assert.equal(results[0]?.cachedTokens, 7);
    assert.equal(results[0]?.pod, "p");
    assert.equal(results[3]?.firstByteMs, null);
    assert.equal(results[5]?.error, "broken");
  } finally {
    server.closeAllConnections();
    server.close();
  }
});
