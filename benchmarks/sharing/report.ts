// The benchmark's tables, at most 80 columns: medians over the rounds, and their ranges.
import { median } from "../envoy/statistics.js";
import { firstSeconds, REPLAY_SECONDS, type Join } from "./join.js";
import type { Lag } from "./lag.js";
import type { Variant } from "./options.js";
import { GATEWAYS, type Run } from "./rounds.js";
import type { Usage } from "./usage.js";

const COLUMNS_MAX = 80;
const LABEL_COLUMNS = 12;
const CELL_COLUMNS = 17;
const NARROW_COLUMNS = 11;
/** Far below the times in the tables. */
const LATE_MS_MAX = 50;
/** Above it, queues for the machine's cores show in the latencies. */
const BUSY_PERCENT_MAX = 60;

type Figure = (run: Run) => number;
type Part = (usage: Usage) => number;

const cachedPercent: Figure = (run) => 100 * run.cachedShare;

/** Latency and caches of each variant, and by how much it differs from one gateway. */
export function roundsTable(runs: readonly Run[]): string {
  const times: Figure[] = [(r) => r.ttftMs.mean, (r) => r.ttftMs.p50, (r) => r.ttftMs.p99];
  const lines = [
    `${namesText(runs)}; median over rounds (lowest to highest)`,
    row(["", "TTFT mean, ms", "p50, ms", "p99, ms", "cached, %"]),
  ];
  for (const variant of variantsOf(runs)) {
    const those = runs.filter((run) => run.variant === variant);
    const cells = times.map((figure) => range(those.map(figure), 0));
    lines.push(row([variant, ...cells, range(those.map(cachedPercent), 1)]));
  }
  for (const variant of variantsOf(runs)) lines.push(...differenceLines(runs, variant, times));
  return [...lines, ...requestLines(runs)].join("\n");
}

/** By how much a variant differs from one gateway, round by round; nothing for `one` itself. */
function differenceLines(runs: readonly Run[], variant: Variant, times: Figure[]): string[] {
  const percent = (value: number, one: number): number => 100 * (value / one - 1);
  const [mean, p50, p99] = times.map((figure) => pairs(runs, variant, figure, percent));
  const points = pairs(runs, variant, cachedPercent, (value, one) => value - one);
  if (variant === "one" || points.length === 0) return [];
  const label = `${variant} - one: `;
  return [
    `${label}TTFT mean ${change(mean!, 0, "%")}, p50 ${signed(median(p50!), 0)} %,` +
      ` p99 ${signed(median(p99!), 0)} %`,
    `${" ".repeat(label.length)}cached ${change(points, 1, "points")}`,
  ];
}

/** What the components use where nothing is asked, and what each request adds to it. */
export function cpuTable(runs: readonly Run[]): string {
  const wide = (cells: string[]) => row(cells, NARROW_COLUMNS);
  const lines = [
    "CPU time: ms that a request adds, then ms per second without requests",
    wide(["", "Envoy", "sidecars", "nats", "Envoy", "sidecars", "nats"]),
  ];
  for (const variant of variantsOf(runs)) {
    const those = runs.filter((run) => run.variant === variant);
    const middle = (figure: Figure, digits: number) => median(those.map(figure)).toFixed(digits);
    const idleMs = (run: Run, part: Part) => part(run.idle) / run.idle.spanMs;
    const addedMs = (run: Run, part: Part) =>
      (part(run.underLoad) - idleMs(run, part) * run.underLoad.spanMs) / Math.max(1, run.sent);
    const parts: Part[] = [(u) => u.envoy, (u) => u.sidecar, (u) => u.nats];
    lines.push(
      wide([
        variant,
        ...parts.map((part) => middle((run) => addedMs(run, part), 2)),
        ...parts.map((part) => middle((run) => 1000 * idleMs(run, part), 1)),
      ]),
    );
  }
  return lines.join("\n");
}

/** Share of the trials in which the other gateway knew, by delay. */
export function lagTable(lags: readonly Lag[]): string {
  const delays = lags[0]?.rows.map((one) => one.delayMs) ?? [];
  const lines = [
    "Lag: a new prompt to one gateway, again to another one so many ms later:",
    "share of the trials in which that one knew where the prompt is cached, %",
    row(["ms later", ...delays.map(String)], 8),
  ];
  for (const { pollIntervalMs, rows, p50Ms, p99Ms, errors } of lags) {
    const shares = rows.map((one) => ((100 * one.known) / Math.max(1, one.trials)).toFixed(1));
    lines.push(row([`poll ${pollIntervalMs} ms`, ...shares], 8));
    const longest = delays.at(-1);
    const text = (ms: number | null) => (ms === null ? `over ${longest}` : ms.toFixed(0));
    lines.push(
      `  p50 ${text(p50Ms)} ms, p99 ${text(p99Ms)} ms; ` +
        `${rows[0]?.trials} trials for each delay, ${errors} failed`,
    );
  }
  lines.push("p50, p99: where the line through these shares reaches 50 and 99 %.");
  return lines.join("\n");
}

/** The first seconds of gateways that joined, with and without replay. */
export function joinTable(joins: readonly Join[], seconds: number): string {
  const lines = [
    `Join: a third gateway's first ${firstSeconds(seconds)} s of traffic; ` +
      "median over rounds (low-high)",
    row(["", "TTFT mean, ms", "others, ms", "cached, %", "others, %"]),
  ];
  for (const replaySeconds of REPLAY_SECONDS) {
    const those = joins.filter((one) => one.replaySeconds === replaySeconds);
    const of = (figure: (join: Join) => number, digits: number) => range(those.map(figure), digits);
    lines.push(
      row([
        `replay ${replaySeconds} s`,
        of((one) => one.newcomer.ttftMs.mean, 0),
        of((one) => one.others.ttftMs.mean, 0),
        of((one) => 100 * one.newcomer.cachedShare, 1),
        of((one) => 100 * one.others.cachedShare, 1),
      ]),
      `  ready ${of((one) => one.startMs / 1000, 1)} s after its start, ` +
        `then ${of((one) => one.newcomer.requests, 0)} requests`,
    );
  }
  const errors = joins.reduce((sum, one) => sum + one.newcomer.errors + one.others.errors, 0);
  return [...lines, `${errors} errors in these seconds, at all gateways.`].join("\n");
}

function namesText(runs: readonly Run[]): string {
  const texts: Record<Variant, string> = {
    one: "1 gateway",
    shared: `${GATEWAYS} that share`,
    alone: `${GATEWAYS} that do not`,
  };
  return variantsOf(runs)
    .map((variant) => texts[variant])
    .join(", ");
}

/** Counts, errors, and a warning where the machine and not the pods was measured. */
function requestLines(runs: readonly Run[]): string[] {
  const errors = runs.reduce((sum, run) => sum + run.errors, 0);
  const busy = runs.map((run) => 100 * run.underLoad.busyShare);
  const lateMs = Math.max(...runs.map((run) => run.lateMsP99));
  const texts = new Set(runs.flatMap((run) => run.errorTexts));
  const requests = runs.reduce((sum, run) => sum + run.requests, 0);
  const lines = [
    `${requests} requests counted, ${errors} errors; cores ` + `${range(busy, 0)} % busy`,
    ...[...texts].map((text) => `  ${text}`.slice(0, COLUMNS_MAX)),
  ];
  if (lateMs > LATE_MS_MAX || median(busy) > BUSY_PERCENT_MAX) {
    lines.push("This machine was too busy for good figures.");
  }
  return lines;
}

/** Compares each run of a variant with the run of `one` in the same round. */
function pairs(
  runs: readonly Run[],
  variant: Variant,
  figure: Figure,
  compare: (value: number, one: number) => number,
): number[] {
  return runs
    .filter((run) => run.variant === variant)
    .flatMap((run) => {
      const one = runs.find((other) => other.variant === "one" && other.round === run.round);
      return one === undefined ? [] : [compare(figure(run), figure(one))];
    });
}

function variantsOf(runs: readonly Run[]): Variant[] {
  const found = new Set(runs.map((run) => run.variant));
  return (["one", "shared", "alone"] as const).filter((variant) => found.has(variant));
}

/** `80 (64-95)`; empty for no values. */
function range(values: readonly number[], digits: number): string {
  if (values.length === 0) return "";
  const [low, high] = [Math.min(...values), Math.max(...values)].map((one) => one.toFixed(digits));
  return `${median(values).toFixed(digits)} (${low}-${high})`;
}

/** `+3 % (-2 to +8)` */
function change(values: readonly number[], digits: number, unit: string): string {
  const [low, high] = [Math.min(...values), Math.max(...values)].map((one) => signed(one, digits));
  return `${signed(median(values), digits)} ${unit} (${low} to ${high})`;
}

function signed(value: number, digits: number): string {
  const text = value.toFixed(digits);
  return text.startsWith("-") ? text : `+${text}`;
}

function row(cells: string[], columns = CELL_COLUMNS): string {
  const [label = "", ...rest] = cells;
  const line = label.padEnd(LABEL_COLUMNS) + rest.map((cell) => cell.padStart(columns)).join("");
  return line.trimEnd();
}
