// Clients that mean harm: each costs a bounded time and memory, and others are served meanwhile.
import assert from "node:assert/strict";
import { once } from "node:events";
import { connect, type Socket } from "node:net";
import { type TestContext, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import {
  HttpServer,
  LIMITS,
  type Limits,
  plain,
} from "../../../sidecar-metrics/src/http/server.js";
import { startTestSidecar, until } from "../support/support.js";

const BIG_BYTES = 4 << 20;
const SHORT: Limits = {
  ...LIMITS,
  headersTimeoutMs: 200,
  requestTimeoutMs: 400,
  answerTimeoutMs: 400,
  checkIntervalMs: 50,
};
const PATIENT = { headersTimeoutMs: 60_000, requestTimeoutMs: 60_000 };
const HEAD = "host: a\r\n";

interface Served {
  port: number;
  errors: unknown[];
  /** Requests that reached a handler. */
  handled: () => number;
}

async function start(test: TestContext, limits: Partial<Limits> = {}): Promise<Served> {
  const errors: unknown[] = [];
  let count = 0;
  const server = new HttpServer((error) => errors.push(error), { ...SHORT, ...limits });
  server.route("GET", "/healthz", () => plain(200, "ok"));
  server.route("GET", "/count", () => plain(200, `${++count}`));
  server.route("GET", "/big", () => ({ status: 200, type: "x/y", body: Buffer.alloc(BIG_BYTES) }));
  server.route("POST", "/echo", ({ body }) => plain(200, `${body.length} bytes`));
  const port = await server.listen("127.0.0.1", 0);
  test.after(() => server.stop());
  return { port, errors, handled: () => count };
}

class Client {
  seen = "";
  readonly socket: Socket;
  private readonly closed: Promise<unknown>;

  constructor(port: number, first = "") {
    this.socket = connect(port, "127.0.0.1");
    this.socket.on("error", () => {});
    this.socket.on("data", (chunk) => (this.seen += chunk.toString("latin1")));
    this.closed = once(this.socket, "close");
    if (first !== "") this.socket.write(first);
  }

  async end(): Promise<string> {
    await this.closed;
    return this.seen;
  }
}

const isOpen = ({ socket }: Client): boolean => !socket.destroyed;

async function healthOf(port: number): Promise<number> {
  const response = await fetch(`http://127.0.0.1:${port}/healthz`, {
    signal: AbortSignal.timeout(2_000),
  });
  await response.text();
  return response.status;
}

/** Writes one more byte at a time until the server has had enough. */
async function trickle(client: Client, bytes: string): Promise<string> {
  for (let at = 0; !client.socket.destroyed; at = (at + 1) % bytes.length) {
    client.socket.write(bytes[at] as string);
    await sleep(20);
  }
  return await client.end();
}

const SLOW: [title: string, first: string, bytes: string][] = [
  ["headers", `GET /healthz HTTP/1.1\r\n${HEAD}`, "x-a: b\r\n"],
  ["a request line", "GET /", "x"],
  ["a body", `POST /echo HTTP/1.1\r\n${HEAD}content-length: 1000\r\n\r\n`, "x"],
  ["chunks", `POST /echo HTTP/1.1\r\n${HEAD}transfer-encoding: chunked\r\n\r\n`, "1\r\nx\r\n"],
];

for (const [title, first, bytes] of SLOW) {
  test(`a client that sends ${title} a byte at a time is told 408, others go on`, async (t) => {
    const { port, errors } = await start(t);
    const slow = Array.from({ length: 20 }, () => trickle(new Client(port, first), bytes));
    assert.equal(await healthOf(port), 200);
    for (const answer of await Promise.all(slow)) assert.match(answer, /^HTTP\/1\.1 408 /);
    assert.deepEqual(errors, []);
  });
}

const REFUSED: [title: string, bytes: string, status: RegExp][] = [
  [
    "headers over the limit",
    `GET / HTTP/1.1\r\n${HEAD}x: ${"y".repeat(9_000)}\r\n\r\n`,
    /^.{9}431/,
  ],
  ["very many headers", `GET / HTTP/1.1\r\n${HEAD}${"a: b\r\n".repeat(5_000)}\r\n`, /^.{9}431/],
  [
    "a query over the limit",
    `GET /healthz?${"q=1&".repeat(3_000)} HTTP/1.1\r\n${HEAD}\r\n`,
    /^.{9}431/,
  ],
  ["an unknown method", `BREW /healthz HTTP/1.1\r\n${HEAD}\r\n`, /^.{9}400/],
  ["CONNECT", `CONNECT a:1 HTTP/1.1\r\n${HEAD}\r\n`, /^$/],
  [
    "a length that is no number",
    `POST /echo HTTP/1.1\r\n${HEAD}content-length: ten\r\n\r\n`,
    /^.{9}400/,
  ],
  ["a negative length", `POST /echo HTTP/1.1\r\n${HEAD}content-length: -1\r\n\r\n`, /^.{9}400/],
  [
    "a folded header",
    `GET / HTTP/1.1\r\n${HEAD}x: a\r\n b\r\nconnection: close\r\n\r\n`,
    /^.{9}40/,
  ],
  ["a bare line feed", "GET / HTTP/1.1\nhost: a\n\n", /^.{9}40/],
  ["HTTP/2's preface", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", /^.{9}400/],
  [
    "a chunk of no size",
    `POST /echo HTTP/1.1\r\n${HEAD}transfer-encoding: chunked\r\n\r\nz\r\n`,
    /^.{9}400/,
  ],
];

for (const [title, bytes, status] of REFUSED) {
  test(`refused: ${title}`, async (t) => {
    const { port, errors } = await start(t);
    assert.match(await new Client(port, bytes).end(), status);
    assert.equal(await healthOf(port), 200);
    assert.deepEqual(errors, []);
  });
}

test("paths are names: none leads to a file", async (t) => {
  const { port } = await start(t);
  const paths = [
    "/../../etc/passwd",
    "/..%2f..%2fetc/passwd",
    "//etc/passwd",
    "/healthz/",
    "/healthz/..",
  ];
  for (const path of [...paths, "*", "/%00", "/healthz%00", "http://a/healthz"]) {
    const client = new Client(port, `GET ${path} HTTP/1.1\r\n${HEAD}connection: close\r\n\r\n`);
    assert.match(await client.end(), /^HTTP\/1\.1 404 [^]*nothing here\n$/, path);
  }
});

test("requests sent ahead: a few are answered in order, a flood ends the connection", async (t) => {
  const { port, handled } = await start(t);
  const few = `GET /count HTTP/1.1\r\n${HEAD}\r\n`.repeat(3);
  const last = `GET /count HTTP/1.1\r\n${HEAD}connection: close\r\n\r\n`;
  const answers = await new Client(port, few + last).end();
  assert.deepEqual(answers.match(/^[0-9]+$/gm), ["1", "2", "3", "4"]);
  await new Client(port, `GET /count HTTP/1.1\r\n${HEAD}\r\n`.repeat(1_000)).end();
  assert.equal(handled(), 8);
  assert.equal(await healthOf(port), 200);
});

test("a client that does not read its answer is dropped", async (t) => {
  const { port } = await start(t);
  const client = new Client(port);
  client.socket.pause();
  client.socket.write(`GET /big HTTP/1.1\r\n${HEAD}\r\n`.repeat(4));
  await sleep(SHORT.answerTimeoutMs * 2);
  client.socket.resume();
  const answer = await client.end();
  assert.ok(answer.length < 4 * BIG_BYTES, `${answer.length}`);
});

test("answers that nobody reads are bounded over all clients", async (t) => {
  const { port } = await start(t, { heldBytesMax: 3 * BIG_BYTES });
  const readers = Array.from({ length: 6 }, () => new Client(port));
  for (const { socket } of readers) {
    socket.pause();
    socket.write(`GET /big HTTP/1.1\r\n${HEAD}\r\n`);
  }
  const big = async (): Promise<number> => {
    const response = await fetch(`http://127.0.0.1:${port}/big`);
    await response.arrayBuffer();
    return response.status;
  };
  await until("too much is held", async () => (await big()) === 503);
  assert.equal(await healthOf(port), 200);
  // Half go by themselves, half are dropped: both give back what they held.
  for (const { socket } of readers.slice(0, 3)) socket.destroy();
  await until("nothing is held any more", async () => (await big()) === 200);
  await sleep(2 * SHORT.answerTimeoutMs);
  assert.deepEqual([await big(), await big()], [200, 200]);
  for (const { socket } of readers) socket.destroy();
});

test("answers queued on connections that are cut give back what they held", async (t) => {
  const { port } = await start(t, { heldBytesMax: 4.5 * BIG_BYTES, connectionsMax: 6, ...PATIENT });
  for (let round = 0; round < 6; round++) {
    const client = new Client(port);
    client.socket.pause();
    client.socket.write(`GET /big HTTP/1.1\r\n${HEAD}\r\n`.repeat(4));
    await sleep(30);
    if (round % 2 === 0) client.socket.destroy();
    const others = Array.from({ length: 6 }, () => new Client(port, "GET"));
    await sleep(30);
    for (const { socket } of [client, ...others]) socket.destroy();
  }
  const response = await fetch(`http://127.0.0.1:${port}/big`);
  assert.equal((await response.arrayBuffer()).byteLength, BIG_BYTES);
});

test("bodies that come at once are bounded over all clients", async (t) => {
  const { port } = await start(t, { heldBytesMax: 300_000 });
  const half = "x".repeat(100_000);
  const head = `POST /echo HTTP/1.1\r\n${HEAD}content-length: 200000\r\n\r\n`;
  const senders = Array.from({ length: 8 }, () => new Client(port, head + half));
  const answers = await Promise.all(senders.map((one) => one.end()));
  const statuses = answers.map((answer) => answer.slice(9, 12)).sort();
  assert.equal(statuses[0], "408");
  assert.equal(statuses.at(-1), "503");
  const response = await fetch(`http://127.0.0.1:${port}/echo`, { method: "POST", body: half });
  assert.equal(await response.text(), "100000 bytes\n");
});

test("aborted bodies give back what they held", async (t) => {
  const { port, errors } = await start(t, { heldBytesMax: 300_000 });
  const head = `POST /echo HTTP/1.1\r\n${HEAD}content-length: 200000\r\n\r\n`;
  for (let i = 0; i < 8; i++) {
    const client = new Client(port, head + "x".repeat(150_000));
    await sleep(10);
    client.socket.destroy();
    await client.end();
  }
  const body = "x".repeat(250_000);
  const response = await fetch(`http://127.0.0.1:${port}/echo`, { method: "POST", body });
  assert.equal(response.status, 200);
  assert.deepEqual(errors, []);
});

test("beyond the connections that are kept the idle go, those that ask stay", async (t) => {
  const { port } = await start(t, { connectionsMax: 20, ...PATIENT });
  const poller = new Client(port);
  const idle: Client[] = [];
  for (let round = 1; round <= 12; round++) {
    idle.push(...Array.from({ length: 10 }, () => new Client(port, "GET /")));
    poller.socket.write(`GET /healthz HTTP/1.1\r\n${HEAD}\r\n`);
    await until("the poll is answered", () => poller.seen.match(/^ok$/gm)?.length === round);
    assert.equal(await healthOf(port), 200);
  }
  await until("the rest is cut", () => idle.filter(isOpen).length <= 20);
  assert.ok(isOpen(poller));
  for (const { socket } of [...idle, poller]) socket.destroy();
});

test("pools that are no pools, and floods of them, cost a bounded memory and a 404", async (t) => {
  const { sync, text } = await startTestSidecar(t, {
    pools: [{ name: "default", pods: { static: ["127.0.0.1:1"] } }],
  });
  const odd = [
    "",
    "../default",
    "default/",
    "DEFAULT",
    "__proto__",
    "constructor",
    "<script>",
    "\0",
    "é".repeat(500),
  ];
  for (const name of [...odd, ...Array.from({ length: 200 }, (_, i) => `pool-${i}`)]) {
    const { status, body } = await sync(name, Buffer.alloc(0));
    assert.equal(status, 404, name);
    assert.ok(body.length < 500);
  }
  const page = await text("/");
  assert.doesNotMatch(page, /<script>alert|pool-10\b/);
  assert.match(page, /pool-199/);
});

test("a report that is none is a 400, whatever its bytes", async (t) => {
  const { sync, text } = await startTestSidecar(t, {
    pools: [{ name: "default", pods: { static: ["127.0.0.1:1"] } }],
  });
  const head = (json: number, records: number): Buffer => {
    const bytes = Buffer.alloc(16);
    bytes.write("WRR1", "latin1");
    bytes.writeUInt32LE(json, 4);
    bytes.writeUInt32LE(records, 8);
    return bytes;
  };
  const bodies = [
    Buffer.alloc(0),
    Buffer.alloc(1 << 20, 0xff),
    head(0xffffffff, 17),
    head(2, 0),
    Buffer.concat([head(4, 0), Buffer.from("null")]),
    Buffer.concat([head(200_000, 0), Buffer.from("[".repeat(200_000))]),
    Buffer.concat([head(0, 24), Buffer.alloc(24)]),
    Buffer.concat([head(0, 24), Buffer.alloc(24, 0xff)]),
  ];
  for (const body of bodies) {
    const answer = await sync("default", body);
    assert.equal(answer.status, 400, answer.body.toString("latin1", 0, 80));
  }
  assert.equal(await text("/healthz"), "ok\n");
});
