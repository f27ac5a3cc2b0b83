// One scrape against real servers: each way in which a pod can fail has its own reason.
import assert from "node:assert/strict";
import { once } from "node:events";
import type { RequestListener, ServerResponse } from "node:http";
import { createServer as createTlsServer } from "node:https";
import { createServer as createTcpServer } from "node:net";
import { pipeline } from "node:stream";
import { type TestContext, test } from "node:test";
import { gzipSync } from "node:zlib";
import { configSchema } from "../../../sidecar-metrics/src/config/schema.js";
import { VLLM } from "../../../sidecar-metrics/src/engines/vllm.js";
import { createAgent } from "../../../sidecar-metrics/src/scrape/client.js";
import { LoadCollector } from "../../../sidecar-metrics/src/scrape/pod-load.js";
import { type Scrape, scrape } from "../../../sidecar-metrics/src/scrape/scrape.js";
import { makeCertificates } from "../support/certificates.js";
import { listen, page, serve, temporaryFolder } from "../support/support.js";

interface Options {
  modelName?: string;
  timeoutMs?: number;
  token?: string;
  tls?: object;
}

async function scrapeUrl(test: TestContext, url: string, options: Options = {}): Promise<Scrape> {
  const pool = { name: "p", pods: { static: [] }, tls: options.tls ?? {} };
  const settings = configSchema.parse({ pools: [pool] }).pools[0]!;
  const timeoutMs = options.timeoutMs ?? 5_000;
  const dispatcher = await createAgent(settings, timeoutMs);
  test.after(() => dispatcher.destroy());
  return scrape(url, {
    dispatcher,
    mapping: VLLM,
    names: LoadCollector.names(VLLM),
    modelName: options.modelName ?? null,
    bearerToken: () => options.token ?? null,
    timeoutMs,
    bodyBytesMax: 100_000,
    nowMs: () => 42,
  });
}

test("a good page gives the load as of the moment of asking", async (t) => {
  const port = await serve(t, (_, response) => response.end(page(3)));
  const outcome = await scrapeUrl(t, `http://127.0.0.1:${port}/metrics`);
  assert.ok(outcome.result === "ok");
  assert.deepEqual([outcome.load.waiting, outcome.sentAtMs], [3, 42]);
});

test("the token goes out as a bearer, and nothing compressed is asked for", async (t) => {
  let headers: Record<string, unknown> = {};
  const port = await serve(t, (request, response) => {
    headers = request.headers;
    response.end(page(0));
  });
  await scrapeUrl(t, `http://127.0.0.1:${port}/metrics`, { token: "s3cret" });
  assert.equal(headers["authorization"], "Bearer s3cret");
  assert.equal(headers["accept-encoding"], "identity");
});

const drip = (response: ServerResponse): void => {
  const timer = setInterval(() => response.write("#\n"), 5);
  response.on("close", () => clearInterval(timer));
};

function* flood(): Generator<Buffer> {
  const chunk = Buffer.alloc(65_536, "vllm:num_requests_waiting 1\n");
  for (let sent = 0; sent < 100e6; sent += chunk.length) yield chunk;
}

const FAILURES: [string, RequestListener, Options, string, RegExp][] = [
  ["never answers", () => {}, { timeoutMs: 50 }, "timeout", /50 ms/],
  ["drips its body for ever", (_, response) => drip(response), { timeoutMs: 50 }, "timeout", /50/],
  [
    "sends 100 MB",
    (_, response) => void pipeline(flood, response, () => {}),
    {},
    "too_large",
    /100000 bytes/,
  ],
  ["answers 500", (_, r) => r.writeHead(500).end(page(1)), {}, "bad_status", /500/],
  ["redirects", (_, r) => r.writeHead(302, { location: "/" }).end(), {}, "bad_status", /302/],
  ["answers with nothing", (_, r) => r.end(), {}, "no_metrics", /0 bytes/],
  ["answers with junk", (_, r) => r.end(Buffer.alloc(50_000, 0xfe)), {}, "no_metrics", /50000/],
  ["answers in HTML", (_, r) => r.end("<html>vllm</html>"), {}, "no_metrics", /num_requests/],
  ["serves another model", (_, r) => r.end(page(1)), { modelName: "x" }, "no_model", /only of m/],
  [
    "compresses unasked",
    (_, r) => r.setHeader("content-encoding", "gzip").end(gzipSync(page(1))),
    {},
    "bad_body",
    /gzip/,
  ],
  [
    "hangs up in the middle",
    (request, r) => void r.write("vllm", () => request.socket.destroy()),
    {},
    "unreachable",
    /./,
  ],
];

for (const [name, listener, options, reason, detail] of FAILURES) {
  test(`a pod that ${name}: ${reason}`, async (t) => {
    const port = await serve(t, listener);
    const outcome = await scrapeUrl(t, `http://127.0.0.1:${port}/metrics`, options);
    assert.ok(outcome.result !== "ok");
    assert.equal(outcome.result, reason, outcome.detail);
    assert.match(outcome.detail, detail);
  });
}

test("a port where nobody listens: unreachable", async (t) => {
  const server = createTcpServer();
  const port = await listen(t, server);
  server.close();
  await once(server, "close");
  const outcome = await scrapeUrl(t, `http://127.0.0.1:${port}/metrics`);
  assert.ok(outcome.result === "unreachable");
  assert.match(outcome.detail, /ECONNREFUSED/);
});

const NOT_HTTP: [string, string][] = [
  ["another protocol", "SSH-2.0-OpenSSH_9.2\r\n"],
  ["headers without end", `HTTP/1.1 200 OK\r\n${"x: y\r\n".repeat(20_000)}`],
  ["a wrong content length", "HTTP/1.1 200 OK\r\ncontent-length: -5\r\n\r\nabc"],
];

for (const [name, bytes] of NOT_HTTP) {
  test(`a pod that speaks ${name}: bad_body`, async (t) => {
    const server = createTcpServer((socket) => {
      socket.on("error", () => {});
      socket.once("data", () => socket.write(bytes));
    });
    const port = await listen(t, server);
    const outcome = await scrapeUrl(t, `http://127.0.0.1:${port}/metrics`);
    assert.equal(outcome.result, "bad_body");
  });
}

test("TLS: the authority, the name and the switch that skips both", async (t) => {
  const { caFile, cert, key } = await makeCertificates(await temporaryFolder(t));
  const server = createTlsServer({ cert, key }, (_, response) => void response.end(page(1)));
  const port = await listen(t, server);
  const url = `https://127.0.0.1:${port}/metrics`;
  const results = [];
  for (const tls of [
    {},
    { caFile },
    { caFile, serverName: "pods.test" },
    { caFile, serverName: "other.test" },
    { insecureSkipVerify: true },
  ]) {
    results.push((await scrapeUrl(t, url, { tls })).result);
  }
  assert.deepEqual(results, ["tls", "ok", "ok", "tls", "ok"]);
});
