// The example of QwQ-32B as it is shipped: its Deployment makes the pods, its pool has the models.
import assert from "node:assert/strict";
import { join } from "node:path";
import { describe, test } from "node:test";
import { prose } from "../../e2e/support/rig.js";
import { writeImageOverlay } from "../support/overlay.js";
import { until } from "./client.js";
import { get } from "./the-world.js";

const EXAMPLE = "manifests/examples/qwq-32b";
const POOL = "default/reasoning-pool";
const REPLICAS = 5;

const podNames = async (): Promise<(string | null)[]> =>
  (await get().pool(POOL)).pods.filter((pod) => pod.mayBePicked).map(({ name }) => name);

describe("the example of QwQ-32B", () => {
  test("its five pods serve, each", async () => {
    const { rig, filter } = get();
    const folder = writeImageOverlay(join(rig.folder, "example"), [EXAMPLE], filter);
    await rig.kubectl(["apply", "-k", folder]);
    await until("the sidecar lists the pods", async () => {
      const { pods } = await get()
        .pool(POOL)
        .catch(() => ({ pods: [] }));
      return pods.length === REPLICAS;
    });
    const seen = new Set<string>();
    await until("every pod has answered", async () => {
      const { status, pod } = await get().chat(prose(`example ${performance.now()}`, 2000));
      assert.equal(status, 200);
      if (pod.startsWith("qwq-32b-")) seen.add(pod);
      return seen.size === REPLICAS;
    });
  });

  test("scaled down to three, the other two are picked no more", async () => {
    await get().rig.kubectl(["scale", "deployment/qwq-32b", "--replicas=3"]);
    await until("three are left", async () => (await podNames()).length === 3);
    const left = await podNames();
    for (let i = 0; i < 20; i++) {
      const { status, pod } = await get().chat(prose(`scaled ${i}`, 2000));
      assert.equal(status, 200);
      assert.ok(left.includes(pod), pod);
    }
  });
});
