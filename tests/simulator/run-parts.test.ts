// The simulator's parts one by one: event order, figures, prompts as text, the command line.
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { describe, test } from "node:test";
import { randomFrom } from "../../lab/random.js";
import { projectPath } from "../../scripts/config/project.js";
import { EventQueue } from "../../simulator/run/event-queue.js";
import { Collector } from "../../simulator/run/collector.js";
import { meanFigures } from "../../simulator/run/figures.js";
import { chatBody, contentText } from "../../simulator/traffic/body.js";
import { single } from "../../simulator/traffic/traffic.js";
import { uniform } from "./virtual-pods.js";

test("events come by time, those of one time in the order in which they were added", () => {
  const random = randomFrom(3);
  const queue = new EventQueue();
  const added = Array.from({ length: 2000 }, (_, order) => ({
    atMs: uniform(random, 0, 50),
    order,
  }));
  const seen: typeof added = [];
  for (const event of added) {
    queue.add(event.atMs, (nowMs) => {
      assert.equal(nowMs, event.atMs);
      assert.equal(queue.nowMs, event.atMs);
      seen.push(event);
    });
  }
  queue.run();
  const sorted = [...added].sort((a, b) => a.atMs - b.atMs || a.order - b.order);
  assert.deepEqual(seen, sorted);
});

test("figures of four requests and a refused one, computed by hand", () => {
  const collector = new Collector({ concurrency: 2 });
  const tokens = { promptTokens: 100, cachedTokens: 25, outputTokens: 11 };
  for (const [number, arrivalMs, firstTokenMs, endMs] of [
    [0, 0, 10, 110],
    [1, 0, 20, 220],
    [2, 1000, 1030, 1130],
    [3, 1000, 1100, 2000],
  ] as const) {
    collector.finished({ number, arrivalMs, firstTokenMs, endMs }, tokens);
  }
  collector.failed();
  collector.sampleKvUse([0.2, 0.4]);
  collector.sampleKvUse([0.5, 0.5]);
  const figures = collector.figures();
  assert.deepEqual(figures.ttftMs, { mean: 40, p50: 30, p90: 100, p99: 100 });
  // (10 + 20 + 10 + 90) / 4 ms a token; (110 + 220 + 130 + 1000) / 4 ms; 44 tokens in 2 s.
  assert.equal(figures.tpotMs, 32.5);
  assert.equal(figures.e2eS, 0.365);
  assert.equal(figures.tokensPerS, 22);
  assert.equal(figures.cachedShare, 0.25);
  assert.ok(Math.abs(figures.kvUseSd - 0.05) < 1e-12);
  assert.equal(figures.errors, 1);
  assert.equal(meanFigures([figures, figures]).errors, 2);
  assert.equal(meanFigures([figures, figures]).ttftMs.mean, 40);
});

describe("prompts as text", () => {
  test("a content is 4 bytes a token, ASCII, and begins like no other", () => {
    const starts = new Set<string>();
    for (const [id, tokens] of [
      [1, 1],
      [2, 1200],
      [1_000_001, 4000],
      [2_001_001, 200_000],
    ] as const) {
      const text = contentText(id, tokens);
      assert.equal(Buffer.byteLength(text), tokens * 4);
      assert.match(text, /^[\w :.]+$/);
      assert.equal(contentText(id, tokens), text);
      starts.add(text.slice(0, 4));
    }
    assert.equal(starts.size, 4);
  });

  test("a body is JSON with the messages in their order", () => {
    const request = single(
      0,
      [
        { role: "system", id: 1, tokens: 20 },
        { role: "user", id: 2, tokens: 30 },
      ],
      5,
    );
    const body = JSON.parse(chatBody(request)) as Record<string, unknown>;
    assert.deepEqual(body["messages"], [
      { role: "system", content: contentText(1, 20) },
      { role: "user", content: contentText(2, 30) },
    ]);
    assert.equal(body["stream"], true);
    assert.equal(body["max_tokens"], undefined);
  });
});

describe("the command", () => {
  const simulate = (...args: string[]) => {
    const main = projectPath("build", "js", "simulator", "main.js");
    return spawnSync(process.execPath, [main, ...args], { encoding: "utf8" });
  };
  const short = ["--requests", "40", "--seeds", "2", "--rule", "random,warmroute"];

  test("JSON: one line for each workload, load and rule, the same each time", () => {
    const args = [...short, "--workload", "groups,chat", "--rate", "2,5", "--json"];
    const { stdout, status } = simulate(...args);
    assert.equal(status, 0);
    const lines = stdout.trimEnd().split("\n");
    const rows = lines.map((line) => JSON.parse(line) as Record<string, unknown>);
    const at = rows.map(({ workload, rate, rule }) => [workload, rate, rule].join(" "));
    assert.deepEqual(at.slice(0, 4), [
      "groups 2 random",
      "groups 2 warmroute",
      "groups 5 random",
      "groups 5 warmroute",
    ]);
    assert.equal(rows.length, 8);
    assert.ok(Object.keys(rows[0]!).join().startsWith(JSON_KEYS));
    assert.equal(simulate(...args).stdout, stdout);
  });

  test("a table fits 80 columns", () => {
    const { stdout } = simulate(...short, "--workload", "seed-qwq", "--pods", "2");
    const lines = stdout.trimEnd().split("\n");
    // Two lines above two rows, and what the difference between them is.
    assert.equal(lines.length, 8);
    for (const line of lines) assert.ok(line.length <= 80, line);
  });

  test("keys of the filter's configuration reach it; a wrong one is named", () => {
    const args = [...short, "--workload", "groups", "--rule", "warmroute", "--json"];
    const by = (config: string) => simulate(...args, "--filter-config", config);
    assert.notEqual(by('{"routingStrategy":"DEFAULT"}').stdout, by("{}").stdout);
    const { status, stderr } = by('{"alpha":11}');
    assert.equal(status, 1);
    assert.match(stderr, /alpha is 11, allowed: a number from 0 to 10/);
  });

  for (const [args, message] of [
    [["--rule", "best"], /--rule.*There is no "best", only: all, random/],
    [["--workload", "x"], /--workload.*There is no "x", only: all, seed-qwq/],
    [["--rate", "0"], /--rate.*"0" must be a number from 0.001 to 10000/],
    [["--engine", "x"], /--engine.*There is no "x", only: qwq-32b-4xa10-v0, /],
    [["--pods", "0"], /--pods.*"0" must be a whole number from 1 to 1024/],
    [["--seeds", "1.5"], /--seeds.*"1.5" must be a whole number from 1 to 1000/],
    [["--filter-config", "[]"], /--filter-config.*'\[\]'.*must be a JSON object/],
    [["--seconds", "9"], /--seconds 9 is given without --rate, and seed-qwq has none; /],
    [["--rate", "2", "--concurrency", "3"], /--rate 2 and --concurrency 3 .*one of the two/],
  ] as const) {
    test(`refused: ${args.join(" ")}`, () => {
      const { status, stderr, stdout } = simulate(...args);
      assert.equal(status, 2);
      assert.equal(stdout, "");
      assert.match(stderr, message);
    });
  }
});

const JSON_KEYS = "workload,rate,rule,ttftMs,tpotMs,e2eS,tokensPerS,cachedShare,kvUseSd,errors";
