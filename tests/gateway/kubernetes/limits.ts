// How large a prompt may be: with the shipped limits, and where a smaller one is set.
import assert from "node:assert/strict";
import { connect } from "node:http2";
import { after, before, describe, test } from "node:test";
import { prose } from "../../e2e/support/rig.js";
import { CHAT, LLM_LISTENER, shortChat } from "../support/world.js";
import { answerAtOnce, MIB, until } from "./client.js";
import { get } from "./the-world.js";

const POLICY =
  "/apis/gateway.envoyproxy.io/v1alpha1/namespaces/default/clienttrafficpolicies/warmroute";

describe("limits", () => {
  let atOnce: { restore: () => void };
  before(() => {
    atOnce = answerAtOnce(get());
  });
  after(() => atOnce.restore());

  const limitIs = async (limitMib: number): Promise<void> => {
    await get().rig.api.patch(POLICY, { spec: { connection: { bufferLimit: `${limitMib}Mi` } } });
    await until("Envoy has the limit", async () => {
      const listener = await (await get().envoy()).listener(LLM_LISTENER);
      return listener.per_connection_buffer_limit_bytes === limitMib * MIB;
    });
  };

  test("a prompt above what the filter holds is answered", async () => {
    assert.equal((await get().chat(prose("above the filter's", 9 * MIB))).status, 200);
  });

  test("a prompt of 5 MiB by HTTP/2, whose window would stop it at 64 KiB", async () => {
    assert.equal(await statusByHttp2(get().llm, shortChat(prose("by HTTP/2", 5 * MIB))), 200);
  });

  test("a held prompt above the listener's limit is a 413, and one below is not", async () => {
    await limitIs(4);
    try {
      assert.equal((await get().chat(prose("below", 4 * MIB - 64 * 1024))).status, 200);
      assert.equal((await get().chat(prose("above", 4 * MIB + 64 * 1024))).status, 413);
    } finally {
      await limitIs(32);
    }
    assert.equal((await get().chat(prose("above", 4 * MIB + 64 * 1024))).status, 200);
  });
});

const HTTP2_PATIENCE_MS = 60_000;

/** The status of a chat that is sent as HTTP/2 from the first byte. */
function statusByHttp2(origin: string, body: string): Promise<number> {
  return new Promise((resolve, reject) => {
    const session = connect(origin);
    session.on("error", reject);
    const stream = session.request({
      ":method": "POST",
      ":path": CHAT,
      "content-type": "application/json",
    });
    stream.setTimeout(HTTP2_PATIENCE_MS, () => reject(new Error("no answer by HTTP/2")));
    stream.on("error", reject);
    stream.on("response", (headers) => resolve(Number(headers[":status"])));
    stream.on("close", () => session.destroy());
    stream.resume();
    stream.end(body);
  });
}
