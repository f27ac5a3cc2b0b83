// Runs what the operator asked for: each workload, each load, each rule, each seed.
import { profile } from "../engine/profiles.js";
import { RULES } from "../rules/index.js";
import { TRAFFIC } from "../traffic/index.js";
import type { Load, Traffic } from "../traffic/traffic.js";
import { type Figures, meanFigures } from "./figures.js";
import type { SimulateOptions } from "./options.js";
import { run } from "./run.js";

/** One line of the result. */
export interface Row {
  workload: string;
  load: Load;
  rule: string;
  figures: Figures;
}

/** The rows, each as soon as its runs are done. Same options, same rows. */
export function* simulate(options: SimulateOptions): Generator<Row> {
  for (const workload of options.workload) {
    const traffic = TRAFFIC.get(workload)!;
    for (const load of loadsOf(traffic, options)) {
      for (const rule of options.rule) {
        const all: Figures[] = [];
        for (let seed = 1; seed <= options.seeds; seed++) {
          const { figures } = run({
            traffic,
            load,
            pods: options.pods ?? traffic.pods,
            engine: options.engine === undefined ? undefined : profile(options.engine),
            conversations: conversationsOf(traffic, load, options),
            seed,
            metricsAgeMs: options.metricsAgeMs,
            filterConfig: options.filterConfig,
            workers: options.workers,
            gateways: options.gateways,
            shareLagMs: options.shareLagMs,
            rule: RULES.get(rule)!,
          });
          all.push(figures);
        }
        yield { workload, load, rule, figures: meanFigures(all) };
      }
    }
  }
}

function loadsOf(traffic: Traffic, { rate, concurrency }: SimulateOptions): Load[] {
  if (rate) return rate.map((ratePerS) => ({ ratePerS }));
  if (concurrency) return concurrency.map((count) => ({ concurrency: count }));
  return [traffic.load];
}

/** Conversations are whole: the number of requests is rounded up to their turns. */
function conversationsOf(traffic: Traffic, load: Load, options: SimulateOptions): number {
  const seconds = options.seconds ?? traffic.seconds;
  const usual = "ratePerS" in load ? Math.max(1, load.ratePerS * seconds) : traffic.requests;
  return Math.ceil((options.requests ?? Math.round(usual)) / traffic.turns);
}
