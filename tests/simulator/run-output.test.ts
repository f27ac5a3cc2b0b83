// What the command prints besides its table: the seeds' rows, intervals, progress; and its threads.
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { describe, test } from "node:test";
import { projectPath } from "../../scripts/config/project.js";
import type { Figures } from "../../simulator/run/figures.js";
import { MEASURED } from "../../simulator/run/measured.js";
import { comparisonTable, intervalText, tableHead, tableRow } from "../../simulator/run/print.js";
import { RULES } from "../../simulator/rules/index.js";
import { Progress } from "../../simulator/run/progress.js";
import type { RunResult } from "../../simulator/run/run-options.js";
import { seedTable } from "../../simulator/run/seed-table.js";
import type { Row } from "../../simulator/run/simulate.js";
import type { Task } from "../../simulator/run/task.js";

/** The two runs of the published benchmark, as its article prints them. */
const ARTICLE = readFileSync(
  projectPath("tests", "fixtures", "seeds", "qwq-benchmark.txt"),
  "utf8",
).split("\n\n");

function blockRows(block: string): Map<string, string> {
  const rows = [...block.matchAll(/^(\S.*:) +([\d.]+)$/gm)];
  return new Map(rows.map(([, name, value]) => [name!, value!]));
}

function row(figures: Partial<Figures>, rest: Partial<Row> = {}): Row {
  const load = { concurrency: 60 };
  const base = { workload: "x", load, rule: "random", runs: [], against: null };
  return { ...base, figures: figures as Figures, ...rest };
}

describe("the seeds' table", () => {
  test("prints the article's figures as the article does, and how many requests failed", () => {
    const rows = blockRows(ARTICLE[0]!);
    const value = (name: string): number => Number(rows.get(`${name}:`));
    const three = (of: string) => ({
      mean: value(`Mean ${of} (ms)`),
      p50: value(`Median ${of} (ms)`),
      p99: value(`P99 ${of} (ms)`),
    });
    const durationS = value("Benchmark duration (s)");
    const inputTokens = value("Total input tokens");
    const text = seedTable(
      row({
        answers: value("Successful requests"),
        errors: 10,
        durationS,
        inputTokens,
        outputTokens: value("Total generated tokens"),
        requestsPerS: 2990 / durationS,
        tokensPerS: value("Total generated tokens") / durationS,
        inputTokensPerS: inputTokens / durationS,
        ttftMs: { ...three("TTFT"), p90: 0 },
        tpotQuantilesMs: three("TPOT"),
        itlMs: three("ITL"),
      }),
    );
    const [, ...lines] = text.split("\n");
    const failed = `Failed requests:${" ".repeat(25)}10`;
    assert.ok(lines.includes(failed));
    assert.deepEqual(
      lines.filter((line) => line !== failed),
      ARTICLE[0]!.trimEnd().split("\n"),
    );
    assert.equal(lines.filter((line) => / [\d.]+$/.test(line)).length, 17);
  });

  test("failed requests are a mean of the runs, as all else", () => {
    const runs = Array.from({ length: 3 }, () => ({}) as RunResult);
    const empty = { mean: 0, p50: 0, p90: 0, p99: 0 };
    const zeros = { answers: 0, durationS: 0, inputTokens: 0, outputTokens: 0, requestsPerS: 0 };
    const rates = { tokensPerS: 0, inputTokensPerS: 0 };
    const times = { ttftMs: empty, tpotQuantilesMs: empty, itlMs: empty };
    const text = seedTable(row({ ...zeros, ...rates, ...times, errors: 36 }, { runs }));
    assert.match(text, /^Failed requests: +12$/m);
  });

  test("has the measured rows of both published runs", () => {
    const { columns } = MEASURED.get("seed-qwq")!;
    columns.forEach(({ rows }, index) => {
      assert.deepEqual(new Map(Object.entries(rows)), blockRows(ARTICLE[index]!));
    });
  });
});

/** Of the names of rules. */
const LONGEST = [...RULES.keys()].reduce((a, b) => (b.length > a.length ? b : a));

describe("the table of figures", () => {
  const ttftMs = { mean: 123_456, p50: 123_456, p90: 123_456, p99: 123_456 };
  const figures = { ttftMs, tpotMs: 64.5, tokensPerS: 12_345, cachedShare: 0.5, kvUseSd: 0.25 };

  test("fits 80 columns with the longest name, each figure under its head", () => {
    const line = tableRow(row({ ...figures, errors: 1234 }, { rule: LONGEST }));
    const [, head] = tableHead("x", { ratePerS: 1 }).split("\n");
    assert.equal(line.length, 80);
    assert.equal(head!.length, 80);
    assert.equal(line.split(/ +/).length, 10);
  });

  test("figures that are too wide stay apart", () => {
    const wide = { ...ttftMs, p50: 12_345_678, p90: 12_345_678 };
    const line = tableRow(row({ ...figures, ttftMs: wide, errors: 123_456 }));
    assert.deepEqual(line.split(/ +/).slice(2, 4), ["12345678", "12345678"]);
    assert.equal(line.split(/ +/).at(-1), "123456");
  });
});

describe("differences", () => {
  const interval = (difference: number, half: number) => ({
    difference,
    low: difference - half,
    high: difference + half,
  });

  test("a difference of a few ms keeps a digit", () => {
    assert.equal(intervalText(interval(12, 9)), "+12 (+3 to +21)");
    assert.equal(intervalText(interval(-0.04, 1.5)), "0.0 (-1.5 to +1.5)");
  });

  test("the table fits 80 columns, whatever the rule's name", () => {
    const ttftMeanMs = interval(-123_456, 654_321);
    const against = { rule: "y", ttftMeanMs, ttftP99Ms: ttftMeanMs, tokensPerS: ttftMeanMs };
    const table = comparisonTable([row({}), row({}, { rule: LONGEST, against })])!;
    for (const line of table.split("\n")) assert.ok(line.length <= 80, line);
    assert.equal(comparisonTable([row({})]), null);
  });
});

describe("progress", () => {
  const task: Task = { workload: "groups", load: { ratePerS: 12 }, rule: "chwbl", seed: 3 };
  const told = (isTTY: boolean, progress: boolean): string[] => {
    const texts: string[] = [];
    const write = (text: string): number => texts.push(text);
    let nowMs = 0;
    const shown = new Progress({ write, isTTY }, { seeds: 8, progress }, () => nowMs);
    for (; nowMs <= 20_000; nowMs += 100) shown.update(task, nowMs / 40_000, 2);
    shown.clear();
    return texts;
  };

  test("a terminal's line is written over, from the first second on", () => {
    const texts = told(true, false);
    assert.equal(texts.length, 97);
    assert.equal(texts[0], "\r\x1b[Kgroups 12/s chwbl seed 3 of 8, 1 %");
    assert.equal(texts.at(-2), "\r\x1b[Kgroups 12/s chwbl seed 3 of 8, 25 %");
    assert.equal(texts.at(-1), "\r\x1b[K");
  });

  test("elsewhere it is silent, or a line each 10 s when asked for", () => {
    assert.deepEqual(told(false, false), []);
    assert.deepEqual(told(false, true), [
      "groups 12/s chwbl seed 3 of 8, 12 %\n",
      "groups 12/s chwbl seed 3 of 8, 25 %\n",
    ]);
  });
});

describe("the command", () => {
  const simulate = (...args: string[]) => {
    const main = projectPath("build", "js", "simulator", "main.js");
    return spawnSync(process.execPath, [main, ...args], { encoding: "utf8" });
  };
  const short = ["--requests", "20", "--seeds", "2", "--rule", "random,warmroute,chwbl", "--json"];

  test("threads change nothing", () => {
    const [one, three] = ["1", "3"].map((jobs) => simulate(...short, "--jobs", jobs));
    assert.equal(one!.status, 0);
    assert.equal(three!.stdout, one!.stdout);
    assert.equal(three!.stderr, "");
    const rows = one!.stdout.trimEnd().split("\n");
    const against = rows.map((line) => {
      const parsed = JSON.parse(line) as { rule: string; against: { rule: string } | null };
      return [parsed.rule, parsed.against?.rule];
    });
    assert.deepEqual(against, [
      ["random", "warmroute"],
      ["warmroute", undefined],
      ["chwbl", "warmroute"],
    ]);
  });

  test("a reader that leaves ends it without a word", () => {
    const main = projectPath("build", "js", "simulator", "main.js");
    const command = `"${process.execPath}" "${main}" ${short.join(" ")} --jobs 1 | head -n 1`;
    const { stdout, stderr } = spawnSync("sh", ["-c", command], { encoding: "utf8" });
    assert.equal(stderr, "");
    assert.equal(stdout.split("\n").length, 2);
  });

  test("an error in a thread is the command's", () => {
    const { status, stderr } = simulate(...short, "--jobs", "2", "--filter-config", '{"alpha":11}');
    assert.equal(status, 1);
    assert.match(stderr, /^error: .*alpha is 11, allowed: a number from 0 to 10/);
  });

  for (const [args, message] of [
    [["--baseline", "sglang"], /--baseline sglang .*allowed is one of --rule: random, warmroute/],
    [["--table", "x"], /--table.*There is no "x", only: figures, seed/],
    [["--table", "seed"], /--json and --table seed are given, allowed is one of the two/],
    [["--report", "none/r.html"], /^error: --report none\/r\.html: no such file or directory\n$/],
    [["--report", "/"], /^error: --report \/: illegal operation on a directory\n$/],
    [["--share-lag-ms", "9"], /--share-lag-ms 9 .*it needs --gateways 2 or more/],
  ] as const) {
    test(`refused before anything runs: ${args.join(" ")}`, () => {
      const { status, stderr, stdout } = simulate(...short, ...args);
      assert.notEqual(status, 0);
      assert.equal(stdout, "");
      assert.match(stderr, message);
    });
  }
});
