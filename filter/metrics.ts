// Every metric of the filter, defined once at start and addressed by number. Envoy shows them as
// `wasmcustom.warmroute_…`; they have no labels, so per-pod series are the sidecar's.
import { defineMetric, incrementMetric, MetricKind, recordMetric } from "./host/calls";
import { REASON_NAMES, REASONS } from "./pick/reason";

/** Numbers of the counters in the list; those of the reasons come first, in their order. */
export const enum Counter {
  /** Prompt tokens that were routed, and those of them that their pod was believed to hold. */
  PromptTokens = 20,
  MatchedTokens = 21,
  /** Answers whose pod had cached much less than was believed. */
  Mispredictions = 22,
  /** Decisions that set no destination. */
  Fallbacks = 23,
  /** Answers of the sidecar that were not sound, or did not come. */
  SyncFailures = 24,
  /** Journal segments of neighbours that were overwritten before they were read. */
  Lapped = 25,
  /** Sections of models in load tables that were not sound. */
  BadModels = 26,
  /** Bodies whose model was rewritten. */
  Rewritten = 27,
  /** Answers of the sidecar whose records were not all applied: too many, broken, or not news. */
  BadRecords = 28,
  /** Pods that were put out of the pick, and those that failed as much while half were out. */
  Ejections = 29,
  EjectionsWithheld = 30,
  /** Requests sent to an ejected pod to see whether it answers again. */
  Probes = 31,
  /** Requests that were routed although no pod was expected to meet their first-token target. */
  TargetsMissed = 32,
}

const COUNTERS: i32 = 33;
if (<i32>Counter.PromptTokens != <i32>REASONS) ERROR("the reasons come first");

const NAMES: StaticArray<string> = [
  "prompt_tokens",
  "matched_tokens",
  "mispredictions",
  "fallbacks",
  "sync_failures",
  "journal_lapped",
  "bad_models",
  "rewritten",
  "bad_records",
  "ejections",
  "ejections_withheld",
  "probes",
  "targets_missed",
];
const ids = new StaticArray<u32>(COUNTERS);
/** What was counted since the last tick: a host call for each count would cost each request. */
const pending = new StaticArray<i64>(COUNTERS);

/** One decision in so many is timed; the clock and the histogram are host calls as well. */
const TIMED_EVERY: u32 = 16;
/** Time in the filter from the first body byte to the decision, in µs of work, waits left out. */
let decisionUs: u32 = 0;
/** Age of the load table at a tick, in ms. */
let tableAgeMs: u32 = 0;
/** Requests on their way to a pod or answered by it now, over all workers. */
let inFlight: u32 = 0;
/** Pods that are out of the pick, of all pools. */
let ejected: u32 = 0;
/** Requests that are held until there is a pod, over all workers. */
let waitingForPod: u32 = 0;
let isDefined: bool = false;
let untimed: u32 = 0;

/** Tells the host every name. Called when the VM starts: before that there is no one to tell. */
export function defineMetrics(): void {
  if (isDefined) return;
  isDefined = true;
  for (let i: i32 = 0; i < COUNTERS; i++) {
    const isReason = i < <i32>REASONS;
    const name = isReason
      ? "decisions_" + REASON_NAMES[i].replaceAll("-", "_")
      : NAMES[i - <i32>REASONS];
    unchecked((ids[i] = defineMetric(MetricKind.Counter, "warmroute_" + name)));
  }
  decisionUs = defineMetric(MetricKind.Histogram, "warmroute_decision_us");
  tableAgeMs = defineMetric(MetricKind.Gauge, "warmroute_table_age_ms");
  inFlight = defineMetric(MetricKind.Gauge, "warmroute_in_flight");
  ejected = defineMetric(MetricKind.Gauge, "warmroute_ejected");
  waitingForPod = defineMetric(MetricKind.Gauge, "warmroute_waiting_for_pod");
}

// @ts-ignore: decorator
@inline
export function count(counter: u32, by: i64): void {
  unchecked((pending[counter] += by));
}

/** Counts a decision under its reason. */
export function countDecision(reason: u32, isFallback: bool): void {
  count(reason, 1);
  if (isFallback) count(Counter.Fallbacks, 1);
}

/** True for the decisions whose time is to be recorded. */
export function isTimed(): bool {
  untimed += 1;
  if (untimed < TIMED_EVERY) return false;
  untimed = 0;
  return true;
}

export function recordDecision(busyNs: u64): void {
  recordMetric(decisionUs, busyNs / 1000);
}

/** Hands what was counted to the host. Once a tick. */
export function flushMetrics(): void {
  for (let i: i32 = 0; i < COUNTERS; i++) {
    const by = unchecked(pending[i]);
    if (by == 0) continue;
    incrementMetric(unchecked(ids[i]), by);
    unchecked((pending[i] = 0));
  }
}

/** What the gauges show. */
export class Gauges {
  inFlight: i32 = 0;
  ejected: i32 = 0;
  waitingForPod: i32 = 0;
  tableAgeMs: f64 = 0;
}

/**
 * Sets the gauges, as a VM sees them. All VMs of an Envoy write the same ones; each knows the table
 * and the others' load, so any of them is right, and none leaves a share behind when it ends.
 */
export function showGauges(gauges: Gauges): void {
  recordMetric(inFlight, gauges.inFlight);
  recordMetric(ejected, gauges.ejected);
  recordMetric(waitingForPod, gauges.waitingForPod);
  recordMetric(tableAgeMs, <u64>Math.min(Math.max(gauges.tableAgeMs, 0), 1e9));
}
