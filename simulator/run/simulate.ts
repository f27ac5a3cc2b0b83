// Runs what the operator asked for: each workload, each load, each rule, each seed.
import type { SimulateOptions } from "../options/index.js";
import type { Load } from "../traffic/traffic.js";
import { meanFigures, type Figures } from "./figures.js";
import { compare, type Comparison } from "./intervals.js";
import type { RunResult } from "./run-options.js";
import type { Task } from "./task.js";
import { trafficOf, workloadsOf } from "./traffic-of.js";
import { runTasks, type OnProgress } from "./workers.js";

/** One line of the result. */
export interface Row {
  workload: string;
  load: Load;
  rule: string;
  /** Mean over the seeds. */
  figures: Figures;
  /** One of each seed, from 1. */
  runs: RunResult[];
  /** Null for the baseline, and where there is only one seed or rule. */
  against: Comparison | null;
}

/** Rules that run together on one workload and load, on the same arrivals. */
interface Group {
  workload: string;
  load: Load;
}

/** The rows, each as soon as its runs and the baseline's are done. Same options, same rows. */
export async function* simulate(
  options: SimulateOptions,
  onProgress: OnProgress,
): AsyncGenerator<Row> {
  const groups = workloadsOf(options).flatMap((workload) =>
    loadsOf(workload, options).map((load) => ({ workload, load })),
  );
  const { baseline } = options;
  const rules = [...new Set([baseline, ...options.rule])];
  const tasks = groups.flatMap((group) => rules.flatMap((rule) => tasksOf(group, rule, options)));
  const results = runTasks(options, tasks, onProgress);
  try {
    for (const group of groups) yield* rowsOf(group, rules, options, results);
  } finally {
    // Ends the workers, also when the caller wants no more rows.
    await results.return(undefined);
  }
}

/** Rules are run in one order, the baseline first, and shown in the order that was asked for. */
async function* rowsOf(
  group: Group,
  rules: readonly string[],
  options: SimulateOptions,
  results: AsyncGenerator<RunResult>,
): AsyncGenerator<Row> {
  const done = new Map<string, RunResult[]>();
  let shown = 0;
  for (const rule of rules) {
    done.set(rule, await take(results, options.seeds));
    for (; done.has(options.rule[shown] ?? ""); shown++) {
      yield rowOf(group, options.rule[shown]!, options.baseline, done);
    }
  }
}

function tasksOf(group: Group, rule: string, { seeds }: SimulateOptions): Task[] {
  return Array.from({ length: seeds }, (_, index) => ({ ...group, rule, seed: index + 1 }));
}

async function take(results: AsyncGenerator<RunResult>, count: number): Promise<RunResult[]> {
  const taken: RunResult[] = [];
  while (taken.length < count) {
    const next = await results.next();
    if (next.done) throw new Error(`the runs ended after ${taken.length} of ${count}`);
    taken.push(next.value);
  }
  return taken;
}

function rowOf(group: Group, rule: string, baseline: string, done: Map<string, RunResult[]>): Row {
  const figuresOf = (of: string): Figures[] => done.get(of)!.map(({ figures }) => figures);
  const figures = figuresOf(rule);
  const isCompared = rule !== baseline && figures.length > 1;
  const against = isCompared ? compare(figures, figuresOf(baseline), baseline) : null;
  return { ...group, rule, figures: meanFigures(figures), runs: done.get(rule)!, against };
}

function loadsOf(workload: string, options: SimulateOptions): Load[] {
  const { rate, concurrency, speed } = options;
  if (speed) return speed.map((times) => ({ speed: times }));
  if (rate) return rate.map((ratePerS) => ({ ratePerS }));
  if (concurrency) return concurrency.map((count) => ({ concurrency: count }));
  return [trafficOf(options, workload).load];
}
