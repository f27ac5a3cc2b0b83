// A sidecar's state with one pool of one healthy pod, at a time that tests set.
import assert from "node:assert/strict";
import type { Endpoint } from "../../../sidecar-metrics/src/pools/endpoint.js";
import { Pool } from "../../../sidecar-metrics/src/pools/pool.js";
import { SyncService } from "../../../sidecar-metrics/src/sync/sync.js";
import type { SidecarState } from "../../../sidecar-metrics/src/view/state.js";

export function stateWithPod() {
  const time = { nowMs: 0 };
  const clock = { nowMs: () => time.nowMs, unixMs: () => 1_700_000_000_000, random: () => 0.5 };
  const sync = new SyncService(clock, Buffer.alloc(16, 7), "gateway-a");
  const settings = { name: "p", engine: "vllm", modelName: null, strategy: null } as const;
  const pool = new Pool(settings, { added() {}, removed() {} });
  sync.add(pool);
  const metrics = {
    scheme: "http",
    metricsPath: "/metrics",
    metricsPort: null,
    uid: null,
    podName: null,
  } as const;
  pool.setList({ pods: [{ address: "10.0.0.1:80", isDraining: false, ...metrics }] }, 0);
  const endpoint: Endpoint | undefined = pool.endpoints[0];
  assert.ok(endpoint);
  const counters = {
    promptTokens: 10,
    generatedTokens: 5,
    prefixQueryTokens: 8,
    prefixHitTokens: 4,
  };
  endpoint.record({
    result: "ok",
    sentAtMs: 0,
    load: {
      waiting: 1,
      running: 2,
      kvUsage: 0.25,
      kvCapacityTokens: 16_000,
      ...counters,
      hasPrefixCaching: true,
      startTimeSeconds: 1,
      lora: null,
      oddNames: [],
    },
  });
  const state: SidecarState = {
    sync,
    clock,
    startedAtMs: 0,
    version: "test",
    isHashKeyRandom: false,
    problems: new Map(),
    cluster: null,
  };
  return { state, pool, endpoint, time };
}
