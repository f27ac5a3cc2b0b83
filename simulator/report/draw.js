// Runs in the browser: draws the charts of the report in DATA, with uPlot.
/* global document, uPlot, DATA */

const TEXT = "#1c2126";
const GRID = "rgba(28, 33, 38, 0.1)";
const FONT = "11px 'Liberation Sans', Arial, sans-serif";
const AXIS_PX = 56;
/** For any number of pods or rules: hues as far apart as they can be, two lightnesses in turn. */
const FIRST = [
  "#1f62c4",
  "#d9480f",
  "#2b8a3e",
  "#9c36b5",
  "#b08800",
  "#0b8a9e",
  "#c2255c",
  "#5c636a",
];

function colorOf(index) {
  if (index < FIRST.length) return FIRST[index];
  return `hsl(${Math.round(index * 137.5) % 360} 70% ${index % 2 ? 30 : 48}%)`;
}

const axis = {
  stroke: TEXT,
  font: FONT,
  labelFont: FONT,
  grid: { stroke: GRID, width: 1 },
  ticks: { stroke: GRID, width: 1, size: 4 },
};

function milliseconds(value) {
  if (value >= 1000) return `${Number((value / 1000).toPrecision(3))} s`;
  return `${Number(value.toPrecision(3))} ms`;
}

function options({ title, xLabel, widthPx, heightPx }, x, y, series) {
  return {
    title,
    width: widthPx,
    height: heightPx,
    padding: [8, 18, 0, 0],
    legend: { show: false },
    cursor: { points: { show: false } },
    scales: { x: { time: false, ...x.scale }, y: y.scale },
    axes: [
      { ...axis, size: 30, label: xLabel, labelSize: 16, ...x.axis },
      { ...axis, size: AXIS_PX, ...y.axis },
    ],
    series: [
      {},
      ...series.map(({ color }) => ({
        stroke: color,
        width: 1.3,
        points: { show: false },
        spanGaps: false,
      })),
    ],
  };
}

/** 1, 2 and 5 of each decade get a number; the lines between them show the logarithm. */
function decades(_, splits) {
  return splits.map((value) => {
    const mantissa = value / 10 ** Math.floor(Math.log10(value) + 1e-9);
    return [1, 2, 5].includes(Number(mantissa.toFixed(6))) ? milliseconds(value) : "";
  });
}

function drawDistribution(chart, host) {
  const x = {
    scale: { distr: 3, log: 10 },
    axis: { values: decades, filter: (_, splits) => splits },
  };
  const y = {
    scale: { range: [0, 1] },
    axis: { values: (_, splits) => splits.map((share) => `${Math.round(share * 100)} %`) },
  };
  const series = chart.series.map((one, index) => ({ ...one, color: colorOf(index) }));
  // Each line has its own times: joined to one row of times, with holes that lines span.
  const joined = uPlot.join(series.map(({ times, shares }) => [times, shares]));
  const drawn = options(chart, x, y, series);
  for (const one of drawn.series.slice(1)) one.spanGaps = true;
  new uPlot(drawn, joined, host);
  host.append(legendOf(series));
}

function drawTimes(chart, host) {
  const series = chart.series.map((one, index) => ({ ...one, color: colorOf(index) }));
  const y = {
    scale: { range: [0, chart.yMax] },
    axis: {
      values: (_, splits) =>
        splits.map((value) => (chart.isShare ? `${Math.round(value * 100)} %` : String(value))),
      incrs: chart.isShare
        ? [0.01, 0.02, 0.05, 0.1, 0.2, 0.25]
        : [1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000],
    },
  };
  const x = { scale: { range: [0, chart.xMax] }, axis: {} };
  new uPlot(
    options(chart, x, y, series),
    [chart.timesS, ...series.map(({ values }) => values)],
    host,
  );
  host.append(legendOf(series));
}

function legendOf(series) {
  const legend = document.createElement("div");
  legend.className = "legend";
  for (const { name, color } of series) {
    const entry = document.createElement("span");
    const chip = document.createElement("i");
    chip.style.background = color;
    entry.append(chip, name);
    legend.append(entry);
  }
  return legend;
}

for (const chart of DATA.charts) {
  const host = document.getElementById(chart.id);
  if (chart.kind === "distribution") drawDistribution(chart, host);
  else drawTimes(chart, host);
}
