// Clusters without the inference kinds, with the first versions of them, and with kinds added late.
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { until } from "../../../lab/processes.js";
import { startDiscovering } from "./support/sidecar.js";
import { ALPHA1, ALPHA2, TestCluster } from "./support/test-cluster.js";

describe("a cluster without the inference kinds", () => {
  let cluster: TestCluster;
  before(async () => {
    cluster = await TestCluster.start([]);
  });
  after(() => cluster.stop());

  test("pods by label, then pools and models of kinds that are added late", async (t) => {
    const namespace = await cluster.namespace("late");
    await cluster.pod(namespace, "a", { ip: "10.0.0.1", labels: { app: "p", tier: "gpu" } });
    await cluster.pod(namespace, "b", { ip: "10.0.0.2", labels: { app: "p" } });
    const { kubeconfigPath: kubeconfig } = cluster.server;
    const selected = { namespace, selector: "app=p,tier=gpu", ports: [8000, 8001] };
    const sidecar = await startDiscovering(t, {
      kubernetes: { kubeconfig, namespaces: [namespace] },
      pools: [{ name: "listed", models: [{ name: "m" }], pods: { kubernetes: selected } }],
    });
    const listed = "10.0.0.1:8000 10.0.0.1:8001";
    await until("the pods", async () => (await sidecar.addresses("listed")) === listed);
    await until("ready", async () => (await sidecar.text("/readyz")) === "ready\n");
    assert.deepEqual(
      (await sidecar.view()).pools.map(({ name }) => name),
      ["listed"],
    );

    await cluster.install("pools v1alpha1");
    const spec = { selector: { app: "p" }, targetPortNumber: 9000 };
    await cluster.custom(ALPHA1, "InferencePool", { namespace, name: "p" }, spec);
    const pool = `${namespace}/p`;
    const both = "10.0.0.1:9000 10.0.0.2:9000";
    await until("the pool", async () => (await sidecar.addresses(pool)) === both);

    await cluster.install("models");
    const poolRef = { name: "p" };
    // Written in the first version, read in the newest that there is.
    const model = { modelName: "m", criticality: "Default", poolRef };
    await cluster.custom(ALPHA1, "InferenceModel", { namespace, name: "m" }, model);
    await until("the model", async () => {
      const found = (await sidecar.view()).pools.find(({ name }) => name === pool);
      const { models } = found as unknown as { models: { isClosed: boolean } };
      return models.isClosed;
    });
    const { watched } = (await sidecar.view()).kubernetes;
    const path = `/apis/${ALPHA2}/namespaces/${namespace}/inferencemodels`;
    assert.ok(watched.some((one) => one.path === path && one.objects === 1));

    await cluster.uninstall("inferencepools.inference.networking.x-k8s.io");
    await until("no such pool", async () => (await sidecar.rows(pool)) === null);
    await until("its watch ends", async () => {
      const now = (await sidecar.view()).kubernetes.watched;
      return !now.some((one) => one.path.includes("inferencepools"));
    });
    assert.equal(await sidecar.addresses("listed"), listed);
    const said = (await sidecar.problems()).filter((text) => text.includes("late/m"));
    assert.match(said[0] ?? "", /poolRef: there is no InferencePool late\/p\.$/);
  });
});
