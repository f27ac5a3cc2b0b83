// What one run is asked for, and what it gives back.
import type { EngineConfig } from "../engine/options.js";
import type { RoutedRequest, Rule, RuleView } from "../rules/rule.js";
import type { Load, Traffic } from "../traffic/traffic.js";
import type { Figures } from "./figures.js";
import type { Recording } from "./recorder.js";

export interface RunOptions {
  traffic: Traffic;
  load: Load;
  pods: number;
  /** In place of the traffic's profile. */
  engine?: EngineConfig | undefined;
  /** First requests of conversations. */
  conversations: number;
  seed: number;
  metricsAgeMs: number;
  /** Of the rule `warmroute`: further keys of its configuration. */
  filterConfig?: Record<string, unknown>;
  /** Of the rule `warmroute`: VMs of a gateway. 1 when absent. */
  workers?: number;
  /** Gateways before the pods, each with a rule of its own. 1 when absent. */
  gateways?: number;
  /** How late a gateway knows what another one told; absent: each is alone. */
  shareLagMs?: number | undefined;
  rule: (view: RuleView) => Rule;
  /** Whether the run is recorded over time, for a report. */
  isRecorded?: boolean;
  /** Told now and then which share of the conversations has ended. */
  onProgress?: (share: number) => void;
  /** Sees each request that was routed; for tests. */
  onRouted?: (request: RoutedRequest, nowMs: number) => void;
}

export interface RunResult {
  figures: Figures;
  /** Requests that arrived; each was answered or refused. */
  requests: number;
  /** Requests that were still in flight when nothing was left to happen: 0, or there is a bug. */
  inFlightAtEnd: number;
  recording: Recording | null;
}
