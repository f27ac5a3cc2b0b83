// Models by Kubernetes objects: aliases, unknown names, the list of models, kinds that come late.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { after, describe, test } from "node:test";
import { prose, send, type Answer } from "../../e2e/support/rig.js";
import { ROOT } from "../support/tools.js";
import { CHAT, MODEL, shortChat } from "../support/world.js";
import { lastOf, PODS, until } from "./client.js";
import { get } from "./the-world.js";

const GROUP = "inference.networking.x-k8s.io";
const API = `/apis/${GROUP}/v1alpha2/namespaces/default`;
/** The shipped rule: clients say qwq, the pods serve qwq-32b. */
const ALIAS = "qwq";

const ask = (model: string, text = "which model"): Promise<Answer> =>
  send(get().llm + CHAT, shortChat(text, model));
const untilStatus = (model: string, status: number): Promise<void> =>
  until(`${model} is a ${status}`, async () => (await ask(model)).status === status);

describe("models", () => {
  after(async () => {
    for (const path of ["inferencemodelrewrites/late", "inferencemodels/late"]) {
      await get()
        .rig.api.remove(`${API}/${path}`)
        .catch(() => undefined);
    }
  });

  test("an alias reaches the pod under its target's name, with the right length", async () => {
    const text = prose("alias", 4000);
    const answer = await ask(ALIAS, text);
    assert.equal(answer.status, 200);
    const { body, headers } = lastOf(get().pod(answer.pod));
    assert.deepEqual(JSON.parse(body.toString()), JSON.parse(shortChat(text, MODEL)));
    assert.equal(headers["content-length"], String(body.length));
  });

  test("GET /v1/models lists the pods' models and the aliases", async () => {
    const answer = await send(`${get().llm}/v1/models`, null);
    const list = JSON.parse(answer.body.toString()) as { object: string; data: { id: string }[] };
    assert.equal(list.object, "list");
    const ids = list.data.map(({ id }) => id);
    assert.ok(ids.includes(ALIAS) && ids.includes(MODEL), ids.join(", "));
  });

  test("an InferenceModelRewrite counts as soon as it is there, until it is gone", async () => {
    await untilStatus("late-alias", 404);
    const poolRef = { group: "inference.networking.k8s.io", name: "vllm-pool" };
    const matches = [{ model: { type: "Exact", value: "late-alias" } }];
    await get().rig.api.create(`${API}/inferencemodelrewrites`, {
      apiVersion: `${GROUP}/v1alpha2`,
      kind: "InferenceModelRewrite",
      metadata: { name: "late" },
      spec: { poolRef, rules: [{ matches, targets: [{ modelRewrite: MODEL }] }] },
    });
    await untilStatus("late-alias", 200);
    assert.ok(PODS.includes((await ask("late-alias")).pod));
    await get().rig.api.remove(`${API}/inferencemodelrewrites/late`);
    await untilStatus("late-alias", 404);
  });

  test("an InferenceModel counts too, on a cluster that gets that kind only now", async () => {
    const crd = join(ROOT, "tests/gateway/fixtures/crds/inferencemodels.yaml");
    await get().rig.kubectl(["apply", "-f", "-"], readFileSync(crd, "utf8"));
    const spec = {
      modelName: "late-model",
      criticality: "Critical",
      poolRef: { group: "inference.networking.k8s.io", name: "vllm-pool" },
      targetModels: [{ name: MODEL, weight: 100 }],
    };
    const model = { apiVersion: `${GROUP}/v1alpha2`, kind: "InferenceModel", spec };
    await until("the kind is served", async () => {
      try {
        await get().rig.api.create(`${API}/inferencemodels`, {
          ...model,
          metadata: { name: "late" },
        });
        return true;
      } catch {
        return false;
      }
    });
    await untilStatus("late-model", 200);
  });

  test("and closes the pool: a name that nothing has is a 404 as OpenAI's", async () => {
    const answer = await ask("nobody-has-this");
    assert.equal(answer.status, 404);
    const { error } = JSON.parse(answer.body.toString()) as { error: Record<string, unknown> };
    assert.match(String(error["message"]), /nobody-has-this/);
    assert.equal(error["code"], "model_not_found");
  });
});
