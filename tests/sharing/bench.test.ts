// `./build.sh bench sharing` at its smallest: every part runs, loses no request, fits the terminal.
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, test } from "node:test";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { delayAtShare } from "../../benchmarks/sharing/lag.js";
import type { Figures } from "../../benchmarks/sharing/main.js";
import { roundsTable } from "../../benchmarks/sharing/report.js";
import type { Run } from "../../benchmarks/sharing/rounds.js";
import { options } from "./support/nats.js";

const ENTRY = fileURLToPath(new URL("../../benchmarks/sharing/main.js", import.meta.url));
const SMALL = ["--rounds", "1", "--seconds", "3", "--rate", "6", "--trials", "2"];
const COLUMNS_MAX = 80;

async function runBench(args: string[]): Promise<string> {
  return (await promisify(execFile)(process.execPath, [ENTRY, ...args])).stdout;
}

function widerThanTerminal(text: string): string[] {
  return text.split("\n").filter((line) => line.length > COLUMNS_MAX);
}

describe("the benchmark of sharing", () => {
  test("a small run measures every part and loses nothing", options, async (t) => {
    const folder = mkdtempSync(join(tmpdir(), "warmroute-bench-"));
    t.after(() => rmSync(folder, { recursive: true }));
    const jsonPath = join(folder, "figures.json");
    const output = await runBench([...SMALL, "--json", jsonPath]);
    assert.deepEqual(widerThanTerminal(output), []);
    const { runs, lags, joins } = JSON.parse(readFileSync(jsonPath, "utf8")) as Figures;
    assert.deepEqual(
      runs.map((run) => run.variant),
      ["one", "shared", "alone"],
    );
    for (const run of runs) {
      assert.equal(run.errors, 0, run.errorTexts.join());
      assert.equal(run.sent, runs[0]?.sent, "each variant gets the same requests");
      assert.ok(run.requests > 0 && run.ttftMs.mean > 0);
      assert.ok(run.underLoad.envoy > 0 && run.underLoad.sidecar > 0);
      assert.equal(run.underLoad.nats > 0, run.variant === "shared");
    }
    assert.deepEqual(
      lags.map((lag) => [lag.pollIntervalMs, lag.errors, lag.rows.map((row) => row.trials)]),
      [50, 20].map((pollIntervalMs) => [pollIntervalMs, 0, new Array(8).fill(2)]),
    );
    assert.deepEqual(
      joins.map((one) => one.replaySeconds),
      [300, 0],
    );
    for (const { newcomer, others } of joins) {
      assert.ok(newcomer.requests > 0 && others.requests > 0);
      assert.equal(newcomer.errors + others.errors, 0);
    }
  });

  for (const [args, allowed] of [
    [["--only", "speed"], /--only speed: names out of rounds, lag, join are wanted/],
    [["--rate", "0"], /--rate 0: a whole number from 1 to 500 is wanted/],
    [["--pears", "2"], /--pears/],
  ] as [string[], RegExp][]) {
    test(`${args.join(" ")} is refused in one line, with what is allowed`, async () => {
      await assert.rejects(runBench(args), (error: { stderr?: string; code?: number }) => {
        assert.match(error.stderr ?? "", /^bench sharing: .*\n$/);
        assert.match(error.stderr ?? "", allowed);
        return error.code === 1;
      });
    });
  }
});

describe("what the benchmark computes", () => {
  const rows = [
    { sentAfterMs: 10, trials: 200, known: 0 },
    { sentAfterMs: 20, trials: 200, known: 80 },
    { sentAfterMs: 40, trials: 200, known: 160 },
    { sentAfterMs: 60, trials: 200, known: 196 },
  ];
  // By hand: from 40 % after 20 ms to 80 % after 40 ms; from 0 % after 0 ms; never.
  for (const [share, ms, of] of [
    [0.5, 25, rows],
    [0.98, 60, rows],
    [0.2, 10, rows.slice(1)],
    [0.99, null, rows],
  ] as const) {
    test(`${100 * share} % of ${of.length} rows is reached after ${ms} ms`, () => {
      const delayMs = delayAtShare(of, share);
      assert.equal(delayMs === null ? null : Number(delayMs.toFixed(6)), ms);
    });
  }

  test("differences are of the same round, and the widest table fits", () => {
    const usage = { envoy: 1, sidecar: 1, nats: 0, pods: 1, spanMs: 1000, busyShare: 0.5 };
    const run = (variant: Run["variant"], round: number, meanMs: number, cachedShare: number) => ({
      ...{ variant, round, cachedShare, requests: 10_000, errors: 0, errorTexts: [], sent: 10_000 },
      ttftMs: { mean: meanMs, p50: meanMs, p99: 10 * meanMs },
      ...{ lateMsP99: 1, underLoad: usage, idle: usage },
    });
    const table = roundsTable([
      ...[run("one", 0, 100, 0.9), run("shared", 0, 110, 0.89)],
      ...[run("one", 1, 200, 0.8), run("shared", 1, 180, 0.83)],
      ...[run("one", 2, 400, 1), run("shared", 2, 400, 1)],
    ]);
    assert.match(table, /^shared - one: TTFT mean \+0 % \(-10 to \+10\), p50 \+0 %, p99 \+0 %$/m);
    assert.match(table, /^ +cached \+0\.0 points \(-1\.0 to \+3\.0\)$/m);
    assert.deepEqual(widerThanTerminal(table), []);
  });
});
