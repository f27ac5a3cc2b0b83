// Makes one HTML page, without anything to fetch, that draws a dashboard's panels.
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { projectPath } from "../config/project.js";
import type { Dashboard } from "./dashboard.js";
import type { PanelData } from "./panel-data.js";

/** Above the panels: the dashboard's name and its variables, as in Grafana. */
const TOP_PX = 60;
const CELL_PX = 38;

const STYLE = `
body { margin: 0; background: #f4f5f5; color: #24292e; position: relative;
  font: 13px Inter, "Liberation Sans", Arial, sans-serif; }
header { position: absolute; left: 8px; top: 10px; display: flex; gap: 10px; align-items: center; }
header b { font-size: 17px; margin-right: 12px; }
header span { background: #fff; border: 1px solid #d5d8db; border-radius: 2px; padding: 5px 9px; }
header span u { text-decoration: none; color: #1f60c4; margin-right: 6px; }
.panel, .row { position: absolute; box-sizing: border-box; overflow: hidden; }
.panel { background: #fff; border: 1px solid #dfe2e5; border-radius: 2px; }
.row { font-size: 15px; font-weight: bold; padding: 6px 2px; }
.title { height: 20px; padding: 6px 8px 2px; font-weight: bold; white-space: nowrap; }
.number { font-size: 24px; font-weight: bold; padding: 6px 8px; white-space: nowrap; }
.legend { padding: 2px 8px; max-height: 51px; overflow: hidden; font-size: 10.5px; }
.entry { display: inline-block; margin-right: 9px; line-height: 17px; white-space: nowrap; }
.chip { display: inline-block; width: 12px; height: 4px; margin: 0 5px 3px 0; border-radius: 1px; }
.empty { color: #8a8f94; text-align: center; padding-top: 80px; height: 92px; }
table { border-collapse: collapse; width: 100%; }
th, td { text-align: left; padding: 6px 9px; border-bottom: 1px solid #e8eaec; font-size: 12px; }
th { color: #1f60c4; font-weight: normal; }
`;

export interface PageOptions {
  widthPx: number;
  /** What the variables' boxes show, by label. */
  shown: Record<string, string>;
}

export interface Page {
  html: string;
  heightPx: number;
}

export function makePage(dashboard: Dashboard, panels: PanelData[], options: PageOptions): Page {
  const uplot = dirname(createRequire(import.meta.url).resolve("uplot/package.json"));
  const asset = (name: string): string => readFileSync(join(uplot, "dist", name), "utf8");
  const draw = readFileSync(projectPath("scripts", "dashboard", "draw.js"), "utf8");
  const data = { widthPx: options.widthPx, topPx: TOP_PX, panels };
  const boxes = Object.entries(options.shown).map(([label, value]) => {
    return `<span><u>${label}</u>${value}</span>`;
  });
  const html = `<!doctype html>
<meta charset="utf-8">
<style>${asset("uPlot.min.css")}${STYLE}</style>
<body>
<header><b>${dashboard.title}</b>${boxes.join("")}</header>
<script>${asset("uPlot.iife.min.js")}</script>
<script>const DATA = ${JSON.stringify(data).replaceAll("<", "\\u003c")};</script>
<script>${draw}</script>
</body>
`;
  const bottom = Math.max(...dashboard.panels.map(({ gridPos }) => gridPos.y + gridPos.h));
  return { html, heightPx: TOP_PX + bottom * CELL_PX + 8 };
}
