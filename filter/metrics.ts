// Every metric of the filter, defined once at start and addressed by number. Envoy shows them as
// `wasmcustom.warmroute_…`; they have no labels, so per-pod series are the sidecar's.
import { defineMetric, incrementMetric, MetricKind, recordMetric } from "./host/calls";
import { REASON_NAMES, REASONS } from "./pick/reason";

const decisions = new StaticArray<u32>(REASONS);

/** Prompt tokens that were routed, and those of them that their pod was believed to hold. */
let promptTokens: u32 = 0;
let matchedTokens: u32 = 0;
/** Time in the filter from the first body byte to the decision, in µs of work, waits left out. */
let decisionUs: u32 = 0;
/** Requests on their way to a pod or answered by it now, over all workers. */
let inFlight: u32 = 0;
/** Age of the load table when a decision used it, in ms. */
let tableAgeMs: u32 = 0;
/** Answers whose pod had cached much less than was believed. */
let mispredictions: u32 = 0;
/** Decisions that set no destination. */
let fallbacks: u32 = 0;
/** Answers of the sidecar that were not sound, or did not come. */
let syncFailures: u32 = 0;
/** Journal segments of neighbours that were overwritten before they were read. */
let lapped: u32 = 0;

/** Tells the host every name. Called when the VM starts: before that there is no one to tell. */
export function defineMetrics(): void {
  for (let i: u32 = 0; i < REASONS; i++) {
    const name = "warmroute_decisions_" + REASON_NAMES[i].replaceAll("-", "_");
    decisions[i] = defineMetric(MetricKind.Counter, name);
  }
  promptTokens = defineMetric(MetricKind.Counter, "warmroute_prompt_tokens");
  matchedTokens = defineMetric(MetricKind.Counter, "warmroute_matched_tokens");
  decisionUs = defineMetric(MetricKind.Histogram, "warmroute_decision_us");
  inFlight = defineMetric(MetricKind.Gauge, "warmroute_in_flight");
  tableAgeMs = defineMetric(MetricKind.Histogram, "warmroute_table_age_ms");
  mispredictions = defineMetric(MetricKind.Counter, "warmroute_mispredictions");
  fallbacks = defineMetric(MetricKind.Counter, "warmroute_fallbacks");
  syncFailures = defineMetric(MetricKind.Counter, "warmroute_sync_failures");
  lapped = defineMetric(MetricKind.Counter, "warmroute_journal_lapped");
}

export function countDecision(reason: u32, isFallback: bool): void {
  incrementMetric(unchecked(decisions[reason]), 1);
  if (isFallback) incrementMetric(fallbacks, 1);
}

export function countTokens(prompt: u32, matched: u32): void {
  incrementMetric(promptTokens, prompt);
  if (matched > 0) incrementMetric(matchedTokens, matched);
}

export function recordDecision(busyNs: u64, ageMs: f64): void {
  recordMetric(decisionUs, busyNs / 1000);
  recordMetric(tableAgeMs, <u64>Math.min(Math.max(ageMs, 0), 1e9));
}

export function addInFlight(by: i32): void {
  incrementMetric(inFlight, by);
}

export function countMisprediction(): void {
  incrementMetric(mispredictions, 1);
}

export function countSyncFailure(): void {
  incrementMetric(syncFailures, 1);
}

export function countLapped(segments: u64): void {
  incrementMetric(lapped, segments);
}
