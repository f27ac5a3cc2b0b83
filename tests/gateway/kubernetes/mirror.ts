// The component `mirror`: copies of the requests go to further pods, and never say where to.
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { createModelPod, LLM_LISTENER, CHAT } from "../support/world.js";
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
const PATCH_POLICY =
  "/apis/gateway.envoyproxy.io/v1alpha1/namespaces/default/envoypatchpolicies/warmroute-mirror";

const mirrors = async (): Promise<Record<string, unknown>[]> =>
  (await (await get().envoy()).routes(LLM_LISTENER)).flatMap(
    ({ route }) => route.request_mirror_policies ?? [],
  );

describe("mirror", () => {
  before(async () => {
    await createModelPod(get().rig, "mirror-1", { labels: { app: "vllm-mirror" } });
    await get().rig.kubectl(["apply", "-f", "-"], JSON.stringify(SERVICE));
    await get().apply({ components: ["mirror"], patches: [EACH] });
    await until("Envoy mirrors", async () => (await mirrors()).length > 0);
  });
  after(async () => {
    await get().apply({});
    await get().rig.api.remove(PATCH_POLICY);
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
});
