// What a pool's load is, for pods in every state: expected values worked out by hand.
import assert from "node:assert/strict";
import { test } from "node:test";
import { Pool } from "../../../sidecar-metrics/src/pools/pool.js";
import type { PodLoad } from "../../../sidecar-metrics/src/scrape/pod-load.js";
import { poolLoad } from "../../../sidecar-metrics/src/view/pool-load.js";
import { stateWithPod } from "../support/state.js";

interface PodState {
  waiting?: number | null;
  running?: number | null;
  kvUsage?: number | null;
  isDraining?: boolean;
  /** Scrapes that failed after the one that succeeded. */
  failures?: number;
  isUnreachable?: boolean;
  isNeverScraped?: boolean;
}

const SAMPLE: PodLoad = stateWithPod().endpoint.load as PodLoad;

function poolOf(pods: PodState[]): Pool {
  const settings = { name: "p", engine: "vllm", modelName: null, strategy: null } as const;
  const pool = new Pool(settings, { added() {}, removed() {} });
  const address = (index: number): string => `10.0.0.${index + 1}:80`;
  const metrics = {
    scheme: "http",
    metricsPath: "/metrics",
    metricsPort: null,
    uid: null,
    podName: null,
  } as const;
  const list = pods.map(({ isDraining = false }, index) => {
    return { address: address(index), isDraining, ...metrics };
  });
  pool.setList({ pods: list }, 0);
  for (const [index, pod] of pods.entries()) {
    const endpoint = pool.endpoints[index];
    const { waiting = 0, running = 0, kvUsage = 0 } = pod;
    const load = { ...SAMPLE, waiting, running, kvUsage };
    if (pod.isNeverScraped !== true) endpoint?.record({ result: "ok", sentAtMs: 0, load });
    const result = pod.isUnreachable === true ? "unreachable" : "timeout";
    for (let i = 0; i < (pod.failures ?? 0); i++) {
      endpoint?.record({ result, detail: "", sentAtMs: 0 });
    }
  }
  return pool;
}

const CASES: { name: string; pods: PodState[]; load: ReturnType<typeof poolLoad> }[] = [
  {
    name: "queues add up, shares are means, and the larger of cache and queue / 5 is how busy",
    pods: [
      { waiting: 1, running: 10, kvUsage: 0.5 },
      { waiting: 4, running: 20, kvUsage: 0.1 },
    ],
    // 0.5 of the cache against 1 / 5; 0.1 against 4 / 5: (0.5 + 0.8) / 2.
    load: { ready: 2, waiting: 5, running: 30, kvUsage: 0.3, saturation: 0.65 },
  },
  {
    name: "an endless queue makes one pod full and no more",
    pods: [{ waiting: 500 }, {}],
    load: { ready: 2, waiting: 500, running: 0, kvUsage: 0, saturation: 0.5 },
  },
  {
    name: "a draining pod's queue counts, its shares do not",
    pods: [{ waiting: 3, kvUsage: 1, isDraining: true }, { kvUsage: 0.25 }],
    load: { ready: 1, waiting: 3, running: 0, kvUsage: 0.25, saturation: 0.25 },
  },
  {
    name: "a pod whose scrapes fail tells nothing, and may still be picked",
    pods: [{ waiting: 9, kvUsage: 1, failures: 3 }, { kvUsage: 0.5 }],
    load: { ready: 2, waiting: 0, running: 0, kvUsage: 0.5, saturation: 0.5 },
  },
  {
    name: "a pod that takes no connections is not ready",
    pods: [{ failures: 3, isUnreachable: true }, {}],
    load: { ready: 1, waiting: 0, running: 0, kvUsage: 0, saturation: 0 },
  },
  {
    name: "a figure that a pod does not tell is left out, not zero",
    pods: [{ waiting: 5, kvUsage: null, running: null }, { isNeverScraped: true }],
    load: { ready: 2, waiting: 5, running: null, kvUsage: null, saturation: 1 },
  },
  {
    name: "a pool without pods has no load",
    pods: [],
    load: { ready: 0, waiting: null, running: null, kvUsage: null, saturation: null },
  },
];

for (const { name, pods, load } of CASES) {
  test(name, () => assert.deepEqual(poolLoad(poolOf(pods)), load));
}
