// The component `two-pools`: the model in the body decides which pool's pods answer.
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { prose, send, type Answer } from "../../e2e/support/rig.js";
import { CHAT, createModelPod, MODEL, shortChat } from "../support/world.js";
import { lastOf, MODEL_HEADER, PODS, until } from "./client.js";
import { get } from "./the-world.js";

/** One of the two names in the component's route. */
const SECOND_MODEL = "deepseek-r1";
const SECOND_POD = "second-1";
const OBJECTS = [
  {
    apiVersion: "v1",
    kind: "Service",
    metadata: { name: "second", namespace: "default" },
    spec: { selector: { app: "second" }, ports: [{ port: 8000, targetPort: 8000 }] },
  },
  {
    apiVersion: "inference.networking.k8s.io/v1",
    kind: "InferencePool",
    metadata: { name: "second-pool", namespace: "default" },
    spec: {
      selector: { matchLabels: { app: "second" } },
      targetPorts: [{ number: 8000 }],
      endpointPickerRef: { name: "unused", port: { number: 9002 } },
    },
  },
];
const ROUTE = "/apis/gateway.networking.k8s.io/v1/namespaces/default/httproutes/vllm-llm-gw-second";

const ask = (model: string, headers: Record<string, string> = {}): Promise<Answer> =>
  send(get().llm + CHAT, shortChat(prose(`for ${model}`, 2000), model), headers);

describe("two pools behind one listener", () => {
  before(async () => {
    const annotations = { "test/model": SECOND_MODEL };
    await createModelPod(get().rig, SECOND_POD, { labels: { app: "second" }, annotations });
    const list = { apiVersion: "v1", kind: "List", items: OBJECTS };
    await get().rig.kubectl(["apply", "-f", "-"], JSON.stringify(list));
    const settings = { secondPool: "second-pool", secondService: "second" };
    await get().apply({ components: ["two-pools"], settings });
    await until("the second pool answers", async () => {
      const { status, pod } = await ask(SECOND_MODEL);
      return status === 200 && pod === SECOND_POD;
    });
  });
  after(async () => {
    await get().rig.api.remove(ROUTE);
    await get().apply({});
    const { api } = get().rig;
    await api.remove("/api/v1/namespaces/default/services/second");
    await api.remove(
      "/apis/inference.networking.k8s.io/v1/namespaces/default/inferencepools/second-pool",
    );
    await api.remove(`/api/v1/namespaces/default/pods/${SECOND_POD}`);
  });

  test("each model is answered by its own pool's pods", async () => {
    for (let i = 0; i < 8; i++) {
      assert.equal((await ask(SECOND_MODEL)).pod, SECOND_POD);
      assert.ok(PODS.includes((await ask(MODEL)).pod));
    }
    assert.equal(lastOf(get().pod(SECOND_POD)).headers[MODEL_HEADER], SECOND_MODEL);
  });

  test("a client cannot choose the pool by the header", async () => {
    const { status, pod } = await ask(MODEL, { [MODEL_HEADER]: SECOND_MODEL });
    assert.equal(status, 200);
    assert.ok(PODS.includes(pod), pod);
  });

  test("a model of neither pool is a 404", async () => {
    assert.equal((await ask("nobody-has-this")).status, 404);
  });
});
