// Makes the report: one HTML file with figures and charts that fetches nothing.
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { projectPath } from "../../scripts/config/project.js";
import { loadText } from "../run/print.js";
import type { Row } from "../run/simulate.js";
import { distributionChart, timesCharts, type Chart } from "./charts.js";
import { escaped, figuresTable } from "./table.js";

const STYLE = `
body { margin: 24px auto; width: 1232px; background: #fff; color: #1c2126;
  font: 14px/1.45 "Liberation Sans", Arial, sans-serif; }
h1 { font-size: 22px; margin: 0 0 8px; }
h2 { font-size: 18px; margin: 32px 0 8px; border-top: 1px solid #ced4da; padding-top: 20px; }
h3 { font-size: 15px; margin: 20px 0 4px; }
p { margin: 4px 0; max-width: 1000px; }
code { background: #f1f3f5; padding: 2px 6px; border-radius: 3px; overflow-wrap: anywhere; }
table { border-collapse: collapse; margin: 8px 0 16px; font-variant-numeric: tabular-nums; }
th, td { text-align: right; padding: 4px 7px; border-bottom: 1px solid #dee2e6; font-size: 13px; }
td { white-space: nowrap; }
th { font-weight: 600; vertical-align: bottom; }
th:first-child, td:first-child { text-align: left; }
.charts { display: grid; grid-template-columns: 1fr 1fr; gap: 12px 16px; }
.chart { min-width: 0; }
.u-title { font-size: 13px; font-weight: 600; }
.legend { padding: 0 8px 4px 56px; font-size: 11.5px; }
.legend span { display: inline-block; margin-right: 12px; white-space: nowrap; }
.legend i { display: inline-block; width: 14px; height: 3px; margin: 0 5px 3px 0; }
.note { color: #495057; font-size: 12.5px; }
`;

const SECTIONS = [
  ["kv", "KV cache use over time"],
  ["flight", "Requests in flight over time"],
  ["cached", "Prefix cache hits over time"],
] as const;

export interface ReportInput {
  /** As the operator typed it. */
  command: string;
  seeds: number;
  rows: readonly Row[];
}

/** The rows must have recordings. */
export function reportPage({ command, seeds, rows }: ReportInput): string {
  const charts: Chart[] = [];
  const groups = grouped(rows).map((group, index) => groupHtml(group, index, charts));
  const data = JSON.stringify({ charts }).replaceAll("<", "\\u003c");
  const assets = dirname(createRequire(import.meta.url).resolve("uplot/package.json"));
  const asset = (name: string): string => readFileSync(join(assets, "dist", name), "utf8");
  const draw = readFileSync(projectPath("simulator", "report", "draw.js"), "utf8");
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<title>warmroute simulation</title>
<style>${asset("uPlot.min.css")}${STYLE}</style>
</head>
<body>
<h1>warmroute simulation</h1>
<p><code>${escaped(command)}</code></p>
<p class="note">${introduction(seeds)}</p>
${groups.join("\n")}
<script>${asset("uPlot.iife.min.js")}</script>
<script id="data">const DATA = ${data};</script>
<script>${draw}</script>
</body>
</html>
`;
}

function introduction(seeds: number): string {
  const each = "Every rule met the same arrivals. Virtual time, modelled pods.";
  if (seeds === 1) return `Seed 1. ${each}`;
  return `Figures are means of the seeds 1 to ${seeds}; charts over time show seed 1. ${each}`;
}

function groupHtml(rows: readonly Row[], index: number, charts: Chart[]): string {
  const { workload, load } = rows[0]!;
  const distribution = distributionChart(`ttft-${index}`, rows);
  const times = timesCharts(`g${index}`, rows);
  charts.push(distribution, ...times);
  const sections = SECTIONS.map(([name, title]) => {
    const own = times.filter(({ id }) => id.startsWith(`g${index}-${name}-`));
    if (own.length === 0) return `<p class="note">No pod found any prompt token cached.</p>`;
    return `<h3>${title}</h3>\n<div class="charts">${own.map(place).join("")}</div>`;
  });
  return `<h2>${escaped(workload)}, ${loadText(load)}</h2>
${figuresTable(rows)}
${place(distribution)}
${sections.join("\n")}`;
}

function place({ id }: Chart): string {
  return `<div class="chart" id="${id}"></div>`;
}

/** Rows of one workload and load stand together, as they come. */
function grouped(rows: readonly Row[]): Row[][] {
  const groups = new Map<string, Row[]>();
  for (const row of rows) {
    const key = `${row.workload} ${loadText(row.load)}`;
    groups.set(key, [...(groups.get(key) ?? []), row]);
  }
  return [...groups.values()];
}
