// Turns the series into figures, verdicts and a table of at most 80 columns.
import { differences, shares, type Series } from "./measure.js";
import { ADDED_CPU_MS_MAX, PEAK_SHARE_MIN } from "./options.js";
import { judge, median, spread, type Spread, type Verdict } from "./statistics.js";

export interface SizeResult {
  sizeKb: number;
  perSecond: number;
  peak: Series[];
  cpu: Series[];
}

/** One line of the verdicts. */
export interface Figure {
  name: string;
  value: number;
  q1: number;
  q3: number;
  /** Null where no limit is set for this size. */
  limit: number | null;
  /** Median of the control's absolute differences: what the machine varies by. */
  noise: number;
  verdict: Verdict | "no limit";
}

/** Every figure of one size, judged. */
export function figuresOf(result: SizeResult): Figure[] {
  const { sizeKb, cpu, peak } = result;
  const cpuLimit = ADDED_CPU_MS_MAX.get(sizeKb) ?? null;
  const shareMin = PEAK_SHARE_MIN.get(sizeKb) ?? null;
  const lostOf = (name: string): number[] => shares(peak, name).map((share) => 1 - share);
  return [
    ...namesOf(cpu).map((name) => {
      const added = differences(cpu, name);
      const judged = judgeOf(name, added, differences(cpu, "control"), cpuLimit);
      return { name: `${name}, added CPU`, ...flat(spread(added)), ...judged };
    }),
    ...namesOf(peak).map((name) => {
      const lostMax = shareMin === null ? null : 1 - shareMin;
      const judged = judgeOf(name, lostOf(name), lostOf("control"), lostMax);
      const limit = judged.limit === null ? null : shareMin;
      return { name: `${name}, peak kept`, ...flat(spread(shares(peak, name))), ...judged, limit };
    }),
  ];
}

function namesOf(series: Series[]): string[] {
  return series.map((one) => one.name).filter((name) => name !== "plain");
}

function judgeOf(
  name: string,
  values: number[],
  control: number[],
  limit: number | null,
): Pick<Figure, "limit" | "noise" | "verdict"> {
  const noise = median(control.map(Math.abs));
  if (limit === null || name === "control") return { limit: null, noise, verdict: "no limit" };
  return { limit, noise, verdict: judge(values, control, limit) };
}

/** The tables of one size. */
export function render(result: SizeResult): string {
  const { sizeKb, cpu, peak, perSecond } = result;
  const lines = [
    `prompts of ${sizeKb} KB, ${Math.round(perSecond)} requests/s (the peak: all connections busy)`,
    row("", ["CPU/req", "p50", "p99", "peak", "p50", "p99", "failed"]),
    row("", ["ms", "ms", "ms", "req/s", "ms", "ms", ""]),
  ];
  for (const one of cpu) {
    const top = peak.find((other) => other.name === one.name);
    const failed = one.failed + (top?.failed ?? 0);
    lines.push(
      row(one.name, [
        fixed(median(one.values), 4),
        fixed(median(one.p50Ms), 2),
        fixed(median(one.p99Ms), 2),
        top === undefined ? "" : fixed(median(top.values), 0),
        top === undefined ? "" : fixed(median(top.p50Ms), 2),
        top === undefined ? "" : fixed(median(top.p99Ms), 2),
        String(failed),
      ]),
    );
  }
  const behind = cpu.reduce((sum, one) => sum + one.behind, 0);
  if (behind > 0) lines.push(`in ${behind} runs Envoy did not keep up with the rate`);
  lines.push("", figureRow("figure", ["median", "q1", "q3", "limit"], "verdict"));
  for (const figure of figuresOf(result)) {
    const { value, q1, q3, limit } = figure;
    const digits = figure.name.endsWith("CPU") ? 4 : 2;
    const cells = [value, q1, q3].map((number) => fixed(number, digits));
    lines.push(
      figureRow(figure.name, [...cells, limit === null ? "" : String(limit)], figure.verdict),
    );
  }
  return lines.join("\n");
}

function flat(one: Spread): { value: number; q1: number; q3: number } {
  return { value: one.median, q1: one.q1, q3: one.q3 };
}

function fixed(value: number, digits: number): string {
  return Number.isFinite(value) ? value.toFixed(digits) : "-";
}

function row(name: string, cells: string[]): string {
  return (name.padEnd(12) + cells.map((cell) => cell.padStart(9)).join("")).trimEnd();
}

function figureRow(name: string, cells: string[], verdict: string): string {
  const numbers = cells.map((cell) => cell.padStart(8)).join("");
  return `${name.padEnd(18)}${numbers}  ${verdict}`.trimEnd();
}
