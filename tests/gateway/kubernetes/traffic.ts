// Requests through both listeners: who answers, what the pods get to see, what is sent again.
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { prose, send } from "../../e2e/support/rig.js";
import type { Received } from "../support/model-pod.js";
import { CHAT, shortChat, type World } from "../support/world.js";
import {
  cachedTokens,
  DESTINATION,
  lastOf,
  MIB,
  MODEL_HEADER,
  PODS,
  sha256,
  until,
  untilCached,
} from "./client.js";
import { get } from "./the-world.js";

describe("traffic", () => {
  test("both listeners lead to the same pods", async () => {
    for (const url of [get().http, get().llm]) {
      const answer = await send(url + CHAT, shortChat("both"));
      assert.equal(answer.status, 200);
      assert.ok(PODS.includes(answer.pod), answer.pod);
    }
  });

  test("a prompt goes to the pod that holds it, and the sidecar counts why", async () => {
    const before = await prefixCount(get());
    const { pod } = await untilCached(get(), prose("held", 8000));
    for (let i = 0; i < 10; i++) {
      const again = await get().chat(prose("held", 8000));
      assert.deepEqual([again.status, again.pod], [200, pod]);
      assert.ok(cachedTokens(again) > 1000, `${cachedTokens(again)} cached tokens`);
    }
    await until("the report arrives", async () => (await prefixCount(get())) >= before + 10);
  });

  test("a client's own destination and model headers are taken off", async () => {
    const text = prose("own header", 8000);
    const { pod } = await untilCached(get(), text);
    const other = PODS.find((name) => name !== pod) as string;
    const own = { [DESTINATION]: `${get().pod(other).address}:8000`, [MODEL_HEADER]: "mine" };
    const answer = await get().chat(text, own);
    assert.equal(answer.pod, pod);
    const seen = lastOf(get().pod(pod)).headers;
    assert.equal(String(seen[DESTINATION]).split(",")[0], `${get().pod(pod).address}:8000`);
    assert.notEqual(seen[MODEL_HEADER], "mine");
    // The standard route has no filter that would set either.
    const standard = await send(get().http + CHAT, shortChat("own header"), own);
    const { headers } = lastOf(get().pod(standard.pod));
    assert.deepEqual([headers[DESTINATION], headers[MODEL_HEADER]], [undefined, undefined]);
  });

  test("5 MB that the first pod answers with 503 arrive whole at the second", async () => {
    const refused: Received[] = [];
    const served: [name: string, received: Received][] = [];
    for (const name of PODS) {
      const pod = get().pod(name);
      pod.answer((received, response) => {
        const [first = ""] = String(received.headers[DESTINATION]).split(",");
        const isFirst = first === `${pod.address}:8000`;
        if (isFirst) refused.push(received);
        else served.push([name, received]);
        response.writeHead(isFirst ? 503 : 200).end("{}");
        return true;
      });
    }
    try {
      const answer = await get().chat(prose("sent again", 5 * MIB));
      assert.equal(answer.status, 200);
      assert.deepEqual([refused.length, served.length], [1, 1]);
      const [[name, second]] = served as [[string, Received]];
      const [first] = refused as [Received];
      const [, address = ""] = String(first.headers[DESTINATION]).split(",");
      assert.equal(address, `${get().pod(name).address}:8000`);
      assert.equal(sha256(second), sha256(first));
      assert.ok(first.body.length > 5 * MIB);
    } finally {
      for (const name of PODS) get().pod(name).answer();
    }
  });

  test("an answer that takes longer than Envoy's own 15 s arrives on both listeners", async () => {
    const slow = (_: Received, response: { end(text: string): void }): boolean => {
      setTimeout(() => response.end("late"), 16_000);
      return true;
    };
    for (const name of PODS) get().pod(name).answer(slow);
    try {
      const urls = [get().http, get().llm];
      const answers = await Promise.all(urls.map((url) => send(url + CHAT, shortChat("slow"))));
      for (const { status, body } of answers) {
        assert.deepEqual([status, body.toString()], [200, "late"]);
      }
    } finally {
      for (const name of PODS) get().pod(name).answer();
    }
  });
});
async function prefixCount(world: World): Promise<number> {
  return (await world.pool()).totals.decisions["prefix"] ?? 0;
}
