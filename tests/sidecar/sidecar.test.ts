// The whole sidecar between real pods and gateways on loopback.
import assert from "node:assert/strict";
import { rename, writeFile } from "node:fs/promises";
import { createServer as createTlsServer } from "node:https";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { makeCertificates } from "./support/certificates.js";
import {
  decodeAnswer,
  fixture,
  insertRecord,
  listen,
  page,
  report,
  serve,
  startTestSidecar,
  temporaryFolder,
  until,
} from "./support/support.js";

const KEY = "00112233445566778899aabbccddeeff";

/** A sidecar with one pool "p" of the given pods. */
function start(test: TestContext, pods: unknown[], more: Record<string, object | boolean> = {}) {
  const { pool, ...rest } = more;
  const pools = [{ name: "p", pods: { static: pods }, ...(pool as object) }];
  return startTestSidecar(test, { hashKey: KEY, pools, ...rest });
}

test("from the pods' pages to the table of a gateway", async (t) => {
  const v0 = await serve(t, (_, response) => response.end(fixture("metrics/vllm-v0.txt")));
  const v1 = await serve(t, (_, response) =>
    response.end(fixture("metrics/vllm-v1-data-parallel.txt")),
  );
  const pods = [`127.0.0.1:${v0}`, { address: "10.255.255.1:80", metricsPort: v1 }];
  const sidecar = await start(t, [pods[0]], { pool: { routingStrategy: "DEFAULT" } });
  const { pool } = { pool: "p" };
  await until("the first load", async () => {
    const { body } = await sidecar.sync(pool, report({ incarnation: "g" }));
    return decodeAnswer(body).rows[0]?.waiting === 4;
  });
  const first = await sidecar.sync(pool, report({ incarnation: "g" }));
  const second = await sidecar.sync(pool, report({ incarnation: "g" }));
  assert.equal(first.type, "application/octet-stream");
  const [before, after] = [decodeAnswer(first.body), decodeAnswer(second.body)];
  assert.ok(before.isWhole && before.isChecksumRight && after.isChecksumRight);
  assert.deepEqual([before.magic, before.strategy, before.hashKey], ["WRA1", 1, KEY]);
  assert.equal(after.sequence, before.sequence + 1n);
  assert.equal(after.incarnation, before.incarnation);
  // V0 has prefix caching off: flags 1 (may be picked) and 2.
  const { number, flags, running, address, epoch } = before.rows[0]!;
  assert.deepEqual([number, flags, running, address], [0, 3, 17, pods[0]]);
  assert.notEqual(epoch, 0);
});

test("each failing pod costs only its own row", async (t) => {
  const good = await serve(t, (_, response) => response.end(page(9)));
  const hanging = await serve(t, () => {});
  const junk = await serve(t, (_, response) => response.end(Buffer.alloc(10_000, 0xff)));
  const large = await serve(t, (_, response) => response.end(Buffer.alloc(100_000, "a 1\n")));
  const dead = 1;
  const ports = [good, hanging, junk, large, dead];
  const sidecar = await start(
    t,
    ports.map((port) => `127.0.0.1:${port}`),
    { scrape: { intervalMs: 10, timeoutMs: 300, maxBytes: 20_000 } },
  );
  const view = await until("all verdicts", async () => {
    const pools = await sidecar.pools();
    const states = pools.pools[0]?.pods.map(({ state }) => state).join(" ");
    return states === "ok failing failing failing failing" ? pools : null;
  });
  const reasons = view?.pools[0]?.pods.map(
    ({ failure }) => (failure as { reason: string } | null)?.reason,
  );
  assert.deepEqual(reasons, [undefined, "timeout", "no_metrics", "too_large", "unreachable"]);
  const { rows } = decodeAnswer((await sidecar.sync("p", report({}))).body);
  assert.deepEqual(
    rows.map(({ waiting }) => waiting),
    [9, ...Array<number>(4).fill(0xffffffff)],
  );
  assert.deepEqual(
    rows.slice(1).map(({ ageMs }) => ageMs),
    Array<number>(4).fill(0xffffffff),
  );
  assert.equal(await sidecar.text("/readyz"), "ready\n");
});

test("a pod that fails keeps its values and grows old; a restart is an epoch", async (t) => {
  let isUp = true;
  let tokens = 500;
  const port = await serve(t, (_, response) => {
    if (isUp) response.end(page(3, `vllm:prompt_tokens_total ${tokens}`));
    else response.writeHead(503).end();
  });
  const sidecar = await start(t, [`127.0.0.1:${port}`]);
  const row = async () => decodeAnswer((await sidecar.sync("p", report({}))).body).rows[0]!;
  await until("a load", async () => (await row()).waiting === 3);
  const { epoch } = await row();
  isUp = false;
  await until("an old load", async () => {
    const { ageMs, waiting } = await row();
    assert.equal(waiting, 3);
    return ageMs > 200;
  });
  tokens = 0;
  isUp = true;
  await until("the next epoch", async () => (await row()).epoch !== epoch);
});

test("pods behind TLS with a token that changes", async (t) => {
  const folder = await temporaryFolder(t);
  const { caFile, cert, key } = await makeCertificates(folder);
  const bearerTokenFile = join(folder, "token");
  await writeFile(bearerTokenFile, "first\n");
  let wanted = "first";
  const server = createTlsServer({ cert, key }, (request, response) => {
    const isAllowed = request.headers.authorization === `Bearer ${wanted}`;
    response.writeHead(isAllowed ? 200 : 401).end(page(6));
  });
  const port = await listen(t, server);
  const pool = { scheme: "https", tls: { caFile }, bearerTokenFile };
  const sidecar = await start(t, [`127.0.0.1:${port}`], { pool });
  const shows = (state: string) =>
    until(state, async () => (await sidecar.pools()).pools[0]?.pods[0]?.state === state);
  await shows("ok");
  wanted = "second";
  await shows("failing");
  await writeFile(bearerTokenFile, "second\n");
  await shows("ok");
});

test("a watched list moves the table and its strategy", async (t) => {
  const folder = await temporaryFolder(t);
  const file = join(folder, "pods.yaml");
  await writeFile(file, "- 127.0.0.1:1\n");
  const sidecar = await startTestSidecar(t, {
    hashKey: KEY,
    pools: [{ name: "p", pods: { file } }],
  });
  const table = async () => decodeAnswer((await sidecar.sync("p", report({}))).body);
  await until("the first list", async () => (await table()).rows[0]?.address === "127.0.0.1:1");
  await writeFile(join(folder, "new"), "pods: ['127.0.0.1:2']\nroutingStrategy: DEFAULT\n");
  await rename(join(folder, "new"), file);
  await until("the second list", async () => (await table()).rows[0]?.address === "127.0.0.1:2");
  const { rows, strategy } = await table();
  assert.deepEqual([rows.length, rows[0]?.number, strategy], [1, 1, 1]);
  await writeFile(file, "pods: 7\n");
  await until("a problem", async () =>
    (await sidecar.pools()).problems.some(({ text }) => text.includes("pods: 7")),
  );
  assert.equal((await table()).rows[0]?.address, "127.0.0.1:2");
});

test("records reach other gateways, again until confirmed, and go with the key", async (t) => {
  const hashKeyFile = join(await temporaryFolder(t), "key");
  await writeFile(hashKeyFile, KEY);
  const pools = [{ name: "p", pods: { static: [] } }];
  const sidecar = await startTestSidecar(t, { hashKeyFile, pools });
  const nobody = { sidecar: "0".repeat(16), next: 0 };
  const say = async (
    incarnation: string,
    records: Buffer = Buffer.alloc(0),
    cursor: object = nobody,
  ) =>
    decodeAnswer((await sidecar.sync("p", report({ incarnation, records: cursor }, records))).body);
  await say("old", insertRecord(1n));
  await say("old", Buffer.concat([insertRecord(2n), insertRecord(3n)]));
  const first = await say("new", insertRecord(4n));
  const expected = Buffer.concat([insertRecord(1n), insertRecord(2n), insertRecord(3n)]);
  assert.deepEqual(first.records, expected);
  assert.equal(first.hashKey, KEY);
  assert.deepEqual((await say("new")).records, expected, "not confirmed, so it comes again");
  const confirmed = { sidecar: first.incarnation, next: first.nextBatch };
  assert.equal((await say("new", undefined, confirmed)).records.length, 0);
  await say("old", insertRecord(5n));
  assert.deepEqual((await say("new", undefined, confirmed)).records, insertRecord(5n));
  const elsewhere = { sidecar: "f".repeat(16), next: first.nextBatch };
  const all = Buffer.concat([expected, insertRecord(5n)]);
  assert.deepEqual((await say("new", undefined, elsewhere)).records, all, "another's cursor");
  const silent = await sidecar.sync("p", report({ incarnation: "none" }));
  assert.equal(decodeAnswer(silent.body).records.length, 0, "it takes none");
  const other = "f".repeat(32);
  await writeFile(hashKeyFile, `${other}\n`);
  await until("the new key", async () => (await say("x")).hashKey === other);
  assert.equal((await say("third")).records.length, 0);
  await writeFile(hashKeyFile, "nonsense");
  await until("a problem", async () => (await sidecar.pools()).problems.length > 0);
  assert.equal((await say("x")).hashKey, other);
});

test("wrong polls get a reason, and the table goes on", async (t) => {
  const sidecar = await start(t, []);
  const refused: [string, Buffer, number, RegExp][] = [
    ["q", report({}), 404, /no pool "q" here, only: p/],
    ["", report({}), 404, /no pool "" here/],
    ["p", Buffer.alloc(0), 400, /WRR1/],
    ["p", Buffer.alloc(100_000, 0xff), 400, /WRR1/],
    ["p", report("{"), 400, /malformed/],
    ["p", Buffer.alloc(1024 * 1024 + 1), 413, /over 1048576 bytes/],
  ];
  for (const [pool, body, status, text] of refused) {
    const answer = await sidecar.sync(pool, body);
    assert.equal(answer.status, status);
    assert.match(answer.body.toString(), text);
  }
  assert.equal((await fetch(`${sidecar.base}/v1/sync?pool=p`)).status, 405);
  assert.equal((await sidecar.sync("p", report({}))).status, 200);
});

test("without a hash key there is one all the same, another in each run", async (t) => {
  const keys = [];
  for (let run = 0; run < 2; run++) {
    const sidecar = await startTestSidecar(t, { pools: [{ name: "p", pods: { static: [] } }] });
    keys.push(decodeAnswer((await sidecar.sync("p", report({}))).body).hashKey);
  }
  assert.ok(keys[0] !== null && keys[1] !== null && keys[0] !== keys[1]);
});

test("the key is nowhere to be seen but in the table", async (t) => {
  const sidecar = await start(t, []);
  for (const path of ["/", "/v1/pools", "/metrics", "/healthz", "/readyz"]) {
    assert.ok(!(await sidecar.text(path)).includes(KEY.slice(0, 8)), path);
  }
});

test("what is turned off is not there", async (t) => {
  const sidecar = await start(t, [], { statusPage: false, metrics: false });
  assert.equal((await fetch(`${sidecar.base}/`)).status, 404);
  assert.equal((await fetch(`${sidecar.base}/metrics`)).status, 404);
  assert.equal(await sidecar.text("/healthz"), "ok\n");
});
