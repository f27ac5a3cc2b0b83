// Models from real pods and the configuration to the table, the JSON and the page.
import assert from "node:assert/strict";
import { writeFile } from "node:fs/promises";
import { createServer as createTlsServer } from "node:https";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { startPod } from "../../../simulator/pods/pod.js";
import type { PodOptions } from "../../../simulator/pods/pod-options.js";
import { makeCertificates } from "../support/certificates.js";
import { decodeSection } from "../support/section.js";
import {
  decodeAnswer,
  listen,
  page,
  report,
  serve,
  startTestSidecar,
  temporaryFolder,
  until,
} from "../support/support.js";

async function pod(t: TestContext, options: Partial<PodOptions>): Promise<string> {
  const started = await startPod(options);
  t.after(() => started.close());
  return started.address;
}

async function start(t: TestContext, pods: string[], pool: object = {}) {
  const sidecar = await startTestSidecar(t, {
    pools: [{ name: "p", pods: { static: pods }, ...pool }],
  });
  const answer = async () => (await sidecar.sync("p", report({}))).body;
  return {
    ...sidecar,
    rows: async () => decodeAnswer(await answer()).rows,
    section: async () => decodeSection((await answer()).subarray(16)),
  };
}

test("simulated pods' models and adapters, with rules, reach the table", async (t) => {
  const addresses = [
    await pod(t, { model: "base", adapters: ["sql", "code"], maxLoras: 1 }),
    await pod(t, { model: "base", otherNames: ["second"], adapters: ["sql"] }),
  ];
  const sidecar = await start(t, addresses, {
    models: [{ name: "alias", criticality: "Critical", targets: [{ name: "base" }] }],
    objectives: [{ name: "batch", priority: -1 }],
  });
  const first = await until("both lists", async () => {
    const section = await sidecar.section();
    return section?.models.length === 5 ? section : null;
  });
  assert.ok(first);
  assert.equal(first.isClosed, true);
  assert.deepEqual(
    first.models.map(({ name, criticality }) => `${name} ${criticality}`),
    ["alias Critical", "base Standard", "code Standard", "second Standard", "sql Standard"],
  );
  assert.deepEqual(first.objectives, [{ name: "batch", criticality: "Sheddable" }]);
  const list = JSON.parse(`[${first.list}]`) as { id: string; root: string; parent: string }[];
  assert.deepEqual(
    list.map(({ id, root, parent }) => [id, root, parent]),
    [
      ["alias", "base", null],
      ["base", "base", null],
      ["code", "code", "base"],
      ["second", "second", null],
      ["sql", "sql", "base"],
    ],
  );
  // A request for an adapter that goes on until the test ends.
  const wish = { model: "sql", prompt: "x", max_tokens: 30_000, stream: true };
  const running = await fetch(`http://${addresses[0]}/v1/completions`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify(wish),
  });
  assert.equal(running.status, 200);
  const held = await until("the adapter in its slot", async () => {
    const adapters = (await sidecar.section())?.adapters;
    return adapters?.some(({ endpoints }) => endpoints.length > 0) ? adapters : null;
  });
  assert.deepEqual(held, [
    { name: "code", endpoints: [] },
    { name: "sql", endpoints: [0] },
  ]);
  // May be picked, and at its adapter limit.
  assert.deepEqual(
    (await sidecar.rows()).map(({ flags }) => flags),
    [5, 1],
  );
  await running.body?.cancel();
  await until("a free slot", async () => (await sidecar.rows())[0]?.flags === 1);
  assert.deepEqual((await sidecar.section())?.adapters, held, "the adapter is still there");
});

test("a pod that hangs over its list is scraped all the same", async (t) => {
  let asked = 0;
  const port = await serve(t, (request, response) => {
    if (request.url === "/v1/models") asked++;
    else response.end(page(3));
  });
  const sidecar = await start(t, [`127.0.0.1:${port}`]);
  await until("a question", () => asked > 0);
  await until("a young load while it is open", async () => {
    const [row] = await sidecar.rows();
    return row !== undefined && row.waiting === 3 && row.ageMs < 500;
  });
  assert.equal(await sidecar.section(), null);
  const { pools, problems } = await sidecar.pools();
  assert.equal(pools[0]?.pods[0]?.state, "ok");
  assert.ok(!problems.some(({ text }) => text.includes("models")));
});

test("a closed pool refuses no name before its pods were asked for theirs", async (t) => {
  let tell = (): void => {};
  const asked = new Promise<void>((resolve) => (tell = resolve));
  const port = await serve(t, (request, response) => {
    if (request.url !== "/v1/models") return void response.end(page(3));
    void asked.then(() => response.end(JSON.stringify({ data: [{ id: "base" }] })));
  });
  const models = [{ name: "alias", targets: [{ name: "base" }] }];
  const sidecar = await start(t, [`127.0.0.1:${port}`], { models });
  const early = await until("a table", () => sidecar.section());
  assert.deepEqual([early?.isClosed, early?.models.length], [false, 1]);
  tell();
  const section = await until("the list", async () => {
    const now = await sidecar.section();
    return now?.isClosed === true ? now : null;
  });
  assert.deepEqual(
    section?.models.map(({ name }) => name),
    ["alias", "base"],
  );
  const unasked = await start(t, [`127.0.0.1:${port}`], { models, modelsPath: "" });
  assert.equal((await until("a table", () => unasked.section()))?.isClosed, true);
});

test("an empty modelsPath asks no pod", async (t) => {
  const paths = new Set<string>();
  const port = await serve(t, (request, response) => {
    paths.add(request.url ?? "");
    response.end(page(3));
  });
  const other = await serve(t, (request, response) => {
    paths.add(`second ${request.url}`);
    response.end(page(4));
  });
  const sidecar = await startTestSidecar(t, {
    pools: [
      { name: "p", modelsPath: "", pods: { static: [`127.0.0.1:${port}`] } },
      { name: "q", modelsPath: "/list", pods: { static: [`127.0.0.1:${other}`] } },
    ],
  });
  await until("a question of the other pool", () => paths.has("second /list"));
  assert.equal(await sidecar.text("/readyz"), "ready\n");
  assert.deepEqual([...paths].sort(), ["/metrics", "second /list", "second /metrics"]);
});

test("lists come over the pool's TLS, with its token", async (t) => {
  const folder = await temporaryFolder(t);
  const { caFile, cert, key } = await makeCertificates(folder);
  const bearerTokenFile = join(folder, "token");
  await writeFile(bearerTokenFile, "first\n");
  const server = createTlsServer({ cert, key }, (request, response) => {
    const isAllowed = request.headers.authorization === "Bearer first";
    const list = JSON.stringify({ data: [{ id: "secured" }] });
    response.writeHead(isAllowed ? 200 : 401).end(request.url === "/v1/models" ? list : page(6));
  });
  const port = await listen(t, server);
  const pool = { scheme: "https", tls: { caFile }, bearerTokenFile };
  const sidecar = await start(t, [`127.0.0.1:${port}`], pool);
  const section = await until("the list", () => sidecar.section());
  assert.deepEqual(
    section?.models.map(({ name }) => name),
    ["secured"],
  );
});
