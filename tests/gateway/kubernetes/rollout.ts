// A new Envoy pod takes over from the old one, with images from a registry that asks for a login.
import assert from "node:assert/strict";
import { join } from "node:path";
import { after, describe, test } from "node:test";
import type { Child } from "../../../lab/processes.js";
import { prose } from "../../e2e/support/rig.js";
import { LOGIN, startRegistry } from "../standalone/support/registry.js";
import { CONTROL_ADDRESS, GATEWAY_NAMESPACE } from "../support/addresses.js";
import { pushFilter } from "../support/filter-image.js";
import type { Pod } from "../support/pod-spec.js";
import { Traffic, until } from "./client.js";
import { HeldAnswer } from "./held-answer.js";
import { get } from "./the-world.js";

const REGISTRY = `${CONTROL_ADDRESS}:5001`;
const SECRET = "warmroute-registry";
/** As components/pull-secret says. */
const CREATE_SECRET = [
  ...["create", "secret", "docker-registry", SECRET, "--docker-server", REGISTRY],
  ...["--docker-username", LOGIN.username, "--docker-password", LOGIN.password],
];
const SIDECAR_IMAGE = "ghcr.io/warmroute/sidecar:0.1.1";
const DRAIN_SECONDS = 3600;

describe("a rollout of the Envoy pod", () => {
  let traffic: Traffic | undefined;
  let held: HeldAnswer | undefined;
  let registry: Child | undefined;
  after(async () => {
    await traffic?.stop();
    await held?.close();
    await registry?.stop();
  });

  test("no request fails or is cut while the new pod takes over", async () => {
    const { rig } = get();
    const old = rig.envoy;
    const folder = join(rig.folder, "login");
    registry = await startRegistry(folder, REGISTRY, true);
    const at = { repository: `${REGISTRY}/warmroute/filter`, login: LOGIN };
    const filter = await pushFilter(folder, "login", undefined, at);
    for (const namespace of ["default", GATEWAY_NAMESPACE]) {
      await rig.kubectl([...CREATE_SECRET, "--namespace", namespace]);
    }
    traffic = new Traffic(get(), [prose("rollout", 2000)], 2);
    held = await HeldAnswer.open(get(), "under way while the pod is replaced");
    const settings = { sidecarImage: SIDECAR_IMAGE };
    await get().apply({ filter, settings, components: ["pull-secret"] });
    await until("the new pod is ready", () => rig.envoy !== old);
    await traffic.more(50);
    await until("the old pod waits for its last connection", () =>
      old.hookOutput("shutdown-manager").includes("minimum drain period reached"),
    );
    assert.ok(old.container("sidecar").isRunning);
    await held.endsWhole();
    await until("the old pod is gone", () => rig.envoyPods.length === 1);
    await traffic.more(50);
    await traffic.stop();
    assert.deepEqual([...traffic.failures], []);
  });

  test("the new pod has what changed, and time for the longest answer", async () => {
    const { pod } = get().rig.envoy.options;
    const { initContainers = [], containers, terminationGracePeriodSeconds } = pod.spec;
    assert.equal(initContainers.find(({ name }) => name === "sidecar")?.image, SIDECAR_IMAGE);
    const { imagePullSecrets } = pod.spec as Pod["spec"] & { imagePullSecrets?: object[] };
    assert.deepEqual(imagePullSecrets, [{ name: SECRET }]);
    const args = containers.find(({ name }) => name === "envoy")?.args ?? [];
    assert.equal(args[args.indexOf("--drain-time-s") + 1], String(DRAIN_SECONDS));
    assert.ok((terminationGracePeriodSeconds ?? 0) > DRAIN_SECONDS);
  });

  test("the filter was pulled with the login: it decides", async () => {
    const filters = await (await get().envoy()).filters("default/inference-gateway/llm-gw");
    const plugin = filters.find(({ name }) => name.startsWith("envoy.filters.http.wasm/"));
    assert.notEqual(plugin, undefined);
    const before = (await get().pool()).totals.decisions["prefix"] ?? 0;
    await until("decisions are counted", async () => {
      await get().chat(prose("rollout", 2000));
      return ((await get().pool()).totals.decisions["prefix"] ?? 0) > before;
    });
  });
});
