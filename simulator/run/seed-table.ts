// The figures in the form of vLLM's benchmark_serving.py, beside those of the published runs.
import type { Figures } from "./figures.js";
import { MEASURED } from "./measured.js";
import { loadText } from "./print.js";
import type { Row } from "./simulate.js";

const NAME_WIDTH = 40;
/** The tool's own width, where nothing stands beside. */
const COLUMN_WIDTH = 10;
const TABLE_WIDTH = NAME_WIDTH + COLUMN_WIDTH;
const SIDE_WIDTH = 13;

/** A line over the rows below it, or a row. */
type Line =
  string | { name: string; digits: number; value: (figures: Figures, runs: number) => number };

const LINES: readonly Line[] = [
  { name: "Successful requests:", digits: 0, value: ({ answers }) => answers },
  // Errors are added up over the runs, all else is their mean.
  { name: "Failed requests:", digits: 0, value: ({ errors }, runs) => errors / runs },
  { name: "Benchmark duration (s):", digits: 2, value: ({ durationS }) => durationS },
  { name: "Total input tokens:", digits: 0, value: ({ inputTokens }) => inputTokens },
  { name: "Total generated tokens:", digits: 0, value: ({ outputTokens }) => outputTokens },
  { name: "Request throughput (req/s):", digits: 2, value: ({ requestsPerS }) => requestsPerS },
  { name: "Output token throughput (tok/s):", digits: 2, value: ({ tokensPerS }) => tokensPerS },
  {
    name: "Total Token throughput (tok/s):",
    digits: 2,
    value: ({ tokensPerS, inputTokensPerS }) => tokensPerS + inputTokensPerS,
  },
  "Time to First Token",
  { name: "Mean TTFT (ms):", digits: 2, value: ({ ttftMs }) => ttftMs.mean },
  { name: "Median TTFT (ms):", digits: 2, value: ({ ttftMs }) => ttftMs.p50 },
  { name: "P99 TTFT (ms):", digits: 2, value: ({ ttftMs }) => ttftMs.p99 },
  "Time per Output Token (excl. 1st token)",
  { name: "Mean TPOT (ms):", digits: 2, value: ({ tpotQuantilesMs }) => tpotQuantilesMs.mean },
  { name: "Median TPOT (ms):", digits: 2, value: ({ tpotQuantilesMs }) => tpotQuantilesMs.p50 },
  { name: "P99 TPOT (ms):", digits: 2, value: ({ tpotQuantilesMs }) => tpotQuantilesMs.p99 },
  "Inter-token Latency",
  { name: "Mean ITL (ms):", digits: 2, value: ({ itlMs }) => itlMs.mean },
  { name: "Median ITL (ms):", digits: 2, value: ({ itlMs }) => itlMs.p50 },
  { name: "P99 ITL (ms):", digits: 2, value: ({ itlMs }) => itlMs.p99 },
];

/** One rule's block; beside it the published runs of the same workload, where there are any. */
export function seedTable({ workload, load, rule, figures, runs }: Row): string {
  const measured = MEASURED.get(workload);
  const mean = runs.length > 1 ? `, mean of ${runs.length} seeds` : "";
  const title = `${workload}, ${loadText(load)}: ${rule}${mean}`;
  const side = (cells: readonly string[]): string =>
    cells.map((cell) => cell.padEnd(SIDE_WIDTH)).join("");
  const lines = LINES.map((line) => {
    if (typeof line === "string") return centred(line, "-");
    const { name, digits, value } = line;
    const own = value(figures, Math.max(1, runs.length)).toFixed(digits);
    // The published tool printed no row of failures.
    const others = measured?.columns.map(({ rows }) => rows[name] ?? "-") ?? [];
    const width = measured ? SIDE_WIDTH : COLUMN_WIDTH;
    return `${name.padEnd(NAME_WIDTH)} ${own.padEnd(width)}${side(others)}`.trimEnd();
  });
  const heads = measured
    ? [`${" ".repeat(NAME_WIDTH + 1)}${side(["simulated", ...namesOf(measured)])}`.trimEnd()]
    : [];
  return [title, centred(" Serving Benchmark Result ", "="), ...heads, ...lines, END].join("\n");
}

const END = "=".repeat(TABLE_WIDTH);

function namesOf({ columns }: { columns: readonly { title: string }[] }): string[] {
  return columns.map(({ title }) => title);
}

/** As Python's `{s:{c}^{n}}`: of an odd rest the larger half comes last. */
function centred(text: string, fill: string): string {
  const rest = TABLE_WIDTH - text.length;
  const left = Math.floor(rest / 2);
  return fill.repeat(left) + text + fill.repeat(rest - left);
}
