// One watched kind against API servers that fail in every way they can.
import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import { KindInformer } from "../../../sidecar-metrics/src/discovery/kubernetes/kind-informer.js";
import type { ClusterTimes } from "../../../sidecar-metrics/src/discovery/kubernetes/settings.js";
import { REAL_CLOCK, until } from "../support/support.js";
import { type Answerer, event, fakeApi, QUICK, sendJson, sendList } from "./fake-api.js";

interface Named {
  metadata: { name: string };
}

async function watch(test: TestContext, answer: Answerer, times: Partial<ClusterTimes> = {}) {
  const used = { ...QUICK, ...times };
  const { client, asked } = await fakeApi(test, answer, used);
  const told = { changes: 0, troubles: 0 };
  const resource = { path: "/pods", name: "pods", namespace: "n", slim: (raw: unknown) => raw };
  const informer = new KindInformer<Named>(resource, client, used, REAL_CLOCK, {
    changed: () => told.changes++,
    trouble: () => told.troubles++,
  });
  test.after(() => informer.stop());
  informer.start();
  const names = (): string =>
    informer
      .objects()
      .map(({ metadata }) => metadata.name)
      .sort()
      .join(" ");
  return { informer, asked, told, names };
}

/** A watch that goes on, having said `lines`. */
const say = (response: Parameters<Answerer>[1], ...lines: string[]): void => {
  response.writeHead(200);
  response.write(lines.join(""));
  response.flushHeaders();
};

test("a list in pages, then what the watch tells", async (t) => {
  const { names, asked, informer } = await watch(t, ({ query, isWatch }, response) => {
    if (isWatch) return say(response, event("ADDED", "c"), event("DELETED", "a"));
    if (query.get("continue") === "more") return sendList(response, ["b"]);
    const items = [{ metadata: { name: "a", resourceVersion: "1" } }];
    sendJson(response, 200, { metadata: { continue: "more" }, items });
  });
  await until("all", () => names() === "b c");
  assert.equal(informer.isListed, true);
  const { query } = asked[2] ?? {};
  assert.equal(query?.get("resourceVersion"), "10");
  assert.equal(query?.get("allowWatchBookmarks"), "true");
  assert.equal(query?.get("timeoutSeconds"), String(QUICK.watchSeconds));
});

test("an empty list is told", async (t) => {
  const { informer, told } = await watch(t, ({ isWatch }, response) => {
    if (isWatch) say(response);
    else sendList(response, []);
  });
  await until("the list", () => informer.isListed && told.changes > 0);
  assert.deepEqual(informer.objects(), []);
});

test("a watch goes on from the last bookmark", async (t) => {
  let watches = 0;
  const { asked } = await watch(t, ({ isWatch }, response) => {
    if (!isWatch) return sendList(response, ["a"]);
    if (++watches === 1) response.end(event("BOOKMARK", "", "99"));
    else say(response);
  });
  await until("the second watch", () => watches === 2);
  assert.equal(asked.filter(({ isWatch }) => isWatch)[1]?.query.get("resourceVersion"), "99");
  assert.equal(asked.filter(({ isWatch }) => !isWatch).length, 1);
});

const GONE_EVENT = `${JSON.stringify({ type: "ERROR", object: { code: 410 } })}\n`;

test("history that is gone: everything is listed anew, with no empty list between", async (t) => {
  let lists = 0;
  const seen = new Set<string>();
  const { names } = await watch(t, ({ isWatch }, response) => {
    seen.add(names());
    if (isWatch) return lists > 2 ? say(response) : void response.end(GONE_EVENT);
    lists++;
    sendList(response, lists === 1 ? ["a", "b"] : ["b", "c"]);
  });
  await until("the new list", () => lists === 3 && names() === "b c");
  seen.delete("");
  assert.deepEqual([...seen], ["a b", "b c"]);
});

test("answers with errors, and none at all, leave the objects as they were", async (t) => {
  let mode = "good";
  const { informer, names, asked } = await watch(
    t,
    ({ isWatch }, response) => {
      if (mode === "good") {
        if (isWatch) return say(response, event("ADDED", "b"));
        return sendList(response, ["a"]);
      }
      if (mode === "500") return sendJson(response, 500, { message: "etcd is gone" });
      if (mode === "garbage") return void response.writeHead(200).end("<html>");
      if (mode === "cut") return void response.destroy();
      // "silent": nothing is ever answered.
    },
    { watchSeconds: 0, watchGraceMs: 30, resyncMs: 0 },
  );
  await until("both", () => names() === "a b");
  for (const [next, status] of [
    ["500", 500],
    ["garbage", 200],
    ["cut", null],
    ["silent", null],
  ] as const) {
    mode = next;
    await until(next, () => informer.trouble !== null && informer.trouble.statusCode === status);
    const before = asked.length;
    if (next !== "silent") await until("more tries", () => asked.length > before + 3);
    assert.equal(names(), "a b");
  }
  mode = "good";
  await until("an end of the trouble", () => informer.trouble === null);
});

test("a refusal says what the API server said", async (t) => {
  const { informer } = await watch(t, (_, response) => {
    sendJson(response, 403, { kind: "Status", message: "pods is forbidden" });
  });
  await until("the refusal", () => informer.trouble !== null);
  const { statusCode, message } = informer.trouble ?? {};
  assert.deepEqual([statusCode, message], [403, "pods is forbidden"]);
  assert.equal(informer.isListed, false);
});

test("watches that end at once are not begun in a tight loop", async (t) => {
  const { asked, informer } = await watch(
    t,
    ({ isWatch }, response) => {
      if (isWatch) response.end();
      else sendList(response, ["a"]);
    },
    { watchMinMs: 400 },
  );
  await until("three watches", () => asked.filter(({ isWatch }) => isWatch).length === 3);
  const [first, , third] = asked.filter(({ isWatch }) => isWatch);
  assert.ok(first !== undefined && third !== undefined);
  informer.stop();
  // The list and three watches; a tight loop would have asked thousands of times.
  assert.equal(asked.length, 4);
});

test("a watch that was not ended in time is begun again where it was", async (t) => {
  const { asked } = await watch(
    t,
    ({ isWatch }, response) => {
      if (isWatch) say(response, event("ADDED", "b", "77"));
      else sendList(response, ["a"]);
    },
    { watchSeconds: 0, watchGraceMs: 50 },
  );
  await until("a second watch", () => asked.filter(({ isWatch }) => isWatch).length > 1);
  const [, second] = asked.filter(({ isWatch }) => isWatch);
  assert.equal(second?.query.get("resourceVersion"), "77");
});

test("lines that are no JSON, and half of one, are passed over", async (t) => {
  let watches = 0;
  const { names } = await watch(t, ({ isWatch }, response) => {
    if (!isWatch) return sendList(response, ["a"]);
    if (++watches === 1) response.end(`nonsense\n${event("ADDED", "b")}{"type":"ADDED","obj`);
    else say(response, event("ADDED", "c"));
  });
  await until("what came whole", () => names() === "a b c");
});

test("after its stop nothing is asked or told", async (t) => {
  const { informer, asked, told } = await watch(t, ({ isWatch }, response) => {
    if (isWatch) say(response, event("ADDED", "b"));
    else sendList(response, ["a"]);
  });
  await until("a watch", () => asked.length === 2);
  informer.stop();
  const before = { asked: asked.length, ...told };
  await new Promise((resolve) => setTimeout(resolve, 200));
  assert.deepEqual({ asked: asked.length, ...told }, before);
});
