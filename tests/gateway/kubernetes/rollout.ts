// A new Envoy pod takes over from the old one, as when the sidecar's image changes.
import assert from "node:assert/strict";
import { after, describe, test } from "node:test";
import { prose } from "../../e2e/support/rig.js";
import { Traffic, until } from "./client.js";
import { get } from "./the-world.js";

describe("a rollout of the Envoy pod", () => {
  let traffic: Traffic | undefined;
  after(() => traffic?.stop());

  test("no request fails while the new pod takes over", async () => {
    const old = get().rig.envoy;
    traffic = new Traffic(get(), [prose("rollout", 2000)], 2);
    const sidecarImage = "ghcr.io/warmroute/sidecar:0.1.1";
    await get().apply({ settings: { sidecarImage } });
    await until("the new pod is ready", () => get().rig.envoy !== old);
    await traffic.more(50);
    const isAlone = (): boolean => get().rig.envoyPods.length === 1;
    await until("the old pod is gone", isAlone);
    await traffic.more(50);
    await traffic.stop();
    assert.deepEqual([...traffic.failures], []);
    const { containers } = get().rig.envoy.options.pod.spec;
    assert.equal(containers.find(({ name }) => name === "sidecar")?.image, sidecarImage);
  });
});
