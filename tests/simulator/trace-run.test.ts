// Replays of traces: when requests come, what pods find cached, and the command line.
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, describe, test } from "node:test";
import { projectPath } from "../../scripts/config/project.js";
import { RULES } from "../../simulator/rules/index.js";
import { run } from "../../simulator/run/run.js";
import type { RunResult } from "../../simulator/run/run-options.js";
import { readTrace } from "../../simulator/traces/trace-traffic.js";

const folder = mkdtempSync(join(tmpdir(), "warmroute-trace-"));
after(() => rmSync(folder, { recursive: true }));

function write(lines: readonly object[]): string {
  const file = join(folder, "known.jsonl");
  writeFileSync(file, lines.map((line) => JSON.stringify(line)).join("\n"));
  return file;
}

const MAIN = projectPath("build", "js", "simulator", "main.js");
const BLOCK = 512;
const GROUPS = 16;
const SHARED_BLOCKS = 6;
const OWN_BLOCKS = 2;
const ROUNDS = 12;

/** 16 prefixes of 3,072 tokens, each with 12 questions of 1,024, one request every 200 ms. */
const KNOWN = Array.from({ length: GROUPS * ROUNDS }, (_, i) => {
  const shared = Array.from({ length: SHARED_BLOCKS }, (_, at) => (i % GROUPS) * 10 + at);
  const own = Array.from({ length: OWN_BLOCKS }, (_, at) => 1000 + i * OWN_BLOCKS + at);
  return {
    timestamp: 1_790_000_000_000 + i * 200,
    input_length: BLOCK * (SHARED_BLOCKS + OWN_BLOCKS),
    output_length: 20,
    hash_ids: [...shared, ...own],
  };
});
/** Of each group's 12 requests 11 find 6 of 8 blocks, if one pod gets them all. */
const KNOWN_SHARE_MAX = ((ROUNDS - 1) / ROUNDS) * (SHARED_BLOCKS / (SHARED_BLOCKS + OWN_BLOCKS));

function replay(rule: string, speed = 1, atMs: number[] = []): RunResult {
  const { traffic } = readTrace(write(KNOWN));
  return run({
    traffic,
    load: { speed },
    pods: traffic.pods,
    conversations: traffic.requests,
    seed: 1,
    metricsAgeMs: 50,
    rule: RULES.get(rule)!,
    onRouted: (_, nowMs) => atMs.push(nowMs),
  });
}

describe("a trace of known sharing", () => {
  test("the filter finds nearly all there is to share, round robin what chance leaves", () => {
    const { figures, requests, inFlightAtEnd } = replay("warmroute");
    assert.equal(requests, KNOWN.length);
    assert.equal(inFlightAtEnd, 0);
    assert.equal(figures.errors, 0);
    assert.ok(figures.cachedShare <= KNOWN_SHARE_MAX + 1e-9, `${figures.cachedShare}`);
    assert.ok(figures.cachedShare >= 0.9 * KNOWN_SHARE_MAX, `${figures.cachedShare}`);
    // 16 groups go round 8 pods, so that each of them always meets the same pod.
    assert.ok(Math.abs(replay("round-robin").figures.cachedShare - KNOWN_SHARE_MAX) < 1e-9);
    assert.ok(replay("random").figures.cachedShare < 0.6 * KNOWN_SHARE_MAX);
  });

  for (const speed of [0.5, 1, 4]) {
    test(`${speed} times as fast, requests come at their own times`, () => {
      const atMs: number[] = [];
      replay("round-robin", speed, atMs);
      assert.deepEqual(
        atMs,
        KNOWN.map((_, i) => (i * 200) / speed),
      );
    });
  }
});

describe("the command", () => {
  const simulate = (...args: string[]) =>
    spawnSync(process.execPath, [MAIN, ...args], { encoding: "utf8" });

  test("--trace: the file's name, its speed, the same each time", () => {
    const file = write(KNOWN.map((line) => ({ ...line, chat_id: 3 })));
    const args = ["--trace", file, "--speed", "1,2.5", "--rule", "warmroute", "--json"];
    const { stdout, stderr, status } = simulate(...args, "--seeds", "1", "--requests", "60");
    assert.equal(status, 0);
    assert.match(stderr, /known\.jsonl: keys not used: chat_id\n/);
    const rows = stdout
      .trimEnd()
      .split("\n")
      .map((line) => JSON.parse(line) as object);
    const at = rows.map((row) => Object.entries(row).slice(0, 4).flat().join(" "));
    assert.deepEqual(at, [
      "workload known.jsonl rate  speed 1 rule warmroute",
      "workload known.jsonl rate  speed 2.5 rule warmroute",
    ]);
    assert.equal(simulate(...args, "--seeds", "1", "--requests", "60").stdout, stdout);
  });

  test("requests longer than the engine takes are told of and counted", () => {
    const file = write([
      { atMs: 0, promptTokens: 40_900, outputTokens: 61 },
      { atMs: 10, promptTokens: 100, outputTokens: 5 },
    ]);
    const { stdout, stderr } = simulate("--trace", file, "--seeds", "1", "--json");
    assert.match(stderr, /: longer than the engine's 40960 tokens, so errors: 1 of 2 requests$/m);
    for (const line of stdout.trimEnd().split("\n")) assert.match(line, /"errors":1,/);
  });

  test("a pipe is read once, however many runs there are at a time", () => {
    const file = write(KNOWN.slice(0, 20));
    const args = ["--rule", "random", "--seeds", "2", "--jobs", "2", "--json"];
    const piped = spawnSync(process.execPath, [MAIN, "--trace", "-", ...args], {
      encoding: "utf8",
      input: readFileSync(file),
    });
    assert.equal(piped.stderr, "");
    const read = simulate("--trace", file, ...args);
    assert.equal(piped.stdout, read.stdout.replaceAll("known.jsonl", "-"));
  });

  for (const [args, message] of [
    [["--trace", "x", "--rate", "2"], /--trace x and --rate 2 are given, allowed is --speed in/],
    [["--trace", "x", "--workload", "chat"], /--trace x and --workload chat .*one of the two/],
    [["--speed", "2"], /--speed 2 is given without --trace/],
    [["--trace-block-tokens", "16"], /--trace-block-tokens is given without --trace/],
    [["--trace", "x", "--speed", "0"], /--speed.*"0" must be a number from 0.0001 to 1000/],
  ] as const) {
    test(`refused: ${args.join(" ")}`, () => {
      const { status, stderr, stdout } = simulate(...args);
      assert.deepEqual([status, stdout], [2, ""]);
      assert.match(stderr, message);
    });
  }

  test("a file that is no trace ends it with 1 and one line", () => {
    const file = join(folder, "bad.jsonl");
    writeFileSync(file, '{"timestamp":0,"input_length":5}\n');
    const { status, stderr, stdout } = simulate("--trace", file);
    assert.deepEqual([status, stdout], [1, ""]);
    assert.match(stderr, /^error: .*bad\.jsonl:1: outputTokens or output_length: is missing;.*\n$/);
  });
});
