// The report: a recording over time, and the page's data and charts, without a browser.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { runInNewContext } from "node:vm";
import { projectPath } from "../../scripts/config/project.js";
import type { Chart } from "../../simulator/report/charts.js";
import { reportPage } from "../../simulator/report/page.js";
import { Recorder, type Recording } from "../../simulator/run/recorder.js";
import type { RunResult } from "../../simulator/run/run-options.js";
import type { Row } from "../../simulator/run/simulate.js";
import { RULES } from "../../simulator/rules/index.js";
import { run } from "../../simulator/run/run.js";
import { TRAFFIC } from "../../simulator/traffic/index.js";

const pod = (name: string, kvUse: number, inFlight: number) => ({ name, kvUse, inFlight });

test("pods that come and go leave gaps; the cached share is that of each second", () => {
  const recorder = new Recorder();
  recorder.prefilled(100, 0);
  recorder.sample(1000, [pod("a", 0.1, 1), pod("b", 0.2, 2)]);
  recorder.prefilled(100, 50);
  recorder.prefilled(300, 250);
  recorder.sample(2000, [pod("b", 0.3, 3), pod("c", 0.4, 4)]);
  recorder.sample(3000, [pod("c", 0.5, 5)]);
  assert.deepEqual(recorder.recording([10, 20, 30]), {
    timesS: [1, 2, 3],
    pods: [
      { name: "a", kvUse: [0.1, null, null], inFlight: [1, null, null] },
      { name: "b", kvUse: [0.2, 0.3, null], inFlight: [2, 3, null] },
      { name: "c", kvUse: [null, 0.4, 0.5], inFlight: [null, 4, 5] },
    ],
    cachedShare: [0, 0.75, null],
    ttftQuantilesMs: Array.from({ length: 501 }, (_, i) => (i <= 166 ? 10 : i <= 333 ? 20 : 30)),
  } satisfies Recording);
});

test("a long run keeps at most 1,000 points, each the mean of its time", () => {
  const recorder = new Recorder();
  for (let second = 1; second <= 10_000; second++) {
    recorder.sample(second * 1000, [pod("a", second / 10_000, second)]);
  }
  const { timesS, pods, cachedShare } = recorder.recording([]);
  // Doubled four times: 16 samples a point.
  assert.equal(timesS.length, 625);
  assert.equal(timesS[0], 8.5);
  assert.equal(timesS.at(-1), 9992.5);
  assert.deepEqual(pods[0]!.inFlight, timesS);
  assert.ok(cachedShare.every((share) => share === null));
});

const EVIL = `<script>alert("x")</script>&'`;

function rowOf(workload: string, rule: string): Row {
  const traffic = TRAFFIC.get(workload)!;
  const { load } = traffic;
  const result: RunResult = run({
    traffic,
    load,
    pods: traffic.pods,
    conversations: 60,
    seed: 1,
    metricsAgeMs: 50,
    rule: RULES.get(rule)!,
    isRecorded: true,
  });
  const { figures } = result;
  return { workload, load, rule, figures, runs: [result], against: null };
}

const ROWS = [
  rowOf("groups", "random"),
  rowOf("groups", "sglang"),
  { ...rowOf("seed-qwq", "random"), rule: EVIL },
];
const PAGE = reportPage({ command: `simulate '${EVIL}'`, seeds: 1, rows: ROWS });
const [, DATA] = /<script id="data">const DATA = (.*);<\/script>/.exec(PAGE)!;
const { charts } = JSON.parse(DATA!) as { charts: Chart[] };

const UPLOT_HOME = ["https://github.com/leeoniya/uPlot"];

test("the page fetches nothing, and names in it are text", () => {
  assert.doesNotMatch(PAGE, /\b(src|href)=|@import|url\(|\bfetch\(|XMLHttp|import\(/);
  // uPlot's licence names its home.
  assert.deepEqual([...new Set(PAGE.match(/https?:\/\/[\w./]+/g))], UPLOT_HOME);
  assert.equal(PAGE.split("<script").length, 4);
  assert.ok(!PAGE.includes(EVIL));
  assert.ok(PAGE.includes("&lt;script&gt;alert(&quot;x&quot;)&lt;/script&gt;&amp;'"));
});

test("each group has its charts, and each chart its place", () => {
  assert.deepEqual(
    charts.map(({ id }) => id),
    [
      ...["ttft-0", "g0-kv-0", "g0-kv-1", "g0-flight-0", "g0-flight-1", "g0-cached-0"],
      ...["g0-cached-1", "ttft-1", "g1-kv-0", "g1-flight-0"],
    ],
  );
  for (const { id } of charts) assert.ok(PAGE.includes(`<div class="chart" id="${id}">`), id);
  // V0 has no prefix cache.
  assert.match(PAGE, /No pod found any prompt token cached/);
});

test("a distribution rises from its first to its last request", () => {
  for (const chart of charts) {
    if (chart.kind !== "distribution") continue;
    for (const { times, shares } of chart.series) {
      assert.equal(times.length, shares.length);
      assert.ok(times.every((time, i) => i === 0 || time > times[i - 1]!));
      assert.ok(shares.every((share, i) => i === 0 || share > shares[i - 1]!));
      assert.equal(shares.at(-1), 1);
    }
  }
});

interface Drawn {
  series: { stroke?: string }[];
  scales: { y: { range: [number, number] } };
}

test("the page's own code gives the plots as many lines as names, in colours that differ", () => {
  const drawn: { options: Drawn; data: unknown[][] }[] = [];
  const element = () => ({ style: {}, append: () => undefined });
  class Plot {
    static join = (tables: unknown[][]) => [tables[0]![0], ...tables.map(([, line]) => line)];
    constructor(options: Drawn, data: unknown[][]) {
      drawn.push({ options, data });
    }
  }
  const document = { createElement: element, getElementById: element };
  const code = readFileSync(projectPath("simulator", "report", "draw.js"), "utf8");
  runInNewContext(code, { uPlot: Plot, DATA: { charts }, document, Math, Number, String });
  assert.equal(drawn.length, charts.length);
  drawn.forEach(({ options, data }, index) => {
    const chart = charts[index]!;
    assert.equal(data.length, chart.series.length + 1);
    assert.equal(options.series.length, data.length);
    const colours = options.series.slice(1).map(({ stroke }) => stroke);
    assert.equal(new Set(colours).size, chart.series.length);
    if (chart.kind === "times") for (const line of data) assert.equal(line.length, data[0]!.length);
  });
});
