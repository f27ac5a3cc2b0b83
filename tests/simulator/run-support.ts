// Short runs for the tests of the simulator.
import { RULES } from "../../simulator/rules/index.js";
import { run } from "../../simulator/run/run.js";
import type { RunOptions, RunResult } from "../../simulator/run/run-options.js";
import { TRAFFIC } from "../../simulator/traffic/index.js";
import type { Traffic } from "../../simulator/traffic/traffic.js";

export interface ShortRun {
  /** A name, or traffic of the test's own. */
  workload: string | Traffic;
  rule: string;
  seed?: number;
  conversations: number;
  onRouted?: RunOptions["onRouted"];
}

/** A run with everything as the workload has it, but for its length. */
export function shortRun(options: ShortRun): RunResult {
  const { workload, rule, conversations, onRouted, seed = 1 } = options;
  const traffic = typeof workload === "string" ? TRAFFIC.get(workload)! : workload;
  return run({
    traffic,
    load: traffic.load,
    pods: traffic.pods,
    conversations,
    seed,
    metricsAgeMs: 50,
    rule: RULES.get(rule)!,
    ...(onRouted ? { onRouted } : {}),
  });
}
