// The server against clients that send too much, too little, nonsense or nothing.
import assert from "node:assert/strict";
import { once } from "node:events";
import { connect } from "node:net";
import { type TestContext, test } from "node:test";
import { BODY_BYTES_MAX, HttpServer, plain } from "../../../sidecar-metrics/src/http/server.js";

async function start(test: TestContext): Promise<{ port: number; errors: unknown[] }> {
  const errors: unknown[] = [];
  const server = new HttpServer((error) => errors.push(error));
  server.route("GET", "/", ({ query }) => plain(200, `hello ${query.get("name")}`));
  server.route("POST", "/echo", ({ body }) => plain(200, `${body.length} bytes`));
  server.route("GET", "/broken", () => {
    throw new Error("our own mistake");
  });
  const port = await server.listen("127.0.0.1", 0);
  test.after(() => server.stop());
  return { port, errors };
}

/** Sends raw bytes; everything that came back until the server hung up. */
async function raw(port: number, bytes: string | Buffer): Promise<string> {
  const socket = connect(port, "127.0.0.1");
  let answer = "";
  socket.on("data", (chunk) => (answer += chunk.toString("latin1")));
  socket.on("error", () => {});
  socket.write(bytes);
  await once(socket, "close");
  return answer;
}

const close = "connection: close\r\n\r\n";

const REQUESTS: [string, string | Buffer, RegExp][] = [
  ["a path", `GET /?name=x HTTP/1.1\r\nhost: a\r\n${close}`, /^HTTP\/1\.1 200[\s\S]*hello x\n$/],
  ["HEAD", `HEAD / HTTP/1.1\r\nhost: a\r\n${close}`, /^HTTP\/1\.1 200[\s\S]*\r\n\r\n$/],
  ["an unknown path", `GET /x HTTP/1.1\r\nhost: a\r\n${close}`, /^HTTP\/1\.1 404/],
  ["another method", `DELETE / HTTP/1.1\r\nhost: a\r\n${close}`, /^HTTP\/1\.1 405[\s\S]*only GET/],
  [
    "a path with a bad escape",
    `GET /?name=%E0%A4%A HTTP/1.1\r\nhost: a\r\n${close}`,
    /^HTTP\/1\.1 200/,
  ],
  ["a path that is a URL", `GET http://[/ HTTP/1.1\r\nhost: a\r\n${close}`, /^HTTP\/1\.1 404/],
  ["no HTTP", "\x16\x03\x01\x02\x00\x01\x00\r\n\r\n", /^HTTP\/1\.1 400/],
  ["no host", "GET / HTTP/1.1\r\n\r\n", /^HTTP\/1\.1 400/],
  [
    "headers beyond the limit",
    `GET / HTTP/1.1\r\nhost: a\r\nx: ${"y".repeat(9_000)}\r\n\r\n`,
    /^HTTP\/1\.1 4\d\d/,
  ],
  [
    "two lengths",
    "POST /echo HTTP/1.1\r\nhost: a\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\nab",
    /^HTTP\/1\.1 400/,
  ],
  [
    "length and chunks",
    "POST /echo HTTP/1.1\r\nhost: a\r\ncontent-length: 3\r\n" +
      "transfer-encoding: chunked\r\n\r\n0\r\n\r\n",
    /^HTTP\/1\.1 400/,
  ],
  [
    "a body stated too large",
    `POST /echo HTTP/1.1\r\nhost: a\r\ncontent-length: ${BODY_BYTES_MAX + 1}\r\n\r\n`,
    /^HTTP\/1\.1 413[\s\S]*connection: close/i,
  ],
];

for (const [name, bytes, answer] of REQUESTS) {
  test(`answers ${name}`, async (t) => {
    const { port, errors } = await start(t);
    assert.match(await raw(port, bytes), answer);
    assert.deepEqual(errors, []);
  });
}

test("a body in chunks is cut off at the limit, and the next client is served", async (t) => {
  const { port } = await start(t);
  const chunk = `10000\r\n${"x".repeat(65_536)}\r\n`;
  const head = "POST /echo HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n";
  const answer = await raw(port, head + chunk.repeat(17));
  assert.match(answer, /^HTTP\/1\.1 413/);
  const body = new Uint8Array(BODY_BYTES_MAX);
  const next = await fetch(`http://127.0.0.1:${port}/echo`, { method: "POST", body });
  assert.equal(await next.text(), `${BODY_BYTES_MAX} bytes\n`);
});

test("a client that hangs up in the middle of its body costs nothing", async (t) => {
  const { port, errors } = await start(t);
  const socket = connect(port, "127.0.0.1");
  socket.write("POST /echo HTTP/1.1\r\nhost: a\r\ncontent-length: 100\r\n\r\nhalf");
  await once(socket, "connect");
  socket.destroy();
  await once(socket, "close");
  assert.equal((await fetch(`http://127.0.0.1:${port}/`)).status, 200);
  assert.deepEqual(errors, []);
});

test("many idle and half-open clients do not keep others out", async (t) => {
  const { port } = await start(t);
  const sockets = Array.from({ length: 200 }, () => connect(port, "127.0.0.1"));
  t.after(() => sockets.forEach((socket) => socket.destroy()));
  sockets.forEach((socket, i) => socket.on("error", () => {}).write(i % 2 ? "GET / HT" : ""));
  assert.equal((await fetch(`http://127.0.0.1:${port}/`)).status, 200);
});

test("a mistake of our own is a 500 and is reported", async (t) => {
  const { port, errors } = await start(t);
  assert.equal((await fetch(`http://127.0.0.1:${port}/broken`)).status, 500);
  assert.equal(errors.length, 1);
});
