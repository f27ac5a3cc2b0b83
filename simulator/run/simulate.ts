// Runs what the operator asked for: each workload, each load, each rule, each seed.
import { profile } from "../engine/profiles.js";
import { RULES } from "../rules/index.js";
import { TRAFFIC } from "../traffic/index.js";
import { readTrace } from "../traces/trace-traffic.js";
import type { Load, Traffic } from "../traffic/traffic.js";
import { type Figures, meanFigures } from "./figures.js";
import type { SimulateOptions } from "../options/index.js";
import { run, type RunOptions } from "./run.js";

/** One line of the result. */
export interface Row {
  workload: string;
  load: Load;
  rule: string;
  figures: Figures;
}

/** The rows, each as soon as its runs are done. Same options, same rows. */
export function* simulate(options: SimulateOptions): Generator<Row> {
  for (const traffic of trafficsOf(options)) {
    const workload = traffic.name;
    for (const load of loadsOf(traffic, options)) {
      for (const rule of options.rule) {
        const all: Figures[] = [];
        for (let seed = 1; seed <= options.seeds; seed++) {
          const { figures } = run(runOptions(options, { traffic, load, rule, seed }));
          all.push(figures);
        }
        yield { workload, load, rule, figures: meanFigures(all) };
      }
    }
  }
}

/** One run of those that were asked for. */
interface RunPlan {
  traffic: Traffic;
  load: Load;
  rule: string;
  seed: number;
}

function runOptions(options: SimulateOptions, { traffic, load, rule, seed }: RunPlan): RunOptions {
  return {
    traffic,
    load,
    pods: options.pods ?? traffic.pods,
    conversations: conversationsOf(traffic, load, options),
    seed,
    metricsAgeMs: options.metricsAgeMs,
    filterConfig: options.filterConfig,
    rule: RULES.get(rule)!,
  };
}

function trafficsOf({ trace, traceBlockTokens, workload }: SimulateOptions): Traffic[] {
  if (trace === undefined) return workload.map((name) => TRAFFIC.get(name)!);
  const { traffic, unknownKeys, longerThan } = readTrace(trace, traceBlockTokens);
  if (unknownKeys.length > 0) console.error(`${trace}: keys not used: ${unknownKeys.join(", ")}`);
  const { maxSequenceTokens = Infinity } = profile(traffic.profile);
  const tooLong = longerThan(maxSequenceTokens);
  if (tooLong > 0) {
    const limit = `the engine's ${maxSequenceTokens} tokens`;
    console.error(`${trace}: ${tooLong} requests are longer than ${limit}, and count as errors`);
  }
  return [traffic];
}

function loadsOf(traffic: Traffic, options: SimulateOptions): Load[] {
  const { rate, concurrency, speed } = options;
  if (speed) return speed.map((times) => ({ speed: times }));
  if (rate) return rate.map((ratePerS) => ({ ratePerS }));
  if (concurrency) return concurrency.map((count) => ({ concurrency: count }));
  return [traffic.load];
}

/** Conversations are whole: the number of requests is rounded up to their turns. */
function conversationsOf(traffic: Traffic, load: Load, options: SimulateOptions): number {
  if (traffic.arrivalsMs) return Math.min(options.requests ?? Infinity, traffic.requests);
  const seconds = options.seconds ?? traffic.seconds;
  const usual = "ratePerS" in load ? Math.max(1, load.ratePerS * seconds) : traffic.requests;
  return Math.ceil((options.requests ?? Math.round(usual)) / traffic.turns);
}
