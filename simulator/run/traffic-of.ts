// Which traffic a run has: a workload by its name, or the trace that was given.
import { profile } from "../engine/profiles.js";
import type { SimulateOptions } from "../options/index.js";
import { readTrace } from "../traces/trace-traffic.js";
import { TRAFFIC } from "../traffic/index.js";
import type { Traffic } from "../traffic/traffic.js";

type Trace = ReturnType<typeof readTrace>;

/** Read once in each thread; of other files the last one is forgotten. */
let known: { key: string; trace: Trace } | null = null;

/** The traffic of that name; with a trace the name is its own. */
export function trafficOf(options: SimulateOptions, workload: string): Traffic {
  return options.trace === undefined ? TRAFFIC.get(workload)! : traceOf(options).traffic;
}

/** Names of what is to be run; says on stderr what of a trace is not used. */
export function workloadsOf(options: SimulateOptions): string[] {
  if (options.trace === undefined) return options.workload;
  const { traffic, unknownKeys, longerThan } = traceOf(options);
  const say = (text: string): void => console.error(`${options.trace}: ${text}`);
  if (unknownKeys.length > 0) say(`keys not used: ${unknownKeys.join(", ")}`);
  const { maxSequenceTokens = Infinity } = profile(options.engine ?? traffic.profile);
  const tooLong = longerThan(maxSequenceTokens);
  if (tooLong > 0) {
    const which = `${tooLong} of ${traffic.requests} requests`;
    say(`longer than the engine's ${maxSequenceTokens} tokens, so errors: ${which}`);
  }
  return [traffic.name];
}

function traceOf(options: SimulateOptions): Trace {
  const { trace: file, traceBlockTokens } = options;
  const key = `${traceBlockTokens} ${file!}`;
  if (known?.key !== key) known = { key, trace: readTrace(file!, traceBlockTokens) };
  return known.trace;
}
