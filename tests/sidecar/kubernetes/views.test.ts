// What page, JSON, metrics and readiness make of a cluster's state.
import assert from "node:assert/strict";
import { test } from "node:test";
import { createMetrics } from "../../../sidecar-metrics/src/view/own-metrics.js";
import { poolsView } from "../../../sidecar-metrics/src/view/pools-view.js";
import { createReadiness, READY_WAIT_MS } from "../../../sidecar-metrics/src/view/readiness.js";
import type { ClusterState } from "../../../sidecar-metrics/src/view/state.js";
import { statusPage } from "../../../sidecar-metrics/src/view/status-page.js";
import { stateWithPod } from "../support/state.js";

function stateWithCluster() {
  const world = stateWithPod();
  const none: string[] = [];
  const cluster = { isConnected: true, hasAnswered: true, problems: none, pending: none };
  const notes = ["InferencePool <b> is not used."];
  const state: ClusterState = {
    server: "https://x",
    get isConnected() {
      return cluster.isConnected;
    },
    get hasAnswered() {
      return cluster.hasAnswered;
    },
    problems: () => cluster.problems,
    notes: () => notes,
    pending: () => cluster.pending,
    view: () => ({ server: "https://x" }),
  };
  world.state.cluster = state;
  return { ...world, cluster };
}

test("problems and notes are shown, and whether the API server answers", async () => {
  const { state, cluster } = stateWithCluster();
  cluster.problems = ["The API server does not answer."];
  const view = poolsView(state);
  assert.deepEqual(view.problems[0], { pool: null, text: "The API server does not answer." });
  assert.deepEqual(view.kubernetes, { server: "https://x" });
  const page = String(statusPage(state).body);
  assert.match(page, /The API server does not answer\./);
  assert.match(page, /InferencePool &lt;b&gt; is not used\./);
  const metrics = async (): Promise<string> =>
    String((await createMetrics(state)({} as never)).body);
  assert.match(await metrics(), /^warmroute_kubernetes_connected\{server="https:\/\/x"\} 1$/m);
  cluster.isConnected = false;
  assert.match(await metrics(), /^warmroute_kubernetes_connected\{server="https:\/\/x"\} 0$/m);
  state.cluster = null;
  assert.doesNotMatch(await metrics(), /^warmroute_kubernetes_connected\{/m);
});

test("hundreds of problems do not drown the page", () => {
  const { state, cluster } = stateWithCluster();
  cluster.problems = Array.from({ length: 300 }, (_, index) => `Problem ${index}.`);
  const texts = poolsView(state).problems.map(({ text }) => text);
  assert.ok(texts.includes("284 more about objects of the cluster."));
});

test("a pod that is not ready may fail its scrapes without a problem", () => {
  const { state, pool, endpoint } = stateWithCluster();
  const fail = () => endpoint.record({ result: "unreachable", detail: "x", sentAtMs: 0 });
  for (let i = 0; i < 3; i++) fail();
  const failing = () =>
    poolsView(state).problems.filter(({ text }) => text.includes("scrapes fail"));
  assert.equal(failing().length, 1);
  pool.setList({ pods: [{ ...endpoint.pod, isDraining: true, podName: "vllm-0" }] }, 0);
  assert.equal(failing().length, 0);
  assert.match(String(statusPage(state).body), /vllm-0, 10\.0\.0\.1:80/);
});

test("ready waits for the first lists, and without any answer for as long as it takes", () => {
  const { state, cluster, endpoint, time } = stateWithCluster();
  endpoint.hasBeenTried = true;
  cluster.pending = ["the first lists of namespace default"];
  cluster.hasAnswered = false;
  const pending = createReadiness(state);
  time.nowMs = READY_WAIT_MS * 100;
  assert.deepEqual(pending(), ["the first lists of namespace default"]);
  cluster.hasAnswered = true;
  assert.deepEqual(pending(), []);
  const again = stateWithCluster();
  again.endpoint.hasBeenTried = true;
  assert.deepEqual(createReadiness(again.state)(), []);
});
