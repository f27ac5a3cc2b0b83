// Prints rows as tables of at most 80 columns, for people.
import type { Load } from "../traffic/traffic.js";
import type { Interval } from "./intervals.js";
import type { Row } from "./simulate.js";

const COLUMNS = [
  ["rule", 21],
  ["mean", 7],
  ["p50", 7],
  ["p90", 7],
  ["p99", 7],
  ["TPOT", 6],
  ["tok/s", 7],
  ["cached", 7],
  ["KV sd", 6],
  ["err", 5],
] as const;

/** What stands above the rows of one workload and load. */
export function tableHead(workload: string, load: Load): string {
  const names = COLUMNS.map(([name, width], index) =>
    index === 0 ? name.padEnd(width) : name.padStart(width),
  );
  return `${workload}, ${loadText(load)}: TTFT and TPOT in ms\n${names.join("")}`;
}

export function tableRow({ rule, figures }: Row): string {
  const { ttftMs } = figures;
  const cells = [
    ttftMs.mean.toFixed(0),
    ttftMs.p50.toFixed(0),
    ttftMs.p90.toFixed(0),
    ttftMs.p99.toFixed(0),
    figures.tpotMs.toFixed(1),
    figures.tokensPerS.toFixed(0),
    figures.cachedShare.toFixed(3),
    figures.kvUseSd.toFixed(3),
    String(figures.errors),
  ];
  // A figure that is too wide for its column moves the others, and touches none.
  const padded = cells.map((cell, index) => ` ${cell.padStart(COLUMNS[index + 1]![1] - 1)}`);
  return padRule(rule) + padded.join("");
}

const DIFFERENCE_WIDTH = 29;

/** How the rules of one workload and load differ from the baseline; null: there is nothing. */
export function comparisonTable(rows: readonly Row[]): string | null {
  const compared = rows.filter(({ against }) => against !== null);
  if (compared.length === 0) return null;
  const { against, runs } = compared[0]!;
  const head = `against ${against!.rule}, ${runs.length} seeds, 95 % interval: TTFT in ms`;
  const names = ["mean", "p99"].map((name) => name.padStart(DIFFERENCE_WIDTH));
  const lines = compared.map(({ rule, against }) => {
    const cells = [against!.ttftMeanMs, against!.ttftP99Ms].map((one) => intervalText(one));
    return padRule(rule) + cells.map((cell) => cell.padStart(DIFFERENCE_WIDTH)).join("");
  });
  return [head, padRule("rule") + names.join(""), ...lines].join("\n");
}

/** As in "+12 (+3 to +21)". */
export function intervalText({ difference, low, high }: Interval): string {
  const digits = Math.abs(difference) < 10 ? 1 : 0;
  const signed = (value: number): string => {
    // Rounded, so that a difference of nothing has no sign.
    const rounded = Number(value.toFixed(digits)) || 0;
    return `${rounded > 0 ? "+" : ""}${rounded.toFixed(digits)}`;
  };
  return `${signed(difference)} (${signed(low)} to ${signed(high)})`;
}

export function loadText(load: Load): string {
  if ("speed" in load) return `${load.speed} x as fast`;
  return "ratePerS" in load ? `${load.ratePerS}/s` : `${load.concurrency} in flight`;
}

function padRule(rule: string): string {
  return rule.padEnd(COLUMNS[0][1]);
}
