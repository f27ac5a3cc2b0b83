// What the report's charts show, as data that the page holds and draw.js draws.
import type { Recording } from "../run/recorder.js";
import type { Row } from "../run/simulate.js";

/** Two charts stand side by side in a page of 1280 pixels. */
const HALF_PX = 600;
const DISTRIBUTION_PX = 1216;
const HEIGHT_PX = 220;
const DISTRIBUTION_HEIGHT_PX = 300;
/** A page names so many lines; more would hide each other. */
const PODS_MAX = 64;

interface Box {
  /** Of the element that it is drawn in. */
  id: string;
  title: string;
  xLabel: string;
  widthPx: number;
  heightPx: number;
}

export interface DistributionChart extends Box {
  kind: "distribution";
  /** The share of requests whose first token had come by then. */
  series: { name: string; times: number[]; shares: number[] }[];
}

export interface TimesChart extends Box {
  kind: "times";
  timesS: number[];
  xMax: number;
  yMax: number;
  isShare: boolean;
  /** Null: a gap. */
  series: { name: string; values: (number | null)[] }[];
}

export type Chart = DistributionChart | TimesChart;

/** TTFT of all rules of one workload and load, mean of the seeds at each share. */
export function distributionChart(id: string, rows: readonly Row[]): DistributionChart {
  return {
    kind: "distribution",
    id,
    title: "Time to first token: share of requests whose first token had come",
    xLabel: "time since the request",
    widthPx: DISTRIBUTION_PX,
    heightPx: DISTRIBUTION_HEIGHT_PX,
    series: rows.map(({ rule, runs }) => {
      const all = runs.map(({ recording }) => recording!.ttftQuantilesMs);
      const usable = all.filter(({ length }) => length > 0);
      const steps = usable[0]?.length ?? 0;
      const times: number[] = [];
      const shares: number[] = [];
      for (let step = 0; step < steps; step++) {
        const mean = usable.reduce((sum, one) => sum + one[step]!, 0) / usable.length;
        const timeMs = rounded(Math.max(0.1, mean), 4);
        // Times must rise; the last share of equal times counts.
        if (times.at(-1) === timeMs) shares.pop();
        else times.push(timeMs);
        shares.push(rounded(step / (steps - 1), 4));
      }
      return { name: rule, times, shares };
    }),
  };
}

/** What the pods did over time under each rule, of the first seed; one scale for all rules. */
export function timesCharts(prefix: string, rows: readonly Row[]): TimesChart[] {
  const recordings = rows.map(({ runs }) => runs[0]!.recording!);
  const xMax = Math.max(1, ...recordings.map(({ timesS }) => timesS.at(-1) ?? 0));
  const inFlightMax = highest(recordings.flatMap(({ pods }) => pods.map((pod) => pod.inFlight)));
  const chart = (
    rule: number,
    name: string,
    rest: Pick<TimesChart, "title" | "yMax" | "isShare" | "series">,
  ): TimesChart => ({
    kind: "times",
    id: `${prefix}-${name}-${rule}`,
    xLabel: "time, s",
    widthPx: HALF_PX,
    heightPx: HEIGHT_PX,
    timesS: recordings[rule]!.timesS.map((time) => rounded(time, 5)),
    xMax,
    ...rest,
  });
  const each = (of: (rule: number, recording: Recording, title: string) => TimesChart) =>
    recordings.map((recording, rule) => of(rule, recording, rows[rule]!.rule));
  // Engines without a prefix cache have nothing to show.
  const isCached = highest(recordings.map(({ cachedShare }) => cachedShare)) > 0;
  const cached: typeof each = (of) => (isCached ? each(of) : []);
  return [
    ...each((rule, { pods }, name) =>
      chart(rule, "kv", {
        title: `KV cache use by pod: ${name}`,
        yMax: 1,
        isShare: true,
        series: podLines(pods, "kvUse"),
      }),
    ),
    ...each((rule, { pods }, name) =>
      chart(rule, "flight", {
        title: `Requests in flight by pod: ${name}`,
        yMax: Math.max(2, inFlightMax * 1.05),
        isShare: false,
        series: podLines(pods, "inFlight"),
      }),
    ),
    ...cached((rule, { cachedShare }, name) =>
      chart(rule, "cached", {
        title: `Prompt tokens found cached: ${name}`,
        yMax: 1,
        isShare: true,
        series: [{ name: "share of prompt tokens", values: cachedShare.map(roundedOrNull) }],
      }),
    ),
  ];
}

function podLines(pods: Recording["pods"], of: "kvUse" | "inFlight"): TimesChart["series"] {
  return pods.slice(0, PODS_MAX).map((pod) => ({
    name: pod.name,
    values: pod[of].map(roundedOrNull),
  }));
}

function highest(series: readonly (readonly (number | null)[])[]): number {
  let max = 0;
  for (const values of series) for (const value of values) max = Math.max(max, value ?? 0);
  return max;
}

function roundedOrNull(value: number | null): number | null {
  return value === null ? null : rounded(value, 3);
}

function rounded(value: number, digits: number): number {
  return Number(value.toPrecision(digits));
}
