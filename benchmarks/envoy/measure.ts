// The two measurements: peak throughput, and CPU per request at a rate that is the same for all.
import type { RunPlan, Measured } from "./loaders.js";
import type { Options } from "./options.js";
import type { Rig } from "./setup.js";
import { quantile } from "./statistics.js";

/** Before each measured time; connections, buffers and the index are warm after it. */
const WARM_MS = 500;
const WARM_UP_MS_MAX = 1000;
/** Below this share of the planned requests a run is overloaded, and its latency says little. */
const KEPT_UP_SHARE = 0.98;

/** What one variant (`plain`, `routed`, ...) gave in the rounds of one measurement. */
export interface Series {
  name: string;
  /** One value a round: ms of CPU per request, or requests per second. */
  values: number[];
  /** One value a round, so that one disturbed round does not decide over all. */
  p50Ms: number[];
  p99Ms: number[];
  failed: number;
  /** Rounds in which Envoy did not keep up with the rate. */
  behind: number;
  /** Requests that reached a pod, and those of them that a filter had picked it for. */
  served: number;
  routed: number;
}

export type Progress = (text: string) => void;

/** Requests per second with every connection busy, in alternating rounds. */
export async function measurePeak(
  rig: Rig,
  options: Options,
  promptBytes: number,
  progress: Progress,
): Promise<Series[]> {
  const series = variantsOf(rig).map(newSeries);
  // The first requests of a size pay for code that is compiled and buffers that grow.
  for (const { name } of series) {
    progress(`warm-up ${name}`);
    const measureMs = Math.min(WARM_UP_MS_MAX, options.peakSeconds * 1000);
    const plan = planOf(rig, name, options, { promptBytes, perSecond: 0, measureMs });
    await run(rig, plan, newSeries(name));
  }
  for (let round = 0; round < options.peakRounds; round++) {
    for (const one of rotated(series, round)) {
      progress(`peak ${round + 1}/${options.peakRounds} ${one.name}`);
      const measureMs = options.peakSeconds * 1000;
      const plan = planOf(rig, one.name, options, { promptBytes, perSecond: 0, measureMs });
      const measured = await run(rig, plan, one);
      one.values.push((measured.completed * 1000) / measureMs);
    }
  }
  return series;
}

/** CPU time of Envoy per request at a fixed rate, in alternating rounds. */
export async function measureCpu(
  rig: Rig,
  options: Options,
  promptBytes: number,
  perSecond: number,
  progress: Progress,
): Promise<Series[]> {
  const series = variantsOf(rig).map(newSeries);
  for (let round = 0; round < options.pairs; round++) {
    for (const one of rotated(series, round)) {
      progress(`cpu ${round + 1}/${options.pairs} ${one.name}`);
      const measureMs = options.seconds * 1000;
      const plan = planOf(rig, one.name, options, { promptBytes, perSecond, measureMs });
      const measured = await run(rig, plan, one);
      one.values.push(measured.cpuMs / Math.max(1, measured.completed));
      if (measured.completed < measured.sent * KEPT_UP_SHARE) one.behind++;
    }
  }
  return series;
}

/** Differences to `plain`, round by round. */
export function differences(series: Series[], name: string): number[] {
  const plain = valuesOf(series, "plain");
  return valuesOf(series, name).map((value, round) => value - (plain[round] ?? NaN));
}

/** Shares of `plain`, round by round. */
export function shares(series: Series[], name: string): number[] {
  const plain = valuesOf(series, "plain");
  return valuesOf(series, name).map((value, round) => value / (plain[round] ?? NaN));
}

export function valuesOf(series: Series[], name: string): number[] {
  return series.find((one) => one.name === name)?.values ?? [];
}

/** Another order each round, so that a drift of the machine meets every variant the same way. */
export function rotated<T>(items: T[], round: number): T[] {
  const turn = round % items.length;
  const turned = [...items.slice(turn), ...items.slice(0, turn)];
  return Math.floor(round / items.length) % 2 === 0 ? turned : turned.reverse();
}

/** Each listener, and `control`, which is plain once more: what it differs by is noise. */
function variantsOf(rig: Rig): string[] {
  return [...rig.ports.keys(), "control"];
}

function newSeries(name: string): Series {
  return { name, values: [], p50Ms: [], p99Ms: [], failed: 0, behind: 0, served: 0, routed: 0 };
}

function planOf(
  rig: Rig,
  name: string,
  options: Options,
  run: Pick<RunPlan, "promptBytes" | "perSecond" | "measureMs">,
): RunPlan {
  const port = rig.ports.get(name === "control" ? "plain" : name);
  if (port === undefined) throw new Error(`there is no listener for ${name}`);
  return { ...run, port, connections: options.connections, warmMs: WARM_MS };
}

/** Runs one plan and keeps everything but the figure that the measurement is about. */
async function run(rig: Rig, plan: RunPlan, series: Series): Promise<Measured> {
  const before = await rig.pods.counts();
  const measured = await rig.loaders.run(plan, rig.envoy.pid);
  const after = await rig.pods.counts();
  series.failed += measured.failed;
  series.served += after.requests - before.requests;
  series.routed += after.routed - before.routed;
  series.p50Ms.push(quantile(measured.latenciesMs, 0.5));
  series.p99Ms.push(quantile(measured.latenciesMs, 0.99));
  return measured;
}
