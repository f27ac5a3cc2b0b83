// The demo's table: both routes side by side, in words that need no explanation.
import type { Phase, RouteName } from "./phases.js";
import { percentile, summarize, type RouteSummary } from "../lab/summary.js";

const LABEL_COLUMNS = 34;
const VALUE_COLUMNS = 18;
const LINE_COLUMNS_MAX = 79;
/** Far below the times in the table. */
const LATE_MS_MAX = 50;
const ROUTES: RouteName[] = ["standard", "routed"];

/** Both routes over all their phases. */
export function summarizeRoutes(phases: readonly Phase[]): Record<RouteName, RouteSummary> {
  return { standard: routeSummary(phases, "standard"), routed: routeSummary(phases, "routed") };
}

/** The table: a line for each figure, a column for each route, and what changed. */
export function table(phases: readonly Phase[], routedTitle: string): string {
  const { standard, routed } = summarizeRoutes(phases);
  const each = (figure: (one: RouteSummary) => string) => [figure(standard), figure(routed)];
  const perPhase = (figure: (one: RouteSummary) => string) =>
    ROUTES.map((route) => phasesOf(phases, route).map(figureOf(figure)).join(", "));
  const lines = [
    row("", ["http", "llm-gw"]),
    row("", ["standard route", routedTitle]),
    rule(),
    row(
      "Time to first token, mean",
      each((one) => ms(one.ttftMs.mean)),
      fold(standard.ttftMs.mean, routed.ttftMs.mean),
    ),
    row(
      "  half of the requests within",
      each((one) => ms(one.ttftMs.p50)),
    ),
    row(
      "  99 % of the requests within",
      each((one) => ms(one.ttftMs.p99)),
    ),
    row(
      "  mean of each phase, ms",
      perPhase((one) => one.ttftMs.mean.toFixed(0)),
    ),
    row(
      "  99 % of each phase, ms",
      perPhase((one) => one.ttftMs.p99.toFixed(0)),
    ),
    row(
      "Prompt tokens found in a cache",
      each((one) => percent(one.cachedShare)),
      fold(routed.cachedShare, standard.cachedShare),
    ),
    row(
      "  in each phase, %",
      perPhase((one) => (100 * one.cachedShare).toFixed(0)),
    ),
    row(
      "KV in use, mean of each pod, %",
      ROUTES.map((route) =>
        meanKvUse(phases, route)
          .map((use) => (100 * use).toFixed(0))
          .join(" "),
      ),
    ),
    row(
      "Requests",
      each((one) => String(one.requests)),
    ),
    row(
      "Errors",
      each((one) => String(one.errors)),
    ),
  ];
  return lines.join("\n");
}

/** Why the filter chose as it did, in one line; empty when it decided nothing. */
export function decisionLine(reasons: readonly [string, number][]): string {
  if (reasons.length === 0) return "";
  return `llm-gw decided by ${reasons.map(([reason, count]) => `${reason} (${count})`).join(", ")}`;
}

/** What the sidecar has found wrong, as a list that fits a terminal. */
export function problemLines(problems: readonly string[]): string[] {
  return problems.flatMap((text) => {
    const lines: string[] = [];
    let line = "-";
    for (const word of text.split(" ")) {
      if (line.length + 1 + word.length > LINE_COLUMNS_MAX) {
        lines.push(line);
        line = " ";
      }
      line += ` ${word}`;
    }
    return [...lines, line];
  });
}

/** A warning when requests were sent so late that the machine, not the routes, was measured. */
export function lateWarning(phases: readonly Phase[]): string {
  const lateMs = phases.flatMap((phase) => phase.results.map((one) => one.lateMs));
  const lateMsP99 = percentile(
    lateMs.sort((a, b) => a - b),
    0.99,
  );
  if (lateMsP99 <= LATE_MS_MAX) return "";
  return (
    "This machine was too busy for good figures: 1 % of the requests were sent\n" +
    `more than ${lateMsP99.toFixed(0)} ms late.`
  );
}

/** One line for each different error, the most frequent first. */
export function errorLines(phases: readonly Phase[]): string[] {
  const counts = new Map<string, number>();
  for (const { error } of phases.flatMap((phase) => phase.results)) {
    if (error !== null) counts.set(error, (counts.get(error) ?? 0) + 1);
  }
  return [...counts].sort((a, b) => b[1] - a[1]).map(([error, count]) => `${count} x ${error}`);
}

function phasesOf(phases: readonly Phase[], route: RouteName): Phase[] {
  return phases.filter((phase) => phase.route === route);
}

function routeSummary(phases: readonly Phase[], route: RouteName): RouteSummary {
  return summarize(phasesOf(phases, route).flatMap((phase) => phase.results));
}

function figureOf(figure: (one: RouteSummary) => string): (phase: Phase) => string {
  return (phase) => figure(summarize(phase.results));
}

function meanKvUse(phases: readonly Phase[], route: RouteName): number[] {
  const chosen = phasesOf(phases, route);
  const pods = Math.max(0, ...chosen.map((phase) => phase.kvUse.length));
  return Array.from({ length: pods }, (_, pod) => {
    const uses = chosen.map((phase) => phase.kvUse[pod] ?? 0);
    return uses.reduce((sum, use) => sum + use, 0) / uses.length;
  });
}

function row(label: string, values: string[], note = ""): string {
  const cells = values.map((value) => value.padStart(VALUE_COLUMNS)).join("");
  return `${label.padEnd(LABEL_COLUMNS)}${cells}${note === "" ? "" : `  ${note}`}`.trimEnd();
}

function rule(): string {
  return "-".repeat(LABEL_COLUMNS + 2 * VALUE_COLUMNS);
}

function ms(value: number): string {
  return `${value.toFixed(0)} ms`;
}

function percent(share: number): string {
  return `${(100 * share).toFixed(0)} %`;
}

/** `3.1x`; nothing where a ratio says nothing. */
function fold(larger: number, smaller: number): string {
  if (!(larger > 0 && smaller > 0)) return "";
  return `${(larger / smaller).toFixed(1)}x`;
}
