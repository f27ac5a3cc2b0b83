// The component `mirror`: copies of the requests go to further pods, and never say where to.
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { send } from "../../e2e/support/rig.js";
import type { Received } from "../support/model-pod.js";
import { CHAT, createModelPod, LLM_LISTENER, shortChat } from "../support/world.js";
import { DESTINATION, lastOf, PODS, until } from "./client.js";
import { get } from "./the-world.js";

const SERVICE = {
  apiVersion: "v1",
  kind: "Service",
  metadata: { name: "vllm-mirror", namespace: "default" },
  spec: { selector: { app: "vllm-mirror" }, ports: [{ port: 8000, targetPort: 8000 }] },
};
/** The component copies a tenth; the test wants each. */
const EACH = {
  target: { kind: "HTTPRoute", name: "vllm-llm-gw" },
  operations: [
    {
      op: "replace" as const,
      path: "/spec/rules/0/filters/0/requestMirror/percent",
      value: 100,
    },
  ],
};
const POLICIES = "/apis/gateway.envoyproxy.io/v1alpha1/namespaces/default";
/** The mirrors that Envoy knows have lost the header: the gateway patches its routes a moment after
 * it first writes them, and until then a copy carries it. */
const strips = (mirror: Record<string, unknown>): boolean =>
  JSON.stringify(mirror["request_headers_mutations"] ?? null).includes(DESTINATION);
/** What the components add, and taking them out of the overlay leaves behind. */
const LEFT = [
  "envoypatchpolicies/warmroute-mirror",
  "envoypatchpolicies/warmroute-next",
  "envoyextensionpolicies/warmroute-next",
];

const mirrors = async (): Promise<Record<string, unknown>[]> =>
  (await (await get().envoy()).routes(LLM_LISTENER)).flatMap(
    ({ route }) => route.request_mirror_policies ?? [],
  );

describe("mirror", () => {
  before(async () => {
    await createModelPod(get().rig, "mirror-1", { labels: { app: "vllm-mirror" } });
    await get().rig.kubectl(["apply", "-f", "-"], JSON.stringify(SERVICE));
    await get().apply({ components: ["mirror"], patches: [EACH] });
    await until("Envoy mirrors, without the header", async () => {
      const known = await mirrors();
      return known.length > 0 && known.every(strips);
    });
  });
  after(async () => {
    await get().apply({});
    for (const path of LEFT) await get().rig.api.remove(`${POLICIES}/${path}`);
    await until("Envoy mirrors no more", async () => (await mirrors()).length === 0);
    await get().rig.api.remove("/api/v1/namespaces/default/services/vllm-mirror");
  });

  test("copies arrive, whole, without the header that names a pod", async () => {
    const mirror = get().pod("mirror-1");
    for (let i = 0; i < 5; i++) {
      const answer = await get().chat(`mirrored ${i}`);
      assert.ok(PODS.includes(answer.pod), `answered by ${answer.pod}`);
      await until("the copy arrives", () =>
        mirror.received.some(({ body }) => body.includes(`mirrored ${i}`)),
      );
      const original = lastOf(get().pod(answer.pod));
      assert.ok(original.headers[DESTINATION] !== undefined);
      const copy = mirror.received.find(({ body }) => body.includes(`mirrored ${i}`));
      assert.ok(copy?.body.equals(original.body));
    }
    const copies = mirror.received.filter(({ url }) => url === CHAT);
    assert.ok(copies.length >= 5);
    for (const { headers } of copies) assert.equal(headers[DESTINATION], undefined);
  });

  test("so do the copies of a second listener, by the component `canary`", async () => {
    const { url, sha256 } = get().filter;
    const settings = { nextFilterImage: url, nextFilterDigest: sha256 };
    await get().apply({ components: ["mirror", "canary"], settings, patches: [EACH] });
    const next = `http://${get().rig.envoy.address}:8082${CHAT}`;
    const text = "mirrored from the second listener";
    await until("the second listener decides", async () => {
      const answer = await send(next, shortChat(text)).catch(() => null);
      if (answer?.status !== 200) return false;
      return lastOf(get().pod(answer.pod)).headers[DESTINATION] !== undefined;
    });
    const copy = (): Received | undefined =>
      get()
        .pod("mirror-1")
        .received.findLast(({ body }) => body.includes(text));
    await until("a copy arrives without the header", async () => {
      await send(next, shortChat(text));
      return copy() !== undefined && copy()?.headers[DESTINATION] === undefined;
    });
  });
});
