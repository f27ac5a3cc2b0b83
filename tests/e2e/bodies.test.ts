// Request bodies through a real Envoy: however they come, they reach the pod whole, and the prompt
// in them is found.
import assert from "node:assert/strict";
import { connect as connectHttp2, type ClientHttp2Session } from "node:http2";
import { connect } from "node:net";
import { after, before, describe, test } from "node:test";
import { startEchoPod, sha256, type EchoPod } from "./support/echo-pod.js";
import {
  answerOf,
  chat,
  prose,
  send,
  startRig,
  untilKnown,
  type Answer,
  type Rig,
} from "./support/rig.js";
import { sendRaw } from "./support/raw-client.js";

const CHAT = "/v1/chat/completions";
const MIB = 1 << 20;

describe("request bodies", () => {
  let pods: EchoPod[];
  let rig: Rig;
  let url: string;
  let port: number;

  before(async () => {
    pods = [await startEchoPod("a"), await startEchoPod("b")];
    rig = await startRig([
      { name: "default", pods: pods.map((pod) => pod.address), listener: { upgrades: true } },
    ]);
    url = rig.urls[0] as string;
    port = rig.ports[0] as number;
  });
  after(async () => {
    await rig.stop();
    for (const pod of pods) await pod.close();
    assert.equal(await trapped(rig), 0);
  });

  test("a small body split at every byte finds the same pod and arrives whole", async () => {
    const body = chat(prose("split", 400));
    const pod = await untilKnown(url + CHAT, body);
    for (let at = 1; at < body.length; at++) {
      const answer = await sendRaw({
        port,
        path: CHAT,
        pieces: [body.slice(0, at), body.slice(at)],
      });
      const { reason } = answer.decision;
      assert.deepEqual([at, answer.status, answer.pod, reason], [at, 200, pod, "prefix"]);
      assert.equal(arrived(answer), sha256(body));
    }
  });

  test("a body that comes 2 s after its headers keeps prefix routing", async () => {
    const body = chat(prose("late", 2000));
    const pod = await untilKnown(url + CHAT, body);
    const answer = await sendRaw({ port, path: CHAT, pieces: [body], bodyDelayMs: 2000 });
    assert.deepEqual([answer.status, answer.pod, answer.decision.reason], [200, pod, "prefix"]);
  });

  test("a body of 5 MB arrives whole, and its prefix is known the next time", async () => {
    const body = chat(prose("five", 5 * MIB));
    const pod = await untilKnown(url + CHAT, body);
    const same = await send(url + CHAT, body);
    assert.deepEqual([same.pod, arrived(same)], [pod, sha256(body)]);
    const longer = await send(url + CHAT, chat(`${prose("five", 5 * MIB)} and more`));
    assert.deepEqual([longer.pod, longer.decision.reason], [pod, "prefix"]);
  });

  test("of a body of 20 MB the first 8 MiB decide and the rest streams through", async () => {
    const body = chat(prose("twenty", 20 * MIB));
    const answer = await send(url + CHAT, body);
    assert.equal(answer.status, 200);
    assert.equal(arrived(answer), sha256(body));
    const again = await send(url + CHAT, body);
    assert.deepEqual([again.pod, again.decision.reason], [answer.pod, "prefix"]);
  });

  test("a POST without a body, and one of 0 bytes, go by load", async () => {
    const empty = await sendRaw({ port, path: CHAT, pieces: [] });
    assert.deepEqual([empty.status, empty.decision.reason], [200, "no-prompt"]);
    const chunked = await sendRaw({ port, path: CHAT, pieces: [], trailers: [] });
    assert.deepEqual([chunked.status, chunked.decision.reason], [200, "no-prompt"]);
  });

  test("a chunked body that ends with trailers finds its pod", async () => {
    const body = chat(prose("trailers", 3000));
    const pod = await untilKnown(url + CHAT, body);
    const pieces = [body.slice(0, 1000), body.slice(1000)];
    const answer = await sendRaw({ port, path: CHAT, pieces, trailers: ["x-end: yes"] });
    assert.deepEqual([answer.status, answer.pod, answer.decision.reason], [200, pod, "prefix"]);
    assert.equal(arrived(answer), sha256(body));
  });

  test("HTTP/2 finds the same pod as HTTP/1.1", async () => {
    const body = chat(prose("http2", 100_000));
    const pod = await untilKnown(url + CHAT, body);
    const session = connectHttp2(url);
    try {
      for (let i = 0; i < 8; i++) {
        const answer = await sendHttp2(session, CHAT, body);
        assert.deepEqual([answer.status, answer.pod, answer.decision.reason], [200, pod, "prefix"]);
      }
    } finally {
      session.close();
    }
  });

  test("a body of 5 MB arrives whole over HTTP/2 too, and finds its pod", async () => {
    const body = chat(prose("five over http2", 5 * MIB));
    const session = connectHttp2(url);
    try {
      const first = await sendHttp2(session, CHAT, body);
      assert.deepEqual([first.status, arrived(first)], [200, sha256(body)]);
      // The same connection is the same worker, which knows at once where it sent the first.
      const again = await sendHttp2(session, CHAT, body);
      const { status, pod, decision } = again;
      assert.deepEqual([status, pod, decision.reason], [200, first.pod, "prefix"]);
      assert.equal(arrived(again), sha256(body));
    } finally {
      session.close();
    }
  });

  const broken: [string, string, string][] = [
    ["ends early", '{"model":"m","messages":[{"role":"user","content":"hel', "fallback-json"],
    ["is no JSON", "hello", "fallback-json"],
    [
      "nests 10,000 deep",
      `{"messages":${"[".repeat(10_000)}${"]".repeat(10_000)}}`,
      "fallback-json",
    ],
    ["is an empty object", "{}", "no-prompt"],
    ["is an array", "[1,2,3]", "no-prompt"],
  ];
  for (const [title, body, reason] of broken) {
    test(`JSON that ${title} goes by load, and reaches the pod as it is`, async () => {
      const answer = await send(url + CHAT, body);
      assert.deepEqual([answer.status, answer.decision.reason], [200, reason]);
      assert.equal(arrived(answer), sha256(body));
    });
  }

  test("invalid UTF-8, repeated keys and a numeric model are read as well", async () => {
    const odd: Buffer[] = [
      Buffer.concat([
        Buffer.from('{"messages":[{"role":"user","content":"'),
        Buffer.alloc(900, 0xff),
        Buffer.from('"}]}'),
      ]),
      Buffer.from(
        `{"model":"a","messages":[],"model":"m",` +
          `"messages":[{"role":"user","content":"${prose("last", 900)}"}]}`,
      ),
      Buffer.from(`{"model":17,"messages":[{"role":"user","content":"${prose("number", 900)}"}]}`),
    ];
    for (const body of odd) {
      const first = await send(url + CHAT, body);
      assert.deepEqual([first.status, arrived(first)], [200, sha256(body)]);
      assert.notEqual(first.decision.reason, "fallback-json");
    }
    const [, repeated] = odd;
    const pod = await untilKnown(url + CHAT, (repeated as Buffer).toString());
    const plain = await send(url + CHAT, chat(prose("last", 900)));
    assert.deepEqual([plain.pod, plain.decision.reason], [pod, "prefix"]);
  });

  test("a list of prompts is routed by its first", async () => {
    const path = "/v1/completions";
    const list = JSON.stringify({
      model: "m",
      prompt: [prose("first", 2000), prose("second", 500)],
    });
    const pod = await untilKnown(url + path, list);
    const single = await send(
      url + path,
      JSON.stringify({ model: "m", prompt: prose("first", 2000) }),
    );
    assert.deepEqual([single.pod, single.decision.reason], [pod, "prefix"]);
  });

  const unheld: [string, string, Record<string, string>, string | Buffer | null][] = [
    ["a GET", "/v1/models", {}, null],
    ["an unknown path", "/tokenize", {}, chat("hello")],
    [
      "gRPC",
      "/inference.GRPC/Infer",
      { "content-type": "application/grpc", te: "trailers" },
      Buffer.alloc(64),
    ],
    [
      "multipart audio",
      "/v1/audio/transcriptions",
      { "content-type": "multipart/form-data; boundary=x" },
      "--x--",
    ],
    ["a compressed body", CHAT, { "content-encoding": "gzip" }, Buffer.alloc(500, 7)],
    ["another content type", CHAT, { "content-type": "text/plain" }, chat("hello")],
  ];
  for (const [title, path, headers, body] of unheld) {
    test(`${title} is not held and goes by load, untouched`, async () => {
      const answer = await send(url + path, body, headers);
      assert.deepEqual([answer.status, answer.decision.reason], [200, "no-prompt"]);
      assert.equal(arrived(answer), sha256(body ?? ""));
    });
  }

  test("a client cannot name the pod, on any path", async () => {
    const forged = { "x-gateway-destination-endpoint": "127.0.0.1:1" };
    for (const [path, body] of [
      ["/v1/models", null],
      [CHAT, chat("forged")],
    ] as const) {
      const answer = await send(url + path, body, forged);
      assert.equal(answer.status, 200);
      assert.notEqual(answer.decision.pod, "127.0.0.1:1");
    }
  });

  test("a WebSocket upgrade passes, and bytes go both ways", async () => {
    const socket = connect(port, "127.0.0.1");
    const head = [
      "GET /v1/realtime HTTP/1.1",
      "host: x",
      "upgrade: websocket",
      "connection: upgrade",
    ];
    socket.write(`${head.join("\r\n")}\r\n\r\n`);
    let seen = "";
    const echoed = new Promise<void>((resolve, reject) => {
      socket.setTimeout(5000, () => reject(new Error(`no echo; got ${seen}`)));
      socket.on("data", (bytes: Buffer) => {
        const isFirst = !seen.includes("101 Switching");
        seen += bytes.toString("latin1");
        if (isFirst && seen.includes("101 Switching")) socket.write("ping-over-websocket");
        if (seen.includes("ping-over-websocket")) resolve();
      });
    });
    await echoed;
    socket.destroy();
  });
});

async function sendHttp2(session: ClientHttp2Session, path: string, body: string): Promise<Answer> {
  const stream = session.request({
    ":method": "POST",
    ":path": path,
    "content-type": "application/json",
  });
  let headers: Record<string, string> = {};
  stream.on("response", (given) => {
    headers = given as unknown as Record<string, string>;
  });
  stream.end(body);
  const chunks: Buffer[] = [];
  for await (const chunk of stream) chunks.push(chunk as Buffer);
  return answerOf(Number(headers[":status"]), headers, Buffer.concat(chunks));
}

/** Hash of the body as the pod got it. */
function arrived(answer: Answer): string {
  return String(answer.headers["x-body-sha256"]);
}

/** VMs that failed; Envoy's log tells each. */
async function trapped(rig: Rig): Promise<number> {
  return Promise.resolve(
    rig.envoy.log.match(/Function: proxy_on\S* failed|wasm trap|RuntimeError/g)?.length ?? 0,
  );
}
