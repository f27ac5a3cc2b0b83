// What goes wrong around a real Envoy: the sidecar, a pod. Requests go on.
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { until } from "../../lab/processes.js";
import { startSidecar, type Sidecar } from "../../lab/sidecar.js";
import { startEchoPod, type EchoPod } from "./support/echo-pod.js";
import { chat, prose, send, startRig, untilKnown, type Rig } from "./support/rig.js";

const CHAT = "/v1/chat/completions";

describe("faults", () => {
  let pods: EchoPod[];
  let rig: Rig;
  let url: string;
  let returned: Sidecar | null = null;

  before(async () => {
    pods = [await startEchoPod("a"), await startEchoPod("b"), await startEchoPod("c")];
    rig = await startRig([
      { name: "default", pods: pods.map((pod) => pod.address), listener: { retries: 2 } },
    ]);
    url = (rig.urls[0] as string) + CHAT;
  });
  after(async () => {
    await returned?.stop();
    await rig.stop();
    for (const pod of pods) await pod.close();
  });

  test("a pod that is gone costs no request: the retry takes the second address", async () => {
    const body = chat(prose("gone", 3000));
    const name = await untilKnown(url, body);
    const gone = pods.find((pod) => pod.name === name) as EchoPod;
    const port = Number(gone.address.split(":")[1]);
    await gone.close();
    for (let i = 0; i < 20; i++) {
      const answer = await send(url, body);
      assert.equal(answer.status, 200);
      assert.notEqual(answer.pod, name);
    }
    // The prefix has moved to the pod that served it, though the first is still listed.
    const answer = await send(url, body);
    assert.equal(answer.decision.pod, pods.find((pod) => pod.name === answer.pod)?.address);
    pods[pods.indexOf(gone)] = await startEchoPod(name, port);
    let prompts = 0;
    await until("the pod that is there again has answered its probe", async () => {
      const { pod, decision } = await send(url, chat(prose(`cold ${prompts++}`, 3000)));
      return pod === name && decision.reason !== "probe";
    });
  });

  test("without the sidecar routing goes on from the index, and it recovers with it", async () => {
    const body = chat(prose("orphan", 3000));
    const pod = await untilKnown(url, body);
    await rig.sidecar.stop();
    const endMs = performance.now() + 3000;
    while (performance.now() < endMs) {
      const answer = await send(url, body);
      assert.deepEqual([answer.status, answer.pod, answer.decision.reason], [200, pod, "prefix"]);
      await sleep(100);
    }
    const failures = await rig.envoy.stat("wasmcustom.warmroute_sync_failures");
    assert.ok((failures ?? 0) > 0, "the failed polls are counted");

    returned = await startSidecar({
      port: rig.sidecarPort,
      pools: [{ name: "default", pods: pods.map((one) => one.address) }],
    });
    const view = `http://127.0.0.1:${rig.sidecarPort}/v1/pools`;
    await until("the gateway reports to the new sidecar", async () => {
      const pools = (await (await fetch(view)).json()) as { pools: { gateways: unknown[] }[] };
      return pools.pools[0]?.gateways.length === 1;
    });
    const answer = await send(url, body);
    assert.deepEqual([answer.status, answer.pod, answer.decision.reason], [200, pod, "prefix"]);
  });

  test("before the first table Envoy's own policy decides", async () => {
    const alone = await startRig([{ name: "default", pods: pods.map((pod) => pod.address) }]);
    try {
      await alone.sidecar.stop();
      // A new vm_id has no table in its shared data.
      const listener = alone.listener(0, { sidecarCluster: "nobody" });
      const text = JSON.stringify(listener).replaceAll('"vm_id":"warmroute"', '"vm_id":"fresh"');
      assert.equal(
        await alone.envoy.pushListeners([JSON.parse(text) as typeof listener]),
        "accepted",
      );
      const alonePath = (alone.urls[0] as string) + CHAT;
      await until("the new configuration serves", async () => {
        const answer = await send(alonePath, chat("hello"));
        assert.equal(answer.status, 200);
        return answer.decision.reason === "fallback-no-table";
      });
    } finally {
      await alone.stop();
    }
  });
});
