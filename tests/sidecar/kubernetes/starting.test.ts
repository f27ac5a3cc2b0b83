// A sidecar whose port is open while it has not yet begun to look for its pools.
import assert from "node:assert/strict";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { freePorts } from "../../../lab/ports.js";
import { DISCOVERY_MODULES } from "../../../sidecar-metrics/src/discovery/discovery.js";
import { serve, startTestSidecar, temporaryFolder, until } from "../support/support.js";

test("is not ready, although there is no pool yet that it could wait for", async (t) => {
  const api = await serve(t, (_, response) => response.writeHead(404).end("{}"));
  const kubeconfig = join(await temporaryFolder(t), "kubeconfig");
  const cluster = { name: "c", cluster: { server: `http://127.0.0.1:${api}` } };
  const context = { name: "x", context: { cluster: "c", user: "u" } };
  const users = [{ name: "u", user: {} }];
  const content = { clusters: [cluster], contexts: [context], users, "current-context": "x" };
  await writeFile(kubeconfig, JSON.stringify(content));
  const { pools } = DISCOVERY_MODULES;
  let goOn = (): void => undefined;
  const held = new Promise<void>((resolve) => (goOn = resolve));
  t.mock.method(DISCOVERY_MODULES, "pools", () => held.then(pools));

  const [port = 0] = await freePorts(1);
  const kubernetes = { kubeconfig, namespaces: ["default"] };
  const sidecar = startTestSidecar(t, { listen: { port }, kubernetes });
  try {
    const answer = await until("the port is open", () =>
      fetch(`http://127.0.0.1:${port}/readyz`).catch(() => null),
    );
    assert.equal(answer?.status, 503);
  } finally {
    goOn();
    await sidecar;
  }
});
