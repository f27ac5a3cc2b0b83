// Reads the Grafana dashboard: its panels, and its queries with values in place of variables.
import { readFileSync } from "node:fs";
import { projectPath } from "../config/project.js";

export const DASHBOARD_PATH = projectPath("manifests", "monitoring", "grafana-dashboard.json");

export interface Target {
  refId: string;
  expr: string;
  legendFormat: string;
  instant: boolean;
  datasource: { uid: string };
}

export interface Override {
  matcher: { id: string; options: string };
  properties: { id: string; value: unknown }[];
}

export interface Panel {
  id: number;
  type: "row" | "stat" | "timeseries" | "table";
  title: string;
  description?: string;
  gridPos: { x: number; y: number; w: number; h: number };
  targets?: Target[];
  fieldConfig?: {
    defaults: {
      unit?: string;
      min?: number;
      max?: number;
      decimals?: number;
      thresholds?: { steps: { color: string; value: number | null }[] };
      custom?: { fillOpacity?: number; stacking?: { mode: string } };
    };
    overrides: Override[];
  };
  transformations?: { id: string; options: Record<string, unknown> }[];
}

export interface Variable {
  name: string;
  type: string;
  query: string | { query: string };
  allValue?: string;
}

export interface Dashboard {
  title: string;
  schemaVersion: number;
  panels: Panel[];
  templating: { list: Variable[] };
}

export function readDashboard(path = DASHBOARD_PATH): Dashboard {
  return JSON.parse(readFileSync(path, "utf8")) as Dashboard;
}

/** Without a row that is the last one, and its panels. */
export function withoutLastRow(dashboard: Dashboard, title: string): Dashboard {
  const start = dashboard.panels.findIndex(
    (panel) => panel.type === "row" && panel.title === title,
  );
  const isLast =
    start >= 0 && dashboard.panels.slice(start + 1).every(({ type }) => type !== "row");
  if (!isLast) throw new Error(`"${title}" is not the last row`);
  return { ...dashboard, panels: dashboard.panels.slice(0, start) };
}

/** Every `$name`, `${name}` of a text. */
export function variablesOf(text: string): string[] {
  return [...text.matchAll(/\$\{?(\w+)(?::\w+)?\}?/g)].map((match) => match[1] as string);
}

/**
 * A query as Grafana would send it. A variable without a value throws: Grafana would send the name,
 * and Prometheus would find nothing without a word.
 */
export function fillIn(text: string, values: Readonly<Record<string, string>>): string {
  return text.replace(/\$\{?(\w+)\}?/g, (_, name: string) => {
    const value = values[name];
    if (value === undefined) throw new Error(`no value for $${name} in ${text}`);
    return value;
  });
}

/** A value of a variable that may have several: Grafana escapes it, as it stands in a regexp. */
export function escaped(value: string): string {
  return value.replace(/[.*+?^${}()|[\]\\]/g, "\\\\$&");
}
