// Models from the sidecar's own configuration to the pods, through a real Envoy: the whole way.
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { until } from "../../lab/processes.js";
import { answerOk, startEchoPod, type EchoPod } from "./support/echo-pod.js";
import { chat, send, startRig, type Rig } from "./support/rig.js";

const CHAT = "/v1/chat/completions";
const OBJECTIVE = "x-gateway-inference-objective";
const MODELS = [
  { name: "qwq", targets: [{ name: "qwq-32b" }] },
  { name: "bulk", criticality: "Sheddable", targets: [{ name: "qwq-32b" }] },
];

describe("models of the sidecar's configuration", () => {
  let pods: EchoPod[];
  let rig: Rig;
  let url: string;

  before(async () => {
    pods = [await startEchoPod("a"), await startEchoPod("b")];
    for (const pod of pods) {
      pod.handle((received, response) => {
        if (received.url !== "/v1/models") return answerOk(received, response);
        response.setHeader("content-type", "application/json");
        const data = [{ id: "qwq-32b", object: "model", created: 1, owned_by: "vllm" }];
        response.end(JSON.stringify({ object: "list", data }));
      });
    }
    const sidecar = { models: MODELS, objectives: [{ name: "batch", priority: -1 }] };
    const config = { objectiveHeader: OBJECTIVE, saturationMs: 1000 };
    const addresses = pods.map((pod) => pod.address);
    rig = await startRig([{ name: "default", pods: addresses, sidecar, config }]);
    url = rig.urls[0] as string;
  });
  after(async () => {
    await rig.stop();
    for (const pod of pods) await pod.close();
  });

  test("an alias is rewritten, an unknown name refused, and the list has the alias", async () => {
    const alias = await send(url + CHAT, chat("hello", { model: "qwq" }));
    assert.equal(alias.status, 200);
    const all = pods.flatMap((pod) => pod.received);
    const got = all.find((one) => one.sha256 === alias.headers["x-body-sha256"])!;
    assert.equal((JSON.parse(got.text) as { model: string }).model, "qwq-32b");
    assert.equal((await send(url + CHAT, chat("x", { model: "nope" }))).status, 404);
    await until(
      "the list is answered by the filter on both workers",
      async () => {
        let inARow = 0;
        while (inARow < 8) {
          const list = await send(`${url}/v1/models`, null);
          if (list.decision.reason !== "model-list") return false;
          const { data } = JSON.parse(list.body.toString()) as { data: { id: string }[] };
          const ids = data.map(({ id }) => id).sort();
          if (ids.join(" ") !== "bulk qwq qwq-32b") return false;
          inARow++;
        }
        return true;
      },
      10_000,
    );
    const total = await rig.envoy.stat("wasmcustom.warmroute_bad_models");
    assert.equal(total ?? 0, 0);
  });

  test("the sidecar shows the refusals by their reasons", async () => {
    await send(url + CHAT, chat("x", { model: "nope" }));
    const metrics = `http://127.0.0.1:${rig.sidecarPort}/metrics`;
    await until(
      "unknown-model is counted",
      async () => /reason="unknown-model"[^\n]* [1-9]/.test(await (await fetch(metrics)).text()),
      10_000,
    );
  });

  test("where all pods are saturated a sheddable objective is answered 429", async () => {
    for (const pod of pods) pod.handle(() => undefined);
    // 20,000 tokens ahead of each: 1.24 s, above the bound of 1 s.
    const long = Array.from({ length: 4 }, (_, i) =>
      send(url + CHAT, chat(`${i}`.repeat(80_000), { model: "qwq", stream: true })).catch(
        () => null,
      ),
    );
    await until(
      "a sheddable request is shed",
      async () => {
        const answer = await Promise.race([
          send(url + CHAT, chat("x", { model: "qwq" }), { [OBJECTIVE]: "batch" }).catch(() => null),
          new Promise<null>((resolve) => setTimeout(() => resolve(null), 500)),
        ]);
        if (answer === null) return false;
        assert.deepEqual([answer.status, answer.decision.reason], [429, "shed"]);
        assert.match(String(answer.headers["retry-after"]), /^[1-9]$/);
        return true;
      },
      10_000,
    );
    for (const pod of pods) await pod.close();
    await Promise.all(long);
  });
});
