// The keys for Kubernetes: defaults, what is refused, and what cannot be reached, in words.
import assert from "node:assert/strict";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { loadConfig } from "../../../sidecar-metrics/src/config/load.js";
import { createClient } from "../../../sidecar-metrics/src/discovery/kubernetes/client.js";
import { temporaryFolder } from "../support/support.js";

async function load(test: TestContext, yaml: string, variables: Record<string, string> = {}) {
  const file = join(await temporaryFolder(test), "sidecar.yaml");
  await writeFile(file, yaml);
  return (await loadConfig(file, variables)).config;
}

async function refusal(test: TestContext, yaml: string): Promise<string> {
  const error = await load(test, yaml).then(
    () => assert.fail("was not refused"),
    (reason: unknown) => reason as Error,
  );
  return error.message.replace(/^\S*\/sidecar\.yaml/, "sidecar.yaml");
}

test("an empty section is enough, and no pools are needed then", async (t) => {
  const { kubernetes, pools } = await load(t, "kubernetes: {}\n");
  assert.deepEqual(pools, []);
  assert.deepEqual(kubernetes, {
    port: 8081,
    engine: "vllm",
    scheme: "http",
    metricsPath: "/metrics",
    modelsPath: "/v1/models",
    tls: { insecureSkipVerify: false },
  });
});

test("the environment alone is enough, too", async () => {
  const variables = {
    WARMROUTE_KUBERNETES_NAMESPACES_0: "default",
    WARMROUTE_KUBERNETES_NAMESPACES_1: "models",
    WARMROUTE_KUBERNETES_PORT: "8082",
    WARMROUTE_POOLS_0_NAME: "listed",
    WARMROUTE_POOLS_0_PODS_KUBERNETES_NAMESPACE: "models",
    WARMROUTE_POOLS_0_PODS_KUBERNETES_SELECTOR: "app=vllm, tier=gpu,empty=",
    WARMROUTE_POOLS_0_PODS_KUBERNETES_PORTS_0: "8001",
  };
  const { config, unknownVariables } = await loadConfig(null, variables);
  assert.deepEqual(unknownVariables, []);
  assert.deepEqual(config.kubernetes?.namespaces, ["default", "models"]);
  assert.equal(config.kubernetes?.port, 8082);
  assert.deepEqual(config.pools[0]?.pods.kubernetes, {
    namespace: "models",
    selector: { app: "vllm", tier: "gpu", empty: "" },
    ports: [8001],
  });
});

test("selected pods have port 8000 unless told otherwise", async (t) => {
  const from = "{namespace: default, selector: {app: vllm}}";
  const { pools } = await load(t, `pools: [{name: a, pods: {kubernetes: ${from}}}]\n`);
  assert.deepEqual(pools[0]?.pods.kubernetes?.ports, [8000]);
});

const REFUSED: [string, RegExp][] = [
  ["kubernetes:\n", /^sidecar\.yaml:1: kubernetes: null is not allowed; it must be an object with/],
  ["kubernetes:\n  namespaces: default\n", /:2: kubernetes\.namespaces: "default" is not allowed/],
  ["kubernetes:\n  namespaces: [Default]\n", /:2: kubernetes\.namespaces\[0\]: "Default" is not/],
  ["kubernetes: {gateway: a/b/c}\n", /gateway: "a\/b\/c" .* NAME or NAMESPACE\/NAME of a Gateway$/],
  ["kubernetes: {pods: {}}\n", /kubernetes\.pods: there is no such key$/],
  [
    "pools: [{name: a, pods: {kubernetes: {namespace: n, selector: {}}}}]\n",
    /selector: \{\} is not allowed; it must be 1 to 64 labels, as \{app: vllm\}/,
  ],
  [
    "pools: [{name: a, pods: {kubernetes: {namespace: n, selector: vllm}}}]\n",
    /selector: "vllm" is not allowed/,
  ],
  [
    "pools: [{name: a, pods: {kubernetes: {namespace: n, selector: {a: 1}}}}]\n",
    /selector\.a: 1 is not allowed/,
  ],
  [
    "pools: [{name: a, pods: {file: x, kubernetes: {namespace: n, selector: {a: b}}}}]\n",
    /it must be an object with exactly one of static, file, kubernetes$/,
  ],
];

for (const [yaml, message] of REFUSED) {
  test(`refused: ${JSON.stringify(yaml)}`, async (t) => {
    assert.match(await refusal(t, yaml), message);
  });
}

test("no way to an API server is said with what to do", async (t) => {
  const folder = await temporaryFolder(t);
  const file = join(folder, "kubeconfig");
  assert.throws(() => createClient(file, 100), /kubeconfig: \S+: there is no such file$/);
  await writeFile(file, "clusters: [{}]");
  assert.throws(() => createClient(file, 100), /it is no kubeconfig: /);
  await writeFile(file, "{}");
  assert.throws(() => createClient(file, 100), /its current context leads to no cluster$/);
  assert.throws(() => createClient(undefined, 100), /this is no pod of a cluster .*kubeconfig$/);
});
