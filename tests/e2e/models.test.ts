// Models on a real Envoy with two workers: rewritten bodies reach the pods whole, refusals and the
// list reach the client, and routes follow the model that was asked for.
import assert from "node:assert/strict";
import { gzipSync } from "node:zlib";
import { connect as connectHttp2 } from "node:http2";
import { after, before, describe, test } from "node:test";
import { Readable } from "node:stream";
import { Agent, request } from "undici";
import type { ModelsSpec } from "../host/filter/support/models-section.js";
import { startEchoPod, sha256, type EchoPod } from "./support/echo-pod.js";
import { sendRaw } from "./support/raw-client.js";
import { chat, prose, send, startRig, type Answer, type Rig } from "./support/rig.js";
import type { TablePool } from "./support/table-server.js";
import { until } from "../../lab/processes.js";

const CHAT = "/v1/chat/completions";
const MIB = 1 << 20;
const HEADER = "x-gateway-model-name";

const FIRST: ModelsSpec = {
  isClosed: true,
  models: [
    { name: "qwq", targets: ["qwq-32b"] },
    { name: "/model/qwen", targets: ["/model/qwen"] },
    { name: "bulk", criticality: "Sheddable" },
    {
      name: "app",
      targets: [
        ["v1", 3],
        ["v2", 1],
      ],
    },
  ],
  list: [{ id: "qwq", object: "model" }],
};
const SECOND: ModelsSpec = {
  models: [{ name: "other", targets: ["other-7b"] }],
  list: [{ id: "other", object: "model" }],
};

describe("models", () => {
  let pods: EchoPod[];
  let other: EchoPod;
  let rig: Rig;
  let url: string;
  let port: number;
  let tables: Map<string, TablePool>;

  before(async () => {
    pods = [await startEchoPod("a"), await startEchoPod("b")];
    other = await startEchoPod("other");
    tables = new Map<string, TablePool>([
      ["first", { pods: pods.map((pod) => pod.address), models: FIRST }],
      ["second", { pods: [other.address], models: SECOND }],
    ]);
    const config = { pools: ["second"], modelHeader: HEADER };
    rig = await startRig(
      [
        { name: "first", pods: pods.map((pod) => pod.address), config },
        { name: "second", pods: [other.address] },
      ],
      tables,
    );
    url = rig.urls[0] as string;
    port = rig.ports[0] as number;
  });
  after(async () => {
    await rig.stop();
    for (const pod of [...pods, other]) await pod.close();
    const traps = rig.envoy.log.match(/Function: proxy_on\S* failed|wasm trap|RuntimeError/g);
    assert.equal(traps, null);
  });

  /** The last request that any pod of the first pool got, by what it was answered. */
  function received(answer: Answer) {
    const hash = String(answer.headers["x-body-sha256"]);
    const all = [...pods, other].flatMap((pod) => pod.received);
    return all.findLast((one) => one.sha256 === hash)!;
  }

  test("an alias reaches the pod under its target's name, with the right length", async () => {
    const body = chat("hello", { model: "qwq" });
    const answer = await send(url + CHAT, body);
    const expected = body.replace('"qwq"', '"qwq-32b"');
    const got = received(answer);
    assert.deepEqual([answer.status, got.text], [200, expected]);
    assert.equal(got.headers["content-length"], String(expected.length));
    assert.equal(answer.decision.reason, "cold");
  });

  test("a name that is its own target leaves the body as it is", async () => {
    const body = `{ "messages":[ ], "model" :"\\/model\\/qwen" }`;
    const answer = await send(url + CHAT, body);
    assert.equal(received(answer).text, body);
  });

  for (const kilobytes of [1, 60, 70, 220, 5000]) {
    test(`a name behind ${kilobytes} KB of messages is rewritten, sent with a length`, async () => {
      const messages = [{ role: "user", content: prose("late", kilobytes * 1000) }];
      const body = JSON.stringify({ messages, model: "qwq", stream: false });
      const answer = await send(url + CHAT, body);
      const expected = body.replace('"model":"qwq"', '"model":"qwq-32b"');
      assert.equal(answer.headers["x-body-sha256"], sha256(expected));
      assert.equal(received(answer).headers["content-length"], String(expected.length));
    });

    test(`and so it is in chunks without one: ${kilobytes} KB`, async () => {
      const messages = [{ role: "user", content: prose("chunked", kilobytes * 1000) }];
      const body = JSON.stringify({ messages, model: "qwq", stream: false });
      const agent = new Agent();
      const pieces = body.match(/[^]{1,30000}/g) as string[];
      const response = await request(url + CHAT, {
        method: "POST",
        headers: { "content-type": "application/json" },
        body: Readable.from(pieces.map((piece) => Buffer.from(piece))),
        dispatcher: agent,
      });
      await response.body.text();
      await agent.close();
      const expected = body.replace('"model":"qwq"', '"model":"qwq-32b"');
      assert.equal(response.headers["x-body-sha256"], sha256(expected));
    });
  }

  test("a small body split at every byte is rewritten", async () => {
    const body = chat("split", { model: "qwq" });
    const expected = sha256(body.replace('"qwq"', '"qwq-32b"'));
    for (let at = 1; at < body.length; at++) {
      const pieces = [body.slice(0, at), body.slice(at)];
      const answer = await sendRaw({ port, path: CHAT, pieces });
      assert.deepEqual([at, answer.status, answer.headers["x-body-sha256"]], [at, 200, expected]);
    }
  });

  test("a body with trailers is rewritten", async () => {
    const body = chat("trailers", { model: "qwq" });
    const answer = await sendRaw({ port, path: CHAT, pieces: [body], trailers: ["x-end: 1"] });
    assert.equal(received(answer).text, body.replace('"qwq"', '"qwq-32b"'));
  });

  test("over HTTP/2 without a length a name behind 3 MiB is rewritten", async () => {
    const messages = [{ role: "user", content: prose("h2", 3 * MIB) }];
    const body = JSON.stringify({ messages, model: "qwq" });
    const session = connectHttp2(url);
    try {
      const stream = session.request({
        ":method": "POST",
        ":path": CHAT,
        "content-type": "application/json",
      });
      let hash: unknown;
      stream.on("response", (headers) => (hash = headers["x-body-sha256"]));
      stream.end(body);
      for await (const chunk of stream) void chunk;
      assert.equal(hash, sha256(body.replace('"model":"qwq"', '"model":"qwq-32b"')));
    } finally {
      session.close();
    }
  });

  test("a conversation stays on its variant on all workers", async () => {
    const seen = new Set<string>();
    for (let i = 0; i < 12; i++) {
      const models = new Set<string>();
      for (let turn = 0; turn < 4; turn++) {
        const answer = await send(
          url + CHAT,
          chat(`turn ${turn}`, { model: "app", user: `u${i}` }),
        );
        models.add((JSON.parse(received(answer).text) as { model: string }).model);
      }
      assert.equal(models.size, 1);
      for (const model of models) seen.add(model);
    }
    assert.deepEqual([...seen].sort(), ["v1", "v2"]);
  });

  test("an unknown model is answered 404 in the shape of the client's API", async () => {
    const answer = await send(url + CHAT, chat("x", { model: "nope" }));
    assert.deepEqual([answer.status, answer.headers["content-type"]], [404, "application/json"]);
    assert.deepEqual(JSON.parse(answer.body.toString()), {
      error: {
        message: "The model `nope` does not exist.",
        type: "invalid_request_error",
        param: "model",
        code: "model_not_found",
      },
    });
    assert.equal(answer.decision.reason, "unknown-model");
    const other = await send(`${url}/v1/messages`, chat("x", { model: "nope" }));
    assert.equal((JSON.parse(other.body.toString()) as { type: string }).type, "error");
    // The connection goes on.
    for (let i = 0; i < 3; i++) {
      assert.equal((await send(url + CHAT, chat("x", { model: "qwq" }))).status, 200);
    }
  });

  test("413 for a rewrite beyond what is held, and none below it", async () => {
    const sized = (bytes: number): string => chat(prose("size", bytes), { model: "qwq" });
    assert.equal((await send(url + CHAT, sized(7 * MIB))).status, 200);
    const over = await send(url + CHAT, sized(9 * MIB));
    assert.deepEqual([over.status, over.headers["content-type"]], [413, "application/json"]);
    const direct = chat(prose("size", 9 * MIB), { model: "qwq-32b" });
    const passed = await send(url + CHAT, direct);
    assert.deepEqual([passed.status, passed.headers["x-body-sha256"]], [200, sha256(direct)]);
  });

  test("415 for a compressed body", async () => {
    const body = gzipSync(chat("x", { model: "qwq" }));
    const answer = await send(url + CHAT, body, { "content-encoding": "gzip" });
    assert.equal(answer.status, 415);
  });

  test("the list of models is of both pools", async () => {
    const answer = await send(`${url}/v1/models`, null);
    assert.equal(answer.status, 200);
    assert.deepEqual(JSON.parse(answer.body.toString()), {
      object: "list",
      data: [
        { id: "qwq", object: "model" },
        { id: "other", object: "model" },
      ],
    });
  });

  test("a route that matches the model's header takes the request to the other pool", async () => {
    const routed = structuredClone(rig.listener(0, { pools: ["second"], modelHeader: HEADER }));
    const text = JSON.stringify(routed).replace(
      '"routes":[',
      `"routes":[${JSON.stringify({
        match: {
          prefix: "/",
          headers: [{ name: HEADER, string_match: { exact: "other" } }],
        },
        route: { cluster: "second", timeout: "0s" },
      })},`,
    );
    await rig.envoy.pushListeners([
      JSON.parse(text) as ReturnType<Rig["listener"]>,
      rig.listener(1, {}),
    ]);
    await until(
      "the new routes are in force on both workers",
      async () => {
        let inARow = 0;
        while (inARow < 8) {
          const answer = await send(url + CHAT, chat("route", { model: "other" }));
          if (answer.pod !== "other") return false;
          inARow++;
        }
        return true;
      },
      10_000,
    );
    const answer = await send(url + CHAT, chat("route", { model: "other" }));
    assert.deepEqual([answer.pod, received(answer).headers[HEADER]], ["other", "other"]);
    assert.equal((JSON.parse(received(answer).text) as { model: string }).model, "other-7b");
    assert.equal(answer.decision.pod, other.address);
    const forged = await send(url + CHAT, chat("x", { model: "qwq" }), { [HEADER]: "other" });
    assert.deepEqual([forged.pod === "other", received(forged).headers[HEADER]], [false, "qwq"]);
  });

  test("a new version of the filter under traffic sends no alias unrewritten", async () => {
    const newVersion = JSON.parse(
      JSON.stringify(rig.listener(0, { pools: ["second"] })).replace(
        '"vm_id":"warmroute"',
        '"vm_id":"warmroute-next"',
      ),
    ) as ReturnType<Rig["listener"]>;
    for (const pool of tables.values()) pool.delayMs = 200;
    const answers: Answer[] = [];
    let isPushed = false;
    const traffic = Array.from({ length: 4 }, async (_, client) => {
      for (let after = 0; after < 40; after += isPushed ? 1 : 0) {
        answers.push(await send(url + CHAT, chat(`client ${client}`, { model: "qwq" })));
      }
    });
    await rig.envoy.pushListeners([newVersion, rig.listener(1, {})]);
    isPushed = true;
    await Promise.all(traffic);
    for (const pool of tables.values()) pool.delayMs = 0;
    for (const answer of answers) {
      assert.equal(answer.status, 200);
      assert.equal((JSON.parse(received(answer).text) as { model: string }).model, "qwq-32b");
    }
    const vms = await rig.envoy.stats("^wasm.*created$");
    assert.ok(
      [...vms.values()].some((count) => count > 3),
      JSON.stringify([...vms]),
    );
  });

  test("a new table counts at once for new requests", async () => {
    tables.get("first")!.models = { ...FIRST, models: [{ name: "qwq", targets: ["qwq-next"] }] };
    await until(
      "the new target is in force on both workers",
      async () => {
        let inARow = 0;
        while (inARow < 8) {
          const answer = await send(url + CHAT, chat("next", { model: "qwq" }));
          if ((JSON.parse(received(answer).text) as { model: string }).model !== "qwq-next") {
            return false;
          }
          inARow++;
        }
        return true;
      },
      10_000,
    );
  });
});
