// One run of those that were asked for, named by plain data so that any thread can run it.
import { profile } from "../engine/profiles.js";
import type { SimulateOptions } from "../options/index.js";
import { RULES } from "../rules/index.js";
import type { Load, Traffic } from "../traffic/traffic.js";
import type { Recording } from "./recorder.js";
import { trafficOf } from "./traffic-of.js";
import { withCriticalities } from "../traffic/criticalities.js";
import { run } from "./run.js";
import type { RunOptions, RunResult } from "./run-options.js";

export interface Task {
  workload: string;
  load: Load;
  rule: string;
  seed: number;
}

export function runTask(
  options: SimulateOptions,
  task: Task,
  onProgress: (share: number) => void,
): RunResult {
  const result = run({ ...runOptions(options, task), onProgress });
  if (task.seed > 1 && result.recording !== null) forgetTimes(result.recording);
  return result;
}

/** A report shows the first seed over time, and of others what their means are made of. */
function forgetTimes(recording: Recording): void {
  recording.timesS = [];
  recording.pods = [];
  recording.cachedShare = [];
}

function runOptions(options: SimulateOptions, { workload, load, rule, seed }: Task): RunOptions {
  const plain = trafficOf(options, workload);
  const traffic = options.criticalities ? withCriticalities(plain) : plain;
  const engine = profile(options.engine ?? traffic.profile);
  return {
    traffic,
    load,
    pods: options.pods ?? traffic.pods,
    engine: { ...engine, priorityScheduling: options.scheduling === "priority" },
    conversations: conversationsOf(traffic, load, options),
    seed,
    metricsAgeMs: options.metricsAgeMs,
    filterConfig: options.filterConfig,
    workers: options.workers,
    gateways: options.gateways,
    shareLagMs: options.shareLagMs,
    rule: RULES.get(rule)!,
    isRecorded: options.report !== undefined,
  };
}

/** Conversations are whole: the number of requests is rounded up to their turns. */
function conversationsOf(traffic: Traffic, load: Load, options: SimulateOptions): number {
  if (traffic.arrivalsMs) return Math.min(options.requests ?? Infinity, traffic.requests);
  const seconds = options.seconds ?? traffic.seconds;
  const usual = "ratePerS" in load ? Math.max(1, load.ratePerS * seconds) : traffic.requests;
  return Math.ceil((options.requests ?? Math.round(usual)) / traffic.turns);
}
