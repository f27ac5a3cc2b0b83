// The sidecar as an account with the rights that the documentation names, and with fewer.
import assert from "node:assert/strict";
import { after, before, describe, test, type TestContext } from "node:test";
import { until } from "../../../lab/processes.js";
import { temporaryFolder } from "../../sidecar/support/support.js";
import { writeKubeconfig } from "./support/kubeconfig.js";
import { startDiscovering } from "./support/sidecar.js";
import { ALPHA2, TestCluster } from "./support/test-cluster.js";

const READ = ["list", "watch"];
const PODS = { apiGroups: [""], resources: ["pods"], verbs: READ };
const STABLE_KINDS = {
  apiGroups: ["inference.networking.k8s.io"],
  resources: ["inferencepools"],
  verbs: READ,
};
const OTHER_KINDS = {
  apiGroups: ["inference.networking.x-k8s.io"],
  resources: [
    ...["inferencepools", "inferencemodels", "inferenceobjectives", "inferencemodelrewrites"],
  ],
  verbs: READ,
};

describe("an account", () => {
  let cluster: TestCluster;
  let count = 0;
  before(async () => {
    cluster = await TestCluster.start(["pools v1", "pools v1alpha2", "models", "objectives"]);
  });
  after(() => cluster.stop());

  async function start(t: TestContext, rules: object[], times: object = {}) {
    const namespace = await cluster.namespace(`rights-${++count}`);
    await cluster.pool(namespace, "p");
    await cluster.pod(namespace, "a", { ip: "10.0.0.1", labels: { app: "p" } });
    const poolRef = { name: "p" };
    const spec = { modelName: "m", poolRef };
    await cluster.custom(ALPHA2, "InferenceModel", { namespace, name: "m" }, spec);
    const token = await makeAccount(namespace, rules);
    const folder = await temporaryFolder(t);
    const kubeconfig = await writeKubeconfig(folder, cluster.server.url, token, namespace);
    // The namespace is the account's own: it need not be named.
    const sidecar = await startDiscovering(
      t,
      { kubernetes: { kubeconfig } },
      {
        refusedMaxMs: 300,
        ...times,
      },
    );
    return { namespace, sidecar, pool: `${namespace}/p` };
  }

  async function setRules(namespace: string, rules: object[]): Promise<void> {
    const role = `/apis/rbac.authorization.k8s.io/v1/namespaces/${namespace}/roles/sidecar`;
    await cluster.api.patch(role, { rules });
  }

  async function makeAccount(namespace: string, rules: object[]): Promise<string> {
    const base = `/api/v1/namespaces/${namespace}/serviceaccounts`;
    const roles = `/apis/rbac.authorization.k8s.io/v1/namespaces/${namespace}`;
    await cluster.api.create(base, { metadata: { name: "sidecar" } });
    await cluster.api.create(`${roles}/roles`, { metadata: { name: "sidecar" }, rules });
    await cluster.api.create(`${roles}/rolebindings`, {
      metadata: { name: "sidecar" },
      roleRef: { apiGroup: "rbac.authorization.k8s.io", kind: "Role", name: "sidecar" },
      subjects: [{ kind: "ServiceAccount", name: "sidecar", namespace }],
    });
    const made = await cluster.api.create<{ status: { token: string } }>(`${base}/sidecar/token`, {
      spec: { expirationSeconds: 3_600 },
    });
    return made.status.token;
  }

  test("with list and watch of pods and kinds needs nothing more", async (t) => {
    const { sidecar, pool } = await start(t, [PODS, STABLE_KINDS, OTHER_KINDS]);
    await until("the pod", async () => (await sidecar.addresses(pool)) === "10.0.0.1:8000");
    await until("ready", async () => (await sidecar.text("/readyz")) === "ready\n");
    const found = (await sidecar.view()).pools.find(({ name }) => name === pool);
    const { models } = found as unknown as { models: { isClosed: boolean } };
    assert.equal(models.isClosed, true);
    assert.deepEqual(
      (await sidecar.problems()).filter((text) => text.includes("permitted")),
      [],
    );
  });

  test("that lacks a kind: the kind is named, the others go on", async (t) => {
    const { namespace, sidecar, pool } = await start(t, [PODS, STABLE_KINDS]);
    await until("the pod", async () => (await sidecar.addresses(pool)) === "10.0.0.1:8000");
    const named = async (kind: string): Promise<boolean> => {
      const said = `${kind}.inference.networking.x-k8s.io in namespace ${namespace}: not permitted`;
      return (await sidecar.problems()).some((text) => text.startsWith(said));
    };
    for (const kind of ["inferencemodels", "inferencepools", "inferenceobjectives"]) {
      await until(kind, () => named(kind));
    }
    await until("ready", async () => (await sidecar.text("/readyz")) === "ready\n");
    await setRules(namespace, [PODS, STABLE_KINDS, OTHER_KINDS]);
    await until("the right takes effect", async () => !(await named("inferencemodels")));
  });

  test("that loses the pods keeps the last ones", async (t) => {
    const times = { watchSeconds: 1, resyncMs: 500 };
    const all = [PODS, STABLE_KINDS, OTHER_KINDS];
    const { namespace, sidecar, pool } = await start(t, all, times);
    await until("the pod", async () => (await sidecar.addresses(pool)) === "10.0.0.1:8000");
    await setRules(namespace, [STABLE_KINDS]);
    await until("the problem", async () =>
      (await sidecar.problems()).some((text) => text.startsWith("pods in namespace")),
    );
    assert.equal(await sidecar.addresses(pool), "10.0.0.1:8000");
  });
});
