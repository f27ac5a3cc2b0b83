// Pools and models on a real API server: all kinds and versions, found at the start and later.
import assert from "node:assert/strict";
import { after, before, describe, test, type TestContext } from "node:test";
import { until } from "../../../lab/processes.js";
import { startDiscovering, type TestSidecar, type ViewJson } from "./support/sidecar.js";
import { ALPHA2, STABLE, TestCluster } from "./support/test-cluster.js";

const GROUP = "inference.networking.x-k8s.io";
const OLD_SPEC = {
  selector: { app: "old" },
  targetPortNumber: 9000,
  extensionRef: { name: "unused" },
};

interface Declared {
  name: string | null;
  criticality: string;
  targets: { name: string; weight: number }[];
}

async function poolView(sidecar: TestSidecar, name: string) {
  const found = (await sidecar.view()).pools.find((pool) => pool.name === name);
  return found as (ViewJson["pools"][number] & { models: ModelsJson }) | undefined;
}

interface ModelsJson {
  isClosed: boolean;
  rules: Declared[];
  objectives: { name: string; criticality: string }[];
}

describe("pools of a gateway", () => {
  let cluster: TestCluster;
  let count = 0;
  before(async () => {
    cluster = await TestCluster.start([
      ...(["pools v1", "pools v1alpha2", "models", "objectives", "rewrites"] as const),
    ]);
  });
  after(() => cluster.stop());

  async function start(t: TestContext, settings: object = {}) {
    const namespace = await cluster.namespace(`pools-${++count}`);
    const { kubeconfigPath: kubeconfig } = cluster.server;
    const kubernetes = { kubeconfig, namespaces: [namespace], ...settings };
    return { namespace, sidecar: await startDiscovering(t, { kubernetes }) };
  }

  const names = async (sidecar: TestSidecar): Promise<string> =>
    (await sidecar.view()).pools.map(({ name }) => name.replace(/.*\//, "")).join(" ");

  test("appear, change their selector and ports, and disappear", async (t) => {
    const { namespace, sidecar } = await start(t);
    await cluster.pod(namespace, "a", { ip: "10.0.0.1", labels: { app: "p" } });
    await cluster.pod(namespace, "b", { ip: "10.0.0.2", labels: { app: "old" } });
    await cluster.pool(namespace, "p");
    await cluster.custom(ALPHA2, "InferencePool", { namespace, name: "old" }, OLD_SPEC);
    const pool = `${namespace}/p`;
    await until("p", async () => (await sidecar.addresses(pool)) === "10.0.0.1:8000");
    const old = `${namespace}/old`;
    await until("old", async () => (await sidecar.addresses(old)) === "10.0.0.2:9000");
    await until("ready", async () => (await sidecar.text("/readyz")) === "ready\n");
    const spec = { selector: { matchLabels: { app: "old" } }, targetPorts: [{ number: 81 }] };
    await cluster.patchCustom(STABLE, "InferencePool", { namespace, name: "p" }, { spec });
    await until("the change", async () => (await sidecar.addresses(pool)) === "10.0.0.2:81");
    await cluster.removeCustom(STABLE, "InferencePool", { namespace, name: "p" });
    await until("its end", async () => (await sidecar.rows(pool)) === null);
    await cluster.pool(namespace, "p");
    await until("p again", async () => (await sidecar.addresses(pool)) === "10.0.0.1:8000");
    // The number that 10.0.0.1 had, although 10.0.0.2 came in between.
    assert.equal((await sidecar.rows(pool))?.[0]?.number, 0);
  });

  test("in both groups: the stable one counts, and that is said", async (t) => {
    const { namespace, sidecar } = await start(t);
    await cluster.pod(namespace, "a", { ip: "10.0.0.1", labels: { app: "p" } });
    await cluster.custom(ALPHA2, "InferencePool", { namespace, name: "p" }, OLD_SPEC);
    await cluster.pool(namespace, "p");
    await until("p", async () => (await sidecar.addresses(`${namespace}/p`)) === "10.0.0.1:8000");
    await until("the note", async () => (await sidecar.view()).notes.length > 0);
    const { notes, problems } = await sidecar.view();
    assert.deepEqual(notes, [
      `InferencePool ${namespace}/p (${ALPHA2}) is not used: there is ` +
        `InferencePool ${namespace}/p (${STABLE}) too.`,
    ]);
    assert.ok(!problems.some(({ text }) => text.includes("InferencePool")));
  });

  test("attached to another gateway or port are left out, bad values are named", async (t) => {
    const { namespace, sidecar } = await start(t, { gateway: "inference-gateway" });
    const attach = (name: string, text: string) =>
      cluster.custom(
        ALPHA2,
        "InferencePool",
        { namespace, name, annotations: { [`${GROUP}/attach-to`]: text } },
        OLD_SPEC,
      );
    await attach("ours", "name: inference-gateway\nport: 8081\n");
    await attach("port", "name: inference-gateway\nport: 8080\n");
    await attach("other", "name: other\nport: 8081\n");
    await attach("bad", "name: inference-gateway\nprot: 8081\n");
    await until("all four", async () =>
      (await sidecar.view()).kubernetes.watched.some(
        (one) =>
          one.path.includes("v1alpha2") && one.path.endsWith("inferencepools") && one.objects === 4,
      ),
    );
    await until("ours", async () => (await names(sidecar)) === "ours");
    const bad = async (): Promise<string | undefined> =>
      (await sidecar.problems()).find((text) => text.includes("/bad"));
    await until("the bad one is named", async () => (await bad()) !== undefined);
    const { notes } = await sidecar.view();
    assert.equal(notes.length, 2);
    assert.match(notes[0] ?? "", /\/other .* is attached to gateway other, port 8081\.$/);
    assert.match(
      (await bad()) ?? "",
      /attach-to:1: port: is missing; it must be a whole number from 1/,
    );
    // Once attached it stays so while the value is bad.
    const change = { metadata: { annotations: { [`${GROUP}/attach-to`]: "nonsense" } } };
    await cluster.patchCustom(ALPHA2, "InferencePool", { namespace, name: "ours" }, change);
    await until("the problem", async () =>
      (await sidecar.problems()).some((text) => /ours.*nonsense.*last one counts/.test(text)),
    );
    assert.equal(await names(sidecar), "ours");
  });

  test("the routing strategy follows its annotation, a bad one keeps the last", async (t) => {
    const { namespace, sidecar } = await start(t, { routingStrategy: "PREFIX_CACHE" });
    await cluster.pool(namespace, "p");
    const pool = `${namespace}/p`;
    const shows = (strategy: string): Promise<void> =>
      until(strategy, async () => (await poolView(sidecar, pool))?.routingStrategy === strategy);
    const annotate = (value: string | null): Promise<void> => {
      const annotations = { [`${GROUP}/routing-strategy`]: value };
      const change = { metadata: { annotations } };
      return cluster.patchCustom(STABLE, "InferencePool", { namespace, name: "p" }, change);
    };
    await shows("PREFIX_CACHE");
    await annotate("DEFAULT");
    await shows("DEFAULT");
    await annotate("FASTEST");
    await until("the problem", async () =>
      (await sidecar.problems()).some((text) =>
        /"FASTEST" is not allowed; it must be one of DEFAULT, PREFIX_CACHE; DEFAULT/.test(text),
      ),
    );
    assert.equal((await poolView(sidecar, pool))?.routingStrategy, "DEFAULT");
    await annotate(null);
    await shows("PREFIX_CACHE");
    assert.ok(!(await sidecar.problems()).some((text) => text.includes("FASTEST")));
  });

  test("models, rewrites and objectives reach the pool; others are shown", async (t) => {
    const { namespace, sidecar } = await start(t);
    await cluster.pool(namespace, "p");
    const poolRef = { name: "p", kind: "InferencePool", group: GROUP };
    const make = (kind: string, name: string, spec: object): Promise<void> =>
      cluster.custom(ALPHA2, kind, { namespace, name }, { poolRef, ...spec });
    const targetModels = [
      { name: "qwq-32b", weight: 90 },
      { name: "qwq-32b-v2", weight: 10 },
    ];
    await make("InferenceModel", "qwq", {
      modelName: "qwq",
      criticality: "Critical",
      targetModels,
    });
    await make("InferenceModelRewrite", "rewrite", {
      rules: [
        {
          matches: [{ model: { type: "Exact", value: "food" } }],
          targets: [{ modelRewrite: "food-v1" }],
        },
        { targets: [{ modelRewrite: "general" }] },
      ],
    });
    await make("InferenceObjective", "batch", { priority: -1 });
    await make("InferenceObjective", "urgent", { priority: 10 });
    await make("InferenceObjective", "usual", {});
    await make("InferenceModel", "lost", { modelName: "lost", poolRef: { ...poolRef, name: "q" } });
    const pool = `${namespace}/p`;
    const models = await untilModels(sidecar, pool, 3, 3);
    assert.equal(models.isClosed, true);
    assert.deepEqual(models.rules, [
      { name: "qwq", criticality: "Critical", targets: targetModels },
      { name: "food", criticality: "Standard", targets: [{ name: "food-v1", weight: 1 }] },
      { name: null, criticality: "Standard", targets: [{ name: "general", weight: 1 }] },
    ]);
    assert.deepEqual(models.objectives, [
      { name: "batch", criticality: "Sheddable" },
      { name: "urgent", criticality: "Critical" },
      { name: "usual", criticality: "Standard" },
    ]);
    const lost = `InferenceModel ${namespace}/lost (${ALPHA2}): spec.poolRef: there is no`;
    await until("the problem", async () =>
      (await sidecar.problems()).includes(`${lost} InferencePool ${namespace}/q.`),
    );
    await cluster.removeCustom(ALPHA2, "InferenceModel", { namespace, name: "qwq" });
    await until("an open pool", async () => !(await poolView(sidecar, pool))?.models.isClosed);
  });
});

async function untilModels(
  sidecar: TestSidecar,
  pool: string,
  modelCount: number,
  objectiveCount: number,
): Promise<ModelsJson> {
  let models: ModelsJson | undefined;
  await until("the models", async () => {
    models = (await poolView(sidecar, pool))?.models;
    return models?.rules.length === modelCount && models.objectives.length === objectiveCount;
  });
  return models as ModelsJson;
}
