// The Prometheus metrics of the sidecar, read from its state when they are asked for.
import { collectDefaultMetrics, Counter, Gauge, Registry } from "prom-client";
import type { Handler } from "../http/server.js";
import type { Endpoint } from "../pools/endpoint.js";
import type { PoolState } from "../sync/sync.js";
import type { SidecarState } from "./state.js";
import { findProblems } from "./problems.js";

export function createMetrics(state: SidecarState): Handler {
  const registry = new Registry();
  collectDefaultMetrics({ register: registry });
  addPods(registry, state);
  addScrapes(registry, state);
  addPools(registry, state);
  addDecisions(registry, state);
  return async () => ({
    status: 200,
    type: registry.contentType,
    body: await registry.metrics(),
  });
}

type Labels = Record<string, string>;
type Emit = (labels: Labels, value: number) => void;

/** A gauge whose series are made anew each time, so that those of pods that are gone are gone. */
function gauge(
  registry: Registry,
  name: string,
  help: string,
  labels: string[],
  fill: Filler,
): void {
  registry.registerMetric(
    new Gauge({
      name,
      help,
      labelNames: labels,
      registers: [],
      collect() {
        this.reset();
        fill((values, value) => this.set(values, value));
      },
    }),
  );
}

/** The same for totals that are counted elsewhere. */
function counter(
  registry: Registry,
  name: string,
  help: string,
  labels: string[],
  fill: Filler,
): void {
  registry.registerMetric(
    new Counter({
      name,
      help,
      labelNames: labels,
      registers: [],
      collect() {
        this.reset();
        fill((values, value) => this.inc(values, value));
      },
    }),
  );
}

type Filler = (emit: Emit) => void;

function addPods(registry: Registry, { sync, clock }: SidecarState): void {
  const perPod = (name: string, help: string, read: (endpoint: Endpoint) => number | null): void =>
    gauge(registry, `warmroute_pod_${name}`, help, ["pool", "pod"], (emit) => {
      for (const { pool } of sync.pools.values()) {
        for (const endpoint of pool.endpoints) {
          const value = read(endpoint);
          // A figure that is missing has no series; it is not zero.
          if (value !== null) emit({ pool: pool.name, pod: endpoint.pod.address }, value);
        }
      }
    });
  perPod("waiting_requests", "Requests queued in the pod.", ({ load }) => load?.waiting ?? null);
  perPod("running_requests", "Requests the pod works on.", ({ load }) => load?.running ?? null);
  perPod("kv_usage_ratio", "Share of the KV cache in use.", ({ load }) => load?.kvUsage ?? null);
  perPod(
    "kv_capacity_tokens",
    "Size of the KV cache.",
    ({ load }) => load?.kvCapacityTokens || null,
  );
  perPod("load_age_seconds", "Time since the last good scrape was sent.", (endpoint) => {
    const { loadSentAtMs } = endpoint;
    return loadSentAtMs === null ? null : (clock.nowMs() - loadSentAtMs) / 1_000;
  });
  perPod("failing", "1 while scrapes of the pod fail.", ({ isFailing }) => (isFailing ? 1 : 0));
  perPod("epoch", "Changes when the pod lost its cache; 0: not scraped yet.", ({ epoch }) => epoch);
}

function addScrapes(registry: Registry, { sync }: SidecarState): void {
  const help = "Scrapes by pod and result.";
  counter(registry, "warmroute_scrapes_total", help, ["pool", "pod", "result"], (emit) => {
    for (const { pool } of sync.pools.values()) {
      for (const { pod, results } of pool.endpoints) {
        for (const [result, count] of results) {
          emit({ pool: pool.name, pod: pod.address, result }, count);
        }
      }
    }
  });
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
  perPool(gauge, "record_bytes", "Records kept for replay.", ({ records }) => records.bytes);
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

function addDecisions(registry: Registry, { sync }: SidecarState): void {
  const help = "Decisions of the gateways by reason.";
  counter(registry, "warmroute_decisions_total", help, ["pool", "reason"], (emit) => {
    for (const [pool, { gateways }] of sync.pools) {
      for (const [reason, count] of gateways.totals.decisions) emit({ pool, reason }, count);
    }
  });
}
