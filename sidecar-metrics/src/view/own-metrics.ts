// The Prometheus metrics of the sidecar, read from its state when they are asked for.
import { collectDefaultMetrics, Registry } from "prom-client";
import type { Handler } from "../http/server.js";
import type { Endpoint } from "../pools/endpoint.js";
import { addPoolMetrics } from "./pool-metrics.js";
import { counter, gauge } from "./series.js";
import { addSharingMetrics } from "./sharing-metrics.js";
import type { SidecarState } from "./state.js";

export function createMetrics(state: SidecarState): Handler {
  const registry = new Registry();
  collectDefaultMetrics({ register: registry });
  addPods(registry, state);
  addPassedOver(registry, state);
  addEjected(registry, state);
  addScrapes(registry, state);
  addPoolMetrics(registry, state);
  addCluster(registry, state);
  addSharingMetrics(registry, state);
  return async () => ({
    status: 200,
    type: registry.contentType,
    body: await registry.metrics(),
  });
}

function addCluster(registry: Registry, state: SidecarState): void {
  const help = "1 while the Kubernetes API server answers; no series where none is asked.";
  gauge(registry, "warmroute_kubernetes_connected", help, ["server"], (emit) => {
    const { cluster } = state;
    if (cluster !== null) emit({ server: cluster.server }, cluster.isConnected ? 1 : 0);
  });
}

function addPods(registry: Registry, { sync, clock }: SidecarState): void {
  const perPod = (name: string, help: string, read: (endpoint: Endpoint) => number | null): void =>
    gauge(registry, `warmroute_pod_${name}`, help, ["pool", "address"], (emit) => {
      for (const { pool } of sync.pools.values()) {
        for (const endpoint of pool.endpoints) {
          const value = read(endpoint);
          // A figure that is missing has no series; it is not zero.
          if (value !== null) emit({ pool: pool.name, address: endpoint.pod.address }, value);
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
  perPod("draining", "1: listed, but not to be picked (draining, or not ready).", ({ pod }) =>
    pod.isDraining ? 1 : 0,
  );
  perPod("epoch", "Changes when the pod lost its cache; 0: not scraped yet.", ({ epoch }) => epoch);
}

function addPassedOver(registry: Registry, { sync }: SidecarState): void {
  const help = "1 while the pod is not picked because it takes no connections.";
  gauge(registry, "warmroute_pod_passed_over", help, ["pool", "address"], (emit) => {
    for (const { pool } of sync.pools.values()) {
      const passedOver = pool.findPassedOver();
      for (const endpoint of pool.endpoints) {
        const labels = { pool: pool.name, address: endpoint.pod.address };
        emit(labels, passedOver.has(endpoint) ? 1 : 0);
      }
    }
  });
}

function addEjected(registry: Registry, { sync, clock }: SidecarState): void {
  const help = "Gateways that do not pick the pod because it fails, or takes requests in silence.";
  gauge(registry, "warmroute_pod_ejected", help, ["pool", "address"], (emit) => {
    for (const { pool, gateways } of sync.pools.values()) {
      const ejections = gateways.ejections(clock.nowMs());
      for (const { number, pod } of pool.endpoints) {
        const count = ejections.get(number)?.length ?? 0;
        emit({ pool: pool.name, address: pod.address }, count);
      }
    }
  });
}

function addScrapes(registry: Registry, { sync }: SidecarState): void {
  const help = "Scrapes by pod and result.";
  counter(registry, "warmroute_scrapes_total", help, ["pool", "address", "result"], (emit) => {
    for (const { pool } of sync.pools.values()) {
      for (const { pod, results } of pool.endpoints) {
        for (const [result, count] of results) {
          emit({ pool: pool.name, address: pod.address, result }, count);
        }
      }
    }
  });
}
