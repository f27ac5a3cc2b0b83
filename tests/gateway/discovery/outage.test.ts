// What the table shows while the API server is gone, hangs, and comes back.
import assert from "node:assert/strict";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { after, before, describe, test, type TestContext } from "node:test";
import { fileURLToPath } from "node:url";
import { start as startProcess, until } from "../../../lab/processes.js";
import { temporaryFolder } from "../../sidecar/support/support.js";
import { writeKubeconfig } from "./support/kubeconfig.js";
import { Proxy } from "./support/proxy.js";
import { startDiscovering, type TestSidecar } from "./support/sidecar.js";
import { STABLE, TestCluster } from "./support/test-cluster.js";

const MAIN = fileURLToPath(new URL("../../../sidecar-metrics/src/main.js", import.meta.url));
const GONE = /The Kubernetes API server \S+ does not answer since 20\d\d-.* stay as they were/;

describe("an API server that is gone", () => {
  let cluster: TestCluster;
  let count = 0;
  before(async () => {
    cluster = await TestCluster.start(["pools v1", "objectives"]);
  });
  after(() => cluster.stop());

  async function start(t: TestContext, times: object = {}) {
    const namespace = await cluster.namespace(`outage-${++count}`);
    await cluster.pool(namespace, "p");
    await cluster.pod(namespace, "a", { ip: "10.0.0.1", labels: { app: "p" } });
    const proxy = await Proxy.start(cluster.server.port);
    t.after(() => proxy.stop());
    const kubeconfig = await writeKubeconfig(await temporaryFolder(t), proxy.url);
    const kubernetes = { kubeconfig, namespaces: [namespace] };
    const sidecar = await startDiscovering(t, { kubernetes }, times);
    const pool = `${namespace}/p`;
    await until("the pod", async () => (await sidecar.addresses(pool)) === "10.0.0.1:8000");
    return { namespace, sidecar, pool, proxy };
  }

  const isSaid = async (sidecar: TestSidecar): Promise<boolean> =>
    (await sidecar.problems()).some((text) => GONE.test(text));

  /** Looks at the table all the while; the answer ends the looking and fails if it was empty. */
  function watchRows(sidecar: TestSidecar, pool: string): () => Promise<void> {
    let isDone = false;
    let looks = 0;
    let failure: Error | null = null;
    const looking = (async () => {
      for (; !isDone; looks++) {
        const rows = await sidecar.rows(pool);
        const isThere = rows?.some(({ address }) => address === "10.0.0.1:8000") === true;
        if (!isThere) failure ??= new Error(`look ${looks}: the pod was lost`);
      }
    })();
    return async () => {
      isDone = true;
      await looking;
      assert.equal(failure, null);
      assert.ok(looks > 0);
    };
  }

  test("killed and back: the last state serves on, and nothing flaps", async (t) => {
    const { namespace, sidecar, pool } = await start(t);
    const endWatching = watchRows(sidecar, pool);
    cluster.server.child.signal("SIGKILL");
    await cluster.server.child.ended();
    await until("the problem", () => isSaid(sidecar));
    assert.equal((await sidecar.view()).kubernetes.isConnected, false);
    assert.match(
      await sidecar.text("/metrics"),
      /^warmroute_kubernetes_connected\{server="[^"]+"\} 0$/m,
    );
    await cluster.restart();
    await until("its end", async () => (await sidecar.view()).kubernetes.isConnected);
    await until("its end", async () => !(await isSaid(sidecar)));
    await cluster.pod(namespace, "b", { ip: "10.0.0.2", labels: { app: "p" } });
    await until("a new pod", async () => (await sidecar.rows(pool))?.length === 2);
    await endWatching();
  });

  test("what happened meanwhile is seen, also when its history is lost", async (t) => {
    const { namespace, sidecar, pool, proxy } = await start(t);
    const endWatching = watchRows(sidecar, pool);
    proxy.set("closed");
    await until("the problem", () => isSaid(sidecar));
    await cluster.pod(namespace, "b", { ip: "10.0.0.2", labels: { app: "p" } });
    // A new process has no history: it answers "too old resource version" to what it had said.
    await cluster.server.stop();
    await cluster.restart();
    await cluster.pod(namespace, "c", { ip: "10.0.0.3", labels: { app: "p" } });
    proxy.set("passing");
    const expected = "10.0.0.1:8000 10.0.0.2:8000 10.0.0.3:8000";
    await until("both", async () => (await sidecar.addresses(pool)) === expected);
    await endWatching();
  });

  test("a connection that hangs is found, and what it hid is seen", async (t) => {
    const times = { watchSeconds: 1, watchGraceMs: 500, requestTimeoutMs: 500 };
    const { namespace, sidecar, pool, proxy } = await start(t, times);
    proxy.set("frozen");
    await until("the problem", () => isSaid(sidecar));
    await cluster.removePod(namespace, "a");
    await cluster.pod(namespace, "b", { ip: "10.0.0.2", labels: { app: "p" } });
    assert.equal(await sidecar.addresses(pool), "10.0.0.1:8000");
    proxy.set("passing");
    await until("the other", async () => (await sidecar.addresses(pool)) === "10.0.0.2:8000");
    await until("its end", async () => !(await isSaid(sidecar)));
  });

  test("a watch that hangs alone is found by its age", async (t) => {
    const { namespace, sidecar, pool, proxy } = await start(t, {
      watchSeconds: 1,
      watchGraceMs: 500,
    });
    proxy.set("stale");
    await cluster.pod(namespace, "b", { ip: "10.0.0.2", labels: { app: "p" } });
    await until("the pod", async () => (await sidecar.rows(pool))?.length === 2);
  });

  test("not there at the start: not ready until it is", async (t) => {
    const namespace = await cluster.namespace(`outage-${++count}`);
    await cluster.pool(namespace, "p");
    const proxy = await Proxy.start(cluster.server.port);
    t.after(() => proxy.stop());
    proxy.set("closed");
    const kubeconfig = await writeKubeconfig(await temporaryFolder(t), proxy.url);
    const sidecar = await startDiscovering(t, {
      kubernetes: { kubeconfig, namespaces: [namespace] },
    });
    await until("the problem", () => isSaid(sidecar));
    assert.match(await sidecar.text("/readyz"), /waiting for .*first lists of namespace outage/);
    proxy.set("passing");
    await until("ready", async () => (await sidecar.text("/readyz")) === "ready\n");
    assert.deepEqual(await sidecar.rows(`${namespace}/p`), []);
  });

  for (const mode of ["passing", "frozen", "closed"] as const) {
    test(`the process ends on SIGTERM while the network is ${mode}`, async (t) => {
      const proxy = await Proxy.start(cluster.server.port);
      t.after(() => proxy.stop());
      const folder = await temporaryFolder(t);
      const kubeconfig = await writeKubeconfig(folder, proxy.url);
      const config = join(folder, "sidecar.yaml");
      await writeFile(config, JSON.stringify({ listen: { port: 0 }, kubernetes: { kubeconfig } }));
      proxy.set(mode);
      const args = [MAIN, "--config", config];
      const readyLine = /"port":(\d+)[^}]*listening/;
      const child = await startProcess({
        name: "sidecar",
        command: process.execPath,
        args,
        readyLine,
      });
      t.after(() => child.stop());
      if (mode === "passing") {
        const url = `http://127.0.0.1:${child.ready?.[1]}/readyz`;
        await until("ready", async () => (await fetch(url)).status === 200);
      }
      child.signal("SIGTERM");
      await child.ended();
      assert.equal(child.exitCode, 0, child.tail());
    });
  }

  test("watches that end and lists made anew lose nothing", async (t) => {
    const times = { watchSeconds: 1, resyncMs: 1_000, watchMinMs: 50 };
    const { namespace, sidecar, pool } = await start(t, times);
    const endWatching = watchRows(sidecar, pool);
    for (let i = 2; i < 12; i++) {
      await cluster.pod(namespace, `pod-${i}`, { ip: `10.0.0.${i}`, labels: { app: "p" } });
      await until("the pod", async () => (await sidecar.rows(pool))?.length === i);
      await new Promise((resolve) => setTimeout(resolve, 300));
    }
    await endWatching();
    await cluster.removeCustom(STABLE, "InferencePool", { namespace, name: "p" });
    await until("its end", async () => (await sidecar.rows(pool)) === null);
  });
});
