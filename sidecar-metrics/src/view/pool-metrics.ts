// The metrics of each pool: its table, its load as a whole, its gateways and their decisions.
import type { Registry } from "prom-client";
import type { PoolState } from "../sync/sync.js";
import { type PoolLoad, poolLoad } from "./pool-load.js";
import { findProblems } from "./problems.js";
import { counter, gauge } from "./series.js";
import type { SidecarState } from "./state.js";

/** Always with a series, so that an alert can tell "none" from "not asked". */
const WARNINGS_KNOWN = ["stall-guard", "config-differs"];
/** For words of newer gateways: texts of a gateway never become label values. */
const WARNING_OTHER = "other";

/** Everything that has a pool and no pod. */
export function addPoolMetrics(registry: Registry, state: SidecarState): void {
  addPools(registry, state);
  addPoolLoads(registry, state);
  addGateways(registry, state);
  addDecisions(registry, state);
}

function addPools(registry: Registry, state: SidecarState): void {
  const { sync, clock } = state;
  const perPool = (
    add: typeof gauge,
    name: string,
    help: string,
    read: (pool: PoolState) => number | null,
  ): void =>
    add(registry, `warmroute_${name}`, help, ["pool"], (emit) => {
      for (const [pool, poolState] of sync.pools) {
        const value = read(poolState);
        if (value !== null) emit({ pool }, value);
      }
    });
  perPool(gauge, "pods", "Pods in the table.", ({ pool }) => pool.endpoints.length);
  perPool(gauge, "table_age_seconds", "Age of the oldest load in the table.", ({ pool }) => {
    const sentAt = pool.endpoints.map(({ loadSentAtMs }) => loadSentAtMs ?? state.startedAtMs);
    return sentAt.length === 0 ? null : (clock.nowMs() - Math.min(...sentAt)) / 1_000;
  });
  perPool(gauge, "gateways", "Gateways that poll.", ({ gateways }) => {
    return gateways.live(clock.nowMs()).length;
  });
  perPool(gauge, "pool_held_requests", "Requests held until there is a pod.", ({ gateways }) => {
    const live = gateways.live(clock.nowMs());
    return live.reduce((sum, { report }) => sum + (report.waitingForPod ?? 0), 0);
  });
  perPool(counter, "syncs_total", "Polls answered.", ({ gateways }) => gateways.totals.syncs);
  const total = (name: string, help: string, read: (pool: PoolState) => number): void =>
    perPool(counter, name, help, read);
  total("prompt_tokens_total", "Prompt tokens routed by the gateways.", ({ gateways }) => {
    return gateways.totals.promptTokens;
  });
  total("matched_tokens_total", "Prompt tokens predicted as cached.", ({ gateways }) => {
    return gateways.totals.matchedTokens;
  });
  total("mispredictions_total", "Predicted caches that were not there.", ({ gateways }) => {
    return gateways.totals.mispredictions;
  });
  gauge(registry, "warmroute_problems", "Problems on the status page.", [], (emit) => {
    emit({}, findProblems(state).length);
  });
}

/** What autoscaling is made of (docs/monitoring.md). */
function addPoolLoads(registry: Registry, { sync }: SidecarState): void {
  const perPool = (name: string, help: string, read: (load: PoolLoad) => number | null): void =>
    gauge(registry, `warmroute_${name}`, help, ["pool"], (emit) => {
      for (const { pool } of sync.pools.values()) {
        const value = read(poolLoad(pool));
        if (value !== null) emit({ pool: pool.name }, value);
      }
    });
  perPool("pods_ready", "Pods that may be picked.", ({ ready }) => ready);
  perPool("pool_waiting_requests", "Requests queued in the pods.", ({ waiting }) => waiting);
  perPool("pool_running_requests", "Requests the pods work on.", ({ running }) => running);
  perPool(
    "pool_kv_usage_ratio",
    "Share of the KV caches in use, mean of the pods that may be picked.",
    ({ kvUsage }) => kvUsage,
  );
  perPool(
    "pool_saturation_ratio",
    "How busy the pods that may be picked are: mean of the larger of KV use and queue / 5, to 1.",
    ({ saturation }) => saturation,
  );
}

function addGateways(registry: Registry, { sync, clock }: SidecarState): void {
  const help = "Gateways that warn of something, by what.";
  gauge(registry, "warmroute_gateway_warnings", help, ["pool", "warning"], (emit) => {
    for (const [pool, { gateways }] of sync.pools) {
      const counts = new Map([...WARNINGS_KNOWN, WARNING_OTHER].map((warning) => [warning, 0]));
      for (const { report } of gateways.live(clock.nowMs())) {
        for (const warning of new Set(report.warnings.map(nameOfWarning))) {
          counts.set(warning, (counts.get(warning) ?? 0) + 1);
        }
      }
      for (const [warning, count] of counts) emit({ pool, warning }, count);
    }
  });
  const configurations = "Different configurations that the gateways have in force.";
  gauge(registry, "warmroute_gateway_configurations", configurations, ["pool"], (emit) => {
    for (const [pool, { gateways }] of sync.pools) {
      const hashes = gateways.live(clock.nowMs()).map(({ report }) => report.configHash);
      emit({ pool }, new Set(hashes.filter((hash) => hash !== null)).size);
    }
  });
}

function nameOfWarning(warning: string): string {
  return WARNINGS_KNOWN.includes(warning) ? warning : WARNING_OTHER;
}

function addDecisions(registry: Registry, { sync }: SidecarState): void {
  const help = "Decisions of the gateways by reason.";
  counter(registry, "warmroute_decisions_total", help, ["pool", "reason"], (emit) => {
    for (const [pool, { gateways }] of sync.pools) {
      for (const [reason, count] of gateways.totals.decisions) emit({ pool, reason }, count);
    }
  });
}
