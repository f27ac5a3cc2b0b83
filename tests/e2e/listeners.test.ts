// Listeners and configurations on a real Envoy: two pools, a missing flag, a refused configuration.
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { until } from "../../lab/processes.js";
import { startEchoPod, type EchoPod } from "./support/echo-pod.js";
import { chat, prose, send, startRig, untilKnown, WORKERS, type Rig } from "./support/rig.js";

const CHAT = "/v1/chat/completions";

describe("two pools on one vm_id", () => {
  let pods: EchoPod[];
  let rig: Rig;

  before(async () => {
    pods = await Promise.all(["a", "b", "c", "d"].map((name) => startEchoPod(name)));
    const addresses = pods.map((pod) => pod.address);
    rig = await startRig([
      { name: "first", pods: addresses.slice(0, 2) },
      { name: "second", pods: addresses.slice(2) },
    ]);
  });
  after(async () => {
    await rig.stop();
    for (const pod of pods) await pod.close();
  });

  test("each listener uses its own pods, and what one knows the other does not", async () => {
    const [first, second] = rig.urls.map((url) => url + CHAT) as [string, string];
    const body = chat(prose("shared", 3000));
    assert.ok(["a", "b"].includes(await untilKnown(first, body)));
    const other = await send(second, body);
    assert.equal(other.decision.reason, "cold");
    assert.ok(["c", "d"].includes(other.pod));
  });

  test("a changed configuration keeps what the pool knows", async () => {
    const url = (rig.urls[0] as string) + CHAT;
    const body = chat(prose("kept", 3000));
    const pod = await untilKnown(url, body);
    const listeners = [rig.listener(0, { slackMs: 6 }), rig.listener(1, {})];
    assert.equal(await rig.envoy.pushListeners(listeners), "accepted");
    for (let i = 0; i < 20; i++) {
      const answer = await send(url, body);
      assert.deepEqual([answer.status, answer.pod, answer.decision.reason], [200, pod, "prefix"]);
    }
  });

  test("a refused configuration changes nothing while traffic flows", async () => {
    const url = (rig.urls[0] as string) + CHAT;
    const body = chat(prose("steady", 3000));
    const pod = await untilKnown(url, body);
    let isOver = false;
    const outcomes = new Map<string, number>();
    const traffic = (async () => {
      while (!isOver) {
        const answer = await send(url, body);
        const outcome = `${answer.status} ${answer.pod} ${answer.decision.reason}`;
        outcomes.set(outcome, (outcomes.get(outcome) ?? 0) + 1);
      }
    })();
    await sleep(200);
    const refused = [rig.listener(0, { maxBodyBytes: 12 }), rig.listener(1, {})];
    const verdict = await rig.envoy.pushListeners(refused);
    await sleep(1000);
    isOver = true;
    await traffic;
    assert.deepEqual([...outcomes.keys()], [`200 ${pod} prefix`]);
    assert.equal(verdict, "refused");
    assert.match(rig.envoy.log, /maxBodyBytes is 12, allowed: an integer from 1024 to 67108864/);
  });
});

describe("without allow_on_headers_stop_iteration", () => {
  let pods: EchoPod[];
  let rig: Rig;

  before(async () => {
    pods = [await startEchoPod("a"), await startEchoPod("b")];
    rig = await startRig([
      { name: "default", pods: pods.map((pod) => pod.address), allowHold: false },
    ]);
  });
  after(async () => {
    await rig.stop();
    for (const pod of pods) await pod.close();
  });

  test("no request hangs: each is routed by load, with one warning a worker", async () => {
    const url = (rig.urls[0] as string) + CHAT;
    for (let i = 0; i < 60; i++) {
      const answer = await send(url, chat(prose("flag", 1000)));
      assert.deepEqual([answer.status, answer.decision.reason], [200, "fallback-stalled"]);
    }
    const warnings = rig.envoy.log.match(/allow_on_headers_stop_iteration: true/g) ?? [];
    assert.ok(warnings.length >= 1 && warnings.length <= WORKERS, `${warnings.length} warnings`);
    await until("the sidecar's page tells it", async () => {
      const text = await (await fetch(`http://127.0.0.1:${rig.sidecarPort}/v1/pools`)).text();
      return text.includes("stall-guard");
    });
  });
});
