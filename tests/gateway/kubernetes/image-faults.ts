// Envoy Gateway starts while the registry is down, and its Envoys run on.
import assert from "node:assert/strict";
import { after, describe, test } from "node:test";
import { prose, send } from "../../e2e/support/rig.js";
import { promise } from "../../faults/support/promise-table.js";
import type { Condition, KubeObject } from "../support/kube-api.js";
import { CHAT, shortChat } from "../support/world.js";
import { DESTINATION, lastOf, Traffic, until } from "./client.js";
import { get } from "./the-world.js";

const POLICY =
  "/apis/gateway.envoyproxy.io/v1alpha1/namespaces/default/envoyextensionpolicies/warmroute";
/** By which every worker of Envoy has answered, but for 1 in 10^4. */
const IN_A_ROW = 20;

type Policy = KubeObject & { status?: { ancestors: { conditions: Condition[] }[] } };

describe("Envoy Gateway starts while the registry is down", () => {
  let traffic: Traffic | undefined;
  after(async () => {
    await traffic?.stop();
    await get().rig.startRegistry();
  });

  const accepted = async (): Promise<Condition | undefined> => {
    const { status } = await get().rig.api.get<Policy>(POLICY);
    return status?.ancestors[0]?.conditions.find(({ type }) => type === "Accepted");
  };
  /** Whether the filter chose the pod of a request: then the pod saw its header. */
  const isChosen = async (): Promise<boolean> => {
    const { pod } = await get().chat(prose("the image is gone", 2000));
    return lastOf(get().pod(pod)).headers[DESTINATION] !== undefined;
  };
  /** How long until so many requests in a row were chosen, or were not. */
  const untilAll = async (wanted: boolean): Promise<number> => {
    const startMs = performance.now();
    let inARow = 0;
    await until(`all requests are ${wanted ? "chosen" : "by LeastRequest"}`, async () => {
      inARow = (await isChosen()) === wanted ? inARow + 1 : 0;
      return inARow === IN_A_ROW;
    });
    return performance.now() - startMs;
  };

  test("the filter is taken off, and no request fails", async () => {
    const { rig } = get();
    const envoy = rig.envoy;
    traffic = new Traffic(get(), [prose("beside it", 2000)], 1);
    await rig.stopRegistry();
    await rig.restartGateway();
    await until("the policy says why", async () => {
      const condition = await accepted();
      return condition?.status === "False" && /connection refused/.test(condition.message ?? "");
    });
    await untilAll(false);
    const { status } = await send(get().http + CHAT, shortChat("standard"));
    assert.equal(status, 200);
    assert.equal(rig.envoy, envoy);
    assert.deepEqual([...traffic.failures], []);
  });

  test("with the registry back a restart brings it back", async () => {
    await get().rig.startRegistry();
    await get().rig.restartGateway();
    const ms = await untilAll(true);
    await until("the policy is accepted", async () => (await accepted())?.status === "True");
    await traffic?.stop();
    const count = traffic?.count ?? 0;
    const failures = [...(traffic?.failures ?? [])];
    const measured = [
      `${count} requests on llm-gw, ${failures.length} kinds of failure`,
      `registry back and Envoy Gateway restarted: chosen after ${(ms / 1000).toFixed(1)} s`,
    ];
    promise(
      "Kubernetes: registry down, Envoy Gateway restarted",
      "the listener goes on, by LeastRequest; Envoy Gateway takes the filter off",
      measured.join("; "),
    );
    assert.deepEqual(failures, []);
  });
});
