// Prints what a rule comes to under overload: goodput, refusals and waits, by criticality.
import { GROUPS, type Group } from "./goodput.js";
import { loadText } from "./print.js";
import type { Row } from "./simulate.js";

const NAME_WIDTH = 14;
const COLUMNS = ["req/s", "good/s", "in time", "refused", "mean", "p99", "cached"] as const;
const WIDTH = 9;
const NAMES: Partial<Record<Group, string>> = {
  largeTenant: "large tenant",
  smallTenants: "small tenants",
};

/** One rule's block: times are TTFT in ms, shares are of the requests. */
export function overloadTable({ workload, load, rule, figures, runs }: Row): string {
  const mean = runs.length > 1 ? `, mean of ${runs.length} seeds` : "";
  const lines = GROUPS.map((group) => {
    const { requestsPerS, goodPerS, inTimeShare, refusedShare, ttftMs } = figures.goodput![group];
    return rowOf(NAMES[group] ?? group, [
      requestsPerS.toFixed(2),
      goodPerS.toFixed(2),
      inTimeShare.toFixed(3),
      refusedShare.toFixed(3),
      ttftMs.mean.toFixed(0),
      ttftMs.p99.toFixed(0),
      group === "all" ? figures.cachedShare.toFixed(3) : "",
    ]);
  });
  const title = `${workload}, ${loadText(load)}: ${rule}${mean}`;
  return [title, rowOf("", COLUMNS), ...lines].join("\n");
}

function rowOf(name: string, cells: readonly string[]): string {
  return (name.padEnd(NAME_WIDTH) + cells.map((cell) => cell.padStart(WIDTH)).join("")).trimEnd();
}
