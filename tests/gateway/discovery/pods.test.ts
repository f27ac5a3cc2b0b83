// Pods on a real API server, from each change of theirs to the table that the filter gets.
import assert from "node:assert/strict";
import { createServer } from "node:http";
import { after, before, describe, test, type TestContext } from "node:test";
import { until } from "../../../lab/processes.js";
import { page } from "../../sidecar/support/support.js";
import { startDiscovering, type TestSidecar } from "./support/sidecar.js";
import { TestCluster } from "./support/test-cluster.js";

const APP = { app: "vllm" };
const SELECTOR = { selector: { matchLabels: APP } };
const MANY = 500;

describe("pods of a pool", () => {
  let cluster: TestCluster;
  let count = 0;
  before(async () => {
    cluster = await TestCluster.start(["pools v1"]);
  });
  after(() => cluster.stop());

  async function start(t: TestContext, spec: object = {}) {
    const namespace = await cluster.namespace(`pods-${++count}`);
    await cluster.pool(namespace, "vllm", { ...SELECTOR, ...spec });
    const { kubeconfigPath: kubeconfig } = cluster.server;
    const kubernetes = { kubeconfig, namespaces: [namespace] };
    const sidecar = await startDiscovering(t, { kubernetes });
    return { namespace, sidecar, pool: `${namespace}/vllm` };
  }

  async function shows(sidecar: TestSidecar, pool: string, expected: string): Promise<void> {
    let seen = "";
    try {
      await until("the table", async () => (seen = await sidecar.addresses(pool)) === expected);
    } catch {
      assert.equal(seen, expected);
    }
  }

  test("come, become unready, ready again, drain and go", async (t) => {
    const { namespace, sidecar, pool } = await start(t);
    await shows(sidecar, pool, "");
    await cluster.pod(namespace, "a", { ip: "10.0.0.1", labels: APP });
    await cluster.pod(namespace, "b", { ip: "10.0.0.2", labels: APP });
    await cluster.pod(namespace, "other", { ip: "10.0.0.3", labels: { app: "other" } });
    await shows(sidecar, pool, "10.0.0.1:8000 10.0.0.2:8000");
    await cluster.setPod(namespace, "a", { ip: "10.0.0.1", isReady: false });
    await shows(sidecar, pool, "-10.0.0.1:8000 10.0.0.2:8000");
    await cluster.setPod(namespace, "a", { ip: "10.0.0.1" });
    await shows(sidecar, pool, "10.0.0.1:8000 10.0.0.2:8000");
    await cluster.drainPod(namespace, "b");
    await shows(sidecar, pool, "10.0.0.1:8000 -10.0.0.2:8000");
    await cluster.removePod(namespace, "b");
    await shows(sidecar, pool, "10.0.0.1:8000");
    assert.deepEqual((await sidecar.view()).pools[0]?.pods[0]?.["name"], "a");
  });

  test("without an IP, ended, or no leader of their group are left out", async (t) => {
    const { namespace, sidecar, pool } = await start(t);
    const index = "leaderworkerset.sigs.k8s.io/worker-index";
    await cluster.pod(namespace, "pending", { labels: APP });
    await cluster.pod(namespace, "worker", { ip: "10.0.1.2", labels: { ...APP, [index]: "1" } });
    await cluster.pod(namespace, "leader", { ip: "10.0.1.1", labels: { ...APP, [index]: "0" } });
    await cluster.pod(namespace, "ended", { ip: "10.0.1.3", labels: APP });
    const path = `/api/v1/namespaces/${namespace}/pods/ended/status`;
    await cluster.api.patch(path, { status: { phase: "Succeeded" } });
    await shows(sidecar, pool, "10.0.1.1:8000");
  });

  test("with several ports, and with an IPv6 address", async (t) => {
    const targetPorts = [{ number: 8000 }, { number: 8001 }];
    const { namespace, sidecar, pool } = await start(t, { targetPorts });
    await cluster.pod(namespace, "six", { ip: "fd00::0:7", labels: APP });
    await shows(sidecar, pool, "[fd00::7]:8000 [fd00::7]:8001");
  });

  test("are scraped where their annotations say", async (t) => {
    const asked: string[] = [];
    const server = createServer((request, response) => {
      asked.push(request.url ?? "");
      response.end(page(7));
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    t.after(() => void server.close().closeAllConnections());
    const { port } = server.address() as { port: number };
    const { namespace, sidecar, pool } = await start(t);
    const annotations = {
      "prometheus.io/port": String(port),
      "prometheus.io/path": "/own/metrics",
    };
    await cluster.pod(namespace, "a", { ip: "127.0.0.1", labels: APP, annotations });
    await until("a load", async () => {
      const [pod] = (await sidecar.view()).pools.find(({ name }) => name === pool)?.pods ?? [];
      return pod?.["waiting"] === 7;
    });
    assert.equal(asked[0], "/own/metrics");
  });

  test("another pod at the same address has lost the cache and keeps the number", async (t) => {
    const server = createServer((_, response) => {
      response.end(page(1, "process_start_time_seconds 1000"));
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    t.after(() => void server.close().closeAllConnections());
    const { port } = server.address() as { port: number };
    const { namespace, sidecar, pool } = await start(t);
    const annotations = { "prometheus.io/port": String(port) };
    const options = { ip: "127.0.0.1", labels: APP, annotations };
    await cluster.pod(namespace, "vllm-0", options);
    const row = async () => (await sidecar.rows(pool))?.[0];
    await until("the first epoch", async () => ((await row())?.epoch ?? 0) !== 0);
    const first = await row();
    await cluster.removePod(namespace, "vllm-0");
    await cluster.pod(namespace, "vllm-0", options);
    await until("another epoch", async () => {
      const { epoch = 0 } = (await row()) ?? {};
      return epoch !== 0 && epoch !== first?.epoch;
    });
    assert.equal((await row())?.number, first?.number);
  });

  test(`${MANY} at once`, async (t) => {
    const { namespace, sidecar, pool } = await start(t);
    const ipOf = (index: number): string => `10.1.${Math.floor(index / 250)}.${(index % 250) + 1}`;
    const names = Array.from({ length: MANY }, (_, index) => index);
    // The API server answers some hundred requests a second here; more at once only queue.
    for (let from = 0; from < MANY; from += 50) {
      const some = names.slice(from, from + 50);
      await Promise.all(
        some.map((i) => cluster.pod(namespace, `pod-${i}`, { ip: ipOf(i), labels: APP })),
      );
    }
    await until("all of them", async () => (await sidecar.rows(pool))?.length === MANY);
    const rows = (await sidecar.rows(pool)) ?? [];
    assert.equal(new Set(rows.map(({ number }) => number)).size, MANY);
    assert.deepEqual(
      rows.map(({ address }) => address),
      names.map((index) => `${ipOf(index)}:8000`),
    );
    assert.ok(rows.every(({ mayBePicked }) => mayBePicked));
    await cluster.api.remove(`/api/v1/namespaces/${namespace}/pods`);
    await until("none of them", async () => (await sidecar.rows(pool))?.length === 0);
  });
});
