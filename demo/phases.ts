// Plays the four phases: each route early and late, each time with pods that remember nothing.
import { WorkloadText } from "../simulator/workloads/text.js";
import type { Workload } from "../simulator/workloads/workload.js";
import type { FailureWatch } from "../lab/failure.js";
import { sampleKvUse } from "./kv-sampler.js";
import { newProgress, playLoad, type RequestResult } from "../lab/load.js";
import type { DemoOptions } from "./options.js";
import type { ProgressLine } from "./progress.js";
import { MODEL } from "./service.js";
import type { Stack } from "./stack.js";

export type RouteName = "standard" | "routed";

/** The listener that stands for each route. */
export const LISTENERS: Record<RouteName, string> = { standard: "http", routed: "llm-gw" };

/** In this order a machine that slows down favours neither route. */
export const PHASE_ROUTES: RouteName[] = ["standard", "routed", "routed", "standard"];

/** One phase: a route, its requests, and how full the pods were. */
export interface Phase {
  route: RouteName;
  results: RequestResult[];
  /** Mean share of each pod's KV that running requests held, 0 to 1. */
  kvUse: number[];
}

export interface PhaseRun {
  options: DemoOptions;
  workload: Workload;
  stack: Stack;
  watch: FailureWatch;
  line: ProgressLine;
  nowMs: () => number;
  /** Called when a phase is over. */
  onPhase(phase: Phase, index: number): void;
}

/** Throws the first failure of a component; fewer phases come back only when it was ended. */
export async function playPhases(run: PhaseRun): Promise<Phase[]> {
  const phases: Phase[] = [];
  for (const [index, route] of PHASE_ROUTES.entries()) {
    if (index > 0) {
      run.line.note("fresh pods with empty caches ...");
      await run.stack.replacePods();
    }
    const phase = await playPhase(run, index, route);
    run.line.stop();
    run.watch.check();
    if (run.watch.signal.aborted) break;
    await run.stack.checkFilter();
    run.onPhase(phase, index);
    phases.push(phase);
  }
  return phases;
}

async function playPhase(run: PhaseRun, index: number, route: RouteName): Promise<Phase> {
  const { options, workload, stack, watch, nowMs } = run;
  // Texts of its own for each phase, so that none finds what another one left anywhere.
  const text = new WorkloadText(workload, options.seed, index);
  const progress = newProgress(nowMs());
  run.line.show(`phase ${index + 1} of 4, ${LISTENERS[route]}`, progress, options.seconds);
  const sampling = new AbortController();
  const kvUse = sampleKvUse(stack.pods, AbortSignal.any([sampling.signal, watch.signal]));
  const results = await playLoad({
    url: route === "standard" ? stack.standardUrl : stack.routedUrl,
    model: MODEL,
    workload,
    text,
    nowMs,
    signal: watch.signal,
    progress,
  });
  sampling.abort();
  return { route, results, kvUse: await kvUse };
}
