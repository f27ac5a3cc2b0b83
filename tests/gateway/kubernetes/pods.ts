// Pods come, become unready, drain and go: only those that may be picked are picked, at once.
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { prose } from "../../e2e/support/rig.js";
import type { Pod } from "../support/pod-spec.js";
import { createModelPod, type World } from "../support/world.js";
import { PODS, until, untilCached } from "./client.js";
import { get } from "./the-world.js";

const NEW = "vllm-4";
const NEW_PATH = `/api/v1/namespaces/default/pods/${NEW}`;
/** Enough that a pod which may be picked is, among four. */
const REQUESTS = 40;

/** The pods that answered so many different prompts. */
const served = async (what: string): Promise<Set<string>> => {
  const answers = await Promise.all(
    Array.from({ length: REQUESTS }, (_, i) => get().chat(`${what} ${i} ${prose("x", 2000)}`)),
  );
  for (const { status } of answers) assert.equal(status, 200);
  return new Set(answers.map(({ pod }) => pod));
};
const isPicked = async (address: string): Promise<boolean> =>
  (await get().pool()).pods.some((pod) => pod.address === address && pod.mayBePicked);
const untilPicked = (what: string, address: string, is: boolean): Promise<void> =>
  until(what, async () => (await isPicked(address)) === is);

describe("pods", () => {
  let pod: Pod;
  let address: string;
  before(async () => {
    pod = await createModelPod(get().rig, NEW, { annotations: { "test/holds": "true" } });
    ({ address } = get().pod(NEW));
  });
  after(async () => {
    get().rig.letGo(`default/${NEW}`);
    await get().rig.api.remove(NEW_PATH);
  });

  test("a new pod is served", async () => {
    await get().untilServed("the new pod", (answer) => answer.pod === NEW);
  });

  test("a pod that is not ready is not picked, its conversations neither", async () => {
    const held = prose("held by the new pod", 8000);
    await get().rig.kubelet.setReady(pod, `${address}`, false);
    await untilPicked("the sidecar drops the pod", `${address}:8000`, false);
    await settled(get(), NEW);
    assert.ok(!(await served("while unready")).has(NEW));
    const { pod: other } = await untilCached(get(), held);
    assert.ok(PODS.includes(other));
  });

  test("ready again, it is served again, as fast as measured", async () => {
    await get().rig.kubelet.setReady(pod, address, true);
    const ms = await get().untilServed("the pod is ready again", (one) => one.pod === NEW);
    console.log(`figure: a pod that becomes ready is served after ${Math.round(ms)} ms`);
  });

  test("a pod that is being terminated is not picked while it still runs", async () => {
    await get().rig.api.remove(NEW_PATH, 30);
    await untilPicked("the sidecar drops the pod", `${address}:8000`, false);
    await settled(get(), NEW);
    assert.ok(!(await served("while terminating")).has(NEW));
    const still = await get().rig.api.get<Pod>(NEW_PATH);
    assert.ok(still.metadata.deletionTimestamp !== undefined);
  });

  test("a pod that is gone is on no list", async () => {
    get().rig.letGo(`default/${NEW}`);
    await until("the pod is gone", async () => {
      const { pods } = await get().pool();
      return pods.every((one) => one.address !== `${address}:8000`);
    });
    assert.deepEqual([...(await served("after it is gone"))].sort(), PODS);
  });
});
/** Waits until the filter's workers have read the table: a few requests in a row go elsewhere. */
async function settled(world: World, name: string): Promise<void> {
  let inARow = 0;
  await until(`${name} is left alone`, async () => {
    const { pod } = await world.chat(`settling ${inARow} ${performance.now()}`);
    inARow = pod === name ? 0 : inARow + 1;
    return inARow >= 20;
  });
}
