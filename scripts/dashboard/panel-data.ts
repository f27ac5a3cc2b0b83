// Runs the queries of a dashboard's panels and lays their results out for drawing.
import type { Labels, Prometheus } from "../../lab/prometheus.js";
import { fillIn, type Dashboard, type Panel, type Target } from "./dashboard.js";

export interface Window {
  fromSeconds: number;
  toSeconds: number;
  stepSeconds: number;
  /** Values of the dashboard's variables. */
  variables: Record<string, string>;
}

/** What one panel shows. Null is a gap. */
export interface PanelData {
  panel: Panel;
  times: number[];
  series: { name: string; values: (number | null)[] }[];
  table: { columns: string[]; rows: (string | number | null)[][] } | null;
}

export async function readPanels(
  dashboard: Dashboard,
  prometheus: Prometheus,
  window: Window,
): Promise<PanelData[]> {
  const panels: PanelData[] = [];
  for (const panel of dashboard.panels) {
    const isTable = panel.type === "table";
    panels.push({
      panel,
      times: timesOf(window),
      series: isTable ? [] : await readSeries(panel.targets ?? [], prometheus, window),
      table: isTable ? await readTable(panel, prometheus, window) : null,
    });
  }
  return panels;
}

function timesOf({ fromSeconds, toSeconds, stepSeconds }: Window): number[] {
  const count = Math.floor((toSeconds - fromSeconds) / stepSeconds) + 1;
  return Array.from({ length: count }, (_, index) => fromSeconds + index * stepSeconds);
}

async function readSeries(
  targets: Target[],
  prometheus: Prometheus,
  window: Window,
): Promise<PanelData["series"]> {
  const { fromSeconds, toSeconds, stepSeconds } = window;
  const all: PanelData["series"] = [];
  for (const { expr, legendFormat } of targets) {
    const filled = fillIn(expr, window.variables);
    const lines = await prometheus.queryRange(filled, fromSeconds, toSeconds, stepSeconds);
    for (const { labels, points } of lines) {
      const byTime = new Map(points);
      const values = timesOf(window).map((time) => finite(byTime.get(time)));
      all.push({ name: legendOf(legendFormat, labels), values });
    }
  }
  return all;
}

function finite(value: number | undefined): number | null {
  return value !== undefined && Number.isFinite(value) ? value : null;
}

function legendOf(format: string, labels: Labels): string {
  return format.replace(/\{\{\s*(\w+)\s*\}\}/g, (_, label: string) => labels[label] ?? "").trim();
}

/** Grafana's transformations "merge" and "organize": a row for each set of labels. */
async function readTable(
  { targets = [], transformations = [] }: Panel,
  prometheus: Prometheus,
  window: Window,
): Promise<PanelData["table"]> {
  const organize = transformations.find(({ id }) => id === "organize")?.options ?? {};
  const names = organize["renameByName"] as Record<string, string>;
  const order = organize["indexByName"] as Record<string, number>;
  const fields = Object.keys(order).sort((a, b) => (order[a] ?? 0) - (order[b] ?? 0));
  const rows = new Map<string, Record<string, string | number>>();
  for (const { refId, expr } of targets) {
    for (const sample of await prometheus.query(fillIn(expr, window.variables))) {
      const key = JSON.stringify(sample.labels);
      const row = rows.get(key) ?? { ...sample.labels };
      row[`Value #${refId}`] = sample.value;
      rows.set(key, row);
    }
  }
  return {
    columns: fields.map((field) => names[field] ?? field),
    rows: [...rows.values()].map((row) => fields.map((field) => row[field] ?? null)),
  };
}
