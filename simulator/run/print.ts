// Prints rows: JSON lines for programs, a table of 80 columns for people.
import type { Load } from "../traffic/traffic.js";
import type { Row } from "./simulate.js";

/** `rate` is requests a second; a closed loop has `concurrency` in its place, a trace `speed`. */
export function jsonLine({ workload, load, rule, figures }: Row): string {
  const { ttftMs } = figures;
  const rounded = {
    ttftMs: {
      mean: round(ttftMs.mean, 1),
      p50: round(ttftMs.p50, 1),
      p90: round(ttftMs.p90, 1),
      p99: round(ttftMs.p99, 1),
    },
    tpotMs: round(figures.tpotMs, 2),
    e2eS: round(figures.e2eS, 3),
    tokensPerS: round(figures.tokensPerS, 1),
    cachedShare: round(figures.cachedShare, 4),
    kvUseSd: round(figures.kvUseSd, 4),
    errors: figures.errors,
  };
  // The key of a load that is no rate stands beside a rate of null.
  const at = "ratePerS" in load ? { rate: load.ratePerS } : { rate: null, ...load };
  return JSON.stringify({ workload, ...at, rule, ...rounded });
}

const COLUMNS = [
  ["rule", 15],
  ["mean", 8],
  ["p50", 8],
  ["p90", 8],
  ["p99", 8],
  ["TPOT", 7],
  ["tok/s", 8],
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
  const padded = cells.map((cell, index) => cell.padStart(COLUMNS[index + 1]![1]));
  return rule.padEnd(COLUMNS[0][1]) + padded.join("");
}

export function loadText(load: Load): string {
  if ("speed" in load) return `${load.speed} x as fast`;
  return "ratePerS" in load ? `${load.ratePerS}/s` : `${load.concurrency} in flight`;
}

function round(value: number, digits: number): number {
  return Number(value.toFixed(digits));
}
