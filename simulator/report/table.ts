// The report's table of figures, and text made safe for HTML.
import { intervalText } from "../run/print.js";
import type { Row } from "../run/simulate.js";

const HEADS = [
  "rule",
  "mean TTFT, ms",
  "p50",
  "p90",
  "p99",
  "steady p99",
  "TPOT, ms",
  "ITL p99, ms",
  "tokens/s",
  "cached",
  "sd of KV use",
  "errors",
];

/** One workload and load: a row for each rule, with the differences where there are seeds. */
export function figuresTable(rows: readonly Row[]): string {
  const against = rows.find((row) => row.against !== null)?.against;
  const heads = against
    ? [...HEADS, ...["mean", "p99"].map((of) => `${of} against ${against.rule}, 95\u00a0%`)]
    : HEADS;
  const lines = rows.map((row) => line(row, against !== undefined));
  return `<table><tr>${heads.map((head) => `<th>${escaped(head)}</th>`).join("")}</tr>
${lines.join("\n")}
</table>`;
}

function line({ rule, figures, against }: Row, isCompared: boolean): string {
  const { ttftMs, steadyMs, itlMs } = figures;
  const cells = [
    rule,
    whole(ttftMs.mean),
    whole(ttftMs.p50),
    whole(ttftMs.p90),
    whole(ttftMs.p99),
    steadyMs === null ? "–" : whole(steadyMs.p99),
    figures.tpotMs.toFixed(1),
    itlMs.p99.toFixed(1),
    whole(figures.tokensPerS),
    `${(figures.cachedShare * 100).toFixed(1)} %`,
    figures.kvUseSd.toFixed(3),
    String(figures.errors),
  ];
  if (isCompared) {
    cells.push(against ? intervalText(against.ttftMeanMs) : "–");
    cells.push(against ? intervalText(against.ttftP99Ms) : "–");
  }
  return `<tr>${cells.map((cell) => `<td>${escaped(cell)}</td>`).join("")}</tr>`;
}

/** With a comma between thousands. */
function whole(value: number): string {
  return value.toFixed(0).replace(/\B(?=(\d{3})+$)/g, ",");
}

export function escaped(text: string): string {
  return text
    .replaceAll("&", "&amp;")
    .replaceAll("<", "&lt;")
    .replaceAll(">", "&gt;")
    .replaceAll('"', "&quot;");
}
