// Runs in the browser: draws the panels in DATA on a grid like Grafana's, with uPlot.
/* global document, uPlot, DATA */

/** Grafana's measures: cells of 30 pixels with gaps of 8, 24 columns. */
const CELL_PX = 30;
const GAP_PX = 8;
const COLUMNS = 24;
const HEADER_PX = 28;
const LEGEND_LINES_MAX = 3;
const LEGEND_LINE_PX = 17;
/** Grafana's "classic palette". */
const PALETTE = [
  ...["#7eb26d", "#eab839", "#6ed0e0", "#ef843c", "#e24d42", "#1f78c1", "#ba43a9", "#705da0"],
  ...["#508642", "#cca300", "#447ebc", "#c15c17", "#890f02", "#0a437c", "#6d1f62", "#584477"],
];
const NAMED = { green: "#37872d", orange: "#e0752d", red: "#c4162a", blue: "#1f60c4" };
const TEXT = "#24292e";
const GRID = "rgba(36, 41, 46, 0.1)";
const LETTER_PX = 6.4;
/** Steps of a scale of bytes: 1 KiB to 1 TiB. */
const BINARY_STEPS = Array.from({ length: 31 }, (_, power) => 2 ** (power + 10));
const FONT = "11px Inter, 'Liberation Sans', Arial, sans-serif";

function scaled(value, base, names) {
  let index = 0;
  for (; Math.abs(value) >= base && index < names.length - 1; index++) value /= base;
  return `${rounded(value)}${names[index]}`;
}

function rounded(value) {
  const digits = Math.abs(value) >= 100 ? 0 : Math.abs(value) >= 10 ? 1 : 2;
  return String(Number(value.toFixed(digits)));
}

function seconds(value) {
  if (value === 0) return "0 s";
  if (Math.abs(value) < 0.001) return `${rounded(value * 1e6)} µs`;
  if (Math.abs(value) < 1) return `${rounded(value * 1e3)} ms`;
  return `${rounded(value)} s`;
}

function formatted(value, unit) {
  if (value === null || value === undefined) return "–";
  if (typeof value === "string") return value;
  if (unit === "percentunit") return `${rounded(value * 100)}%`;
  if (unit === "s") return seconds(value);
  if (unit === "µs") return seconds(value / 1e6);
  if (unit === "reqps") return `${scaled(value, 1000, ["", "K", "M"])} req/s`;
  if (unit === "bytes") return scaled(value, 1024, [" B", " KiB", " MiB", " GiB"]);
  if (unit === "Bps") return scaled(value, 1000, [" B/s", " kB/s", " MB/s", " GB/s"]);
  if (unit === "bool_yes_no") return value === 0 ? "no" : "yes";
  if (unit.startsWith("suffix:")) return `${rounded(value)} ${unit.slice("suffix:".length)}`;
  return scaled(value, 1000, ["", " K", " M"]);
}

function element(tag, className, text) {
  const node = document.createElement(tag);
  node.className = className;
  if (text !== undefined) node.textContent = text;
  return node;
}

function sizeOf({ w, h }) {
  const columnPx = (DATA.widthPx - GAP_PX * (COLUMNS + 1)) / COLUMNS;
  return {
    width: w * columnPx + (w - 1) * GAP_PX,
    height: h * CELL_PX + (h - 1) * GAP_PX,
  };
}

function placed(node, gridPos) {
  const { width, height } = sizeOf(gridPos);
  const columnPx = (DATA.widthPx - GAP_PX * (COLUMNS + 1)) / COLUMNS;
  node.style.left = `${GAP_PX + gridPos.x * (columnPx + GAP_PX)}px`;
  node.style.top = `${DATA.topPx + gridPos.y * (CELL_PX + GAP_PX)}px`;
  node.style.width = `${width}px`;
  node.style.height = `${height}px`;
  document.body.append(node);
  return { width, height };
}

function colorAt(steps, value) {
  let color = "green";
  for (const step of steps) if (step.value === null || value >= step.value) color = step.color;
  return NAMED[color] ?? color;
}

/** Each series on top of those before it, the last one first so that fills do not hide others. */
function stacked(series, length) {
  const sums = new Array(length).fill(0);
  return series.map(({ name, values }) => ({
    name,
    values: values.map((value, index) => (sums[index] += value ?? 0)),
  }));
}

function drawLines(body, { panel, times, series }, size) {
  const { unit = "short", min, max, custom = {}, thresholds } = panel.fieldConfig.defaults;
  const isStacked = custom.stacking?.mode === "normal";
  const opacity = (custom.fillOpacity ?? 0) / 100;
  const drawn = series.map((one, index) => ({ ...one, color: PALETTE[index % PALETTE.length] }));
  const legend = legendOf(drawn);
  const lines = isStacked ? stacked(drawn, times.length) : drawn;
  const ordered = lines.map((one, index) => ({ ...one, color: drawn[index].color }));
  if (isStacked) ordered.reverse();
  const values = ordered.flatMap((one) => one.values.filter((value) => value !== null));
  const highest = Math.max(...values, 0);
  const top = max ?? (highest > 0 ? highest * 1.08 : 1);
  const limit = thresholds?.steps.find(({ value }) => value !== null);
  const height = size.height - HEADER_PX - LEGEND_LINES_MAX * LEGEND_LINE_PX - 8;
  const axis = {
    stroke: TEXT,
    font: FONT,
    grid: { stroke: GRID, width: 1 },
    ticks: { show: false },
  };
  const options = {
    width: size.width - 8,
    height,
    padding: [6, 20, 0, 0],
    legend: { show: false },
    cursor: { show: false },
    scales: { x: { time: true }, y: { range: [min ?? 0, top] } },
    axes: [
      { ...axis, size: 22, values: (_, splits) => splits.map(clock), space: 60 },
      {
        ...axis,
        size: (_, labels) =>
          14 + LETTER_PX * Math.max(3, ...(labels ?? []).map(({ length }) => length)),
        values: (_, splits) => splits.map((one) => formatted(one, unit)),
        space: 26,
        ...(unit === "bytes" ? { incrs: BINARY_STEPS } : {}),
      },
    ],
    series: [
      {},
      ...ordered.map(({ color }) => ({
        stroke: color,
        width: 1.2,
        fill:
          color +
          Math.round(opacity * 255)
            .toString(16)
            .padStart(2, "0"),
        points: { show: false },
      })),
    ],
    hooks: limit === undefined ? {} : { draw: [(plot) => drawLimit(plot, limit)] },
  };
  if (ordered.length === 0) body.append(element("div", "empty", "No data"));
  else new uPlot(options, [times, ...ordered.map((one) => one.values)], body);
  body.append(legend);
}

function drawLimit(plot, { value, color }) {
  const y = Math.round(plot.valToPos(value, "y", true));
  plot.ctx.save();
  plot.ctx.strokeStyle = NAMED[color] ?? color;
  plot.ctx.setLineDash([6, 5]);
  plot.ctx.beginPath();
  plot.ctx.moveTo(plot.bbox.left, y);
  plot.ctx.lineTo(plot.bbox.left + plot.bbox.width, y);
  plot.ctx.stroke();
  plot.ctx.restore();
}

function clock(time) {
  return new Date(time * 1000).toISOString().slice(11, 19);
}

function legendOf(series) {
  const legend = element("div", "legend");
  for (const { name, color } of series) {
    const entry = element("span", "entry");
    const chip = element("i", "chip");
    chip.style.background = color;
    entry.append(chip, name);
    legend.append(entry);
  }
  return legend;
}

function drawStat(body, { panel, times, series }, size) {
  const { unit, thresholds, decimals } = panel.fieldConfig.defaults;
  const values = series[0]?.values ?? [];
  const last = values.findLast((value) => value !== null) ?? null;
  const color = last === null ? TEXT : colorAt(thresholds.steps, last);
  const shown = decimals === 0 && last !== null ? Math.round(last) : last;
  const number = element("div", "number", formatted(shown, unit));
  number.style.color = color;
  body.append(number);
  if (last === null) return;
  const options = {
    width: size.width,
    height: 44,
    padding: [2, 0, 0, 0],
    legend: { show: false },
    cursor: { show: false },
    scales: { y: { range: [0, Math.max(...values, 1e-9) * 1.1] } },
    axes: [{ show: false }, { show: false }],
    series: [{}, { stroke: color, width: 1, fill: color + "26", points: { show: false } }],
  };
  new uPlot(options, [times, values], body);
}

function drawTable(body, { panel, table }) {
  const units = new Map();
  for (const { matcher, properties } of panel.fieldConfig.overrides) {
    const unit = properties.find(({ id }) => id === "unit");
    if (unit !== undefined) units.set(matcher.options, unit.value);
  }
  const node = element("table", "");
  const head = element("tr", "");
  for (const column of table.columns) head.append(element("th", "", column));
  node.append(head);
  for (const row of table.rows) {
    const line = element("tr", "");
    row.forEach((value, index) => {
      const unit = units.get(table.columns[index]) ?? panel.fieldConfig.defaults.unit;
      const cell = element("td", "", formatted(value, unit));
      if (unit === "bool_yes_no" && value !== 0) cell.style.color = NAMED.red;
      line.append(cell);
    });
    node.append(line);
  }
  body.append(node);
}

function drawPanel(data) {
  const { panel } = data;
  if (panel.type === "row") {
    placed(element("div", "row", `⌄ ${panel.title}`), panel.gridPos);
    return;
  }
  const node = element("div", "panel");
  const size = placed(node, panel.gridPos);
  node.append(element("div", "title", panel.title));
  const body = element("div", "body");
  node.append(body);
  if (panel.type === "stat") drawStat(body, data, size);
  else if (panel.type === "table") drawTable(body, data);
  else drawLines(body, data, size);
}

DATA.panels.forEach(drawPanel);
