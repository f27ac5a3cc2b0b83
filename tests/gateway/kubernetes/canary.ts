// The component `canary`: a new filter on a second listener, and what a bad one does there.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { after, describe, test } from "node:test";
import { prose, send, type Answer } from "../../e2e/support/rig.js";
import type { PluginConfig } from "../support/envoy-view.js";
import {
  pushFilter,
  pushUnchecked,
  withCustomSection,
  type FilterImage,
} from "../support/filter-image.js";
import { FILTER_WASM } from "../support/tools.js";
import { CHAT, LLM_LISTENER, shortChat } from "../support/world.js";
import { DESTINATION, lastOf, PODS, Traffic, until } from "./client.js";
import { get } from "./the-world.js";

const NEXT_LISTENER = "default/inference-gateway/llm-gw-next";
const NEXT_PORT = 8082;
const API = "/apis/gateway.envoyproxy.io/v1alpha1/namespaces/default";
/** A module of the right form that exports nothing. */
const NO_FILTER = Uint8Array.from([0, 0x61, 0x73, 0x6d, 1, 0, 0, 0]);

const plugin = async (listener: string): Promise<PluginConfig | undefined> => {
  const filters = await (await get().envoy()).filters(listener).catch(() => []);
  return filters.find(({ name }) => name.startsWith("envoy.filters.http.wasm/"))?.typed_config
    .config;
};
const offer = async (next: FilterImage): Promise<void> => {
  const settings = { nextFilterImage: next.url, nextFilterDigest: next.sha256 };
  await get().apply({ components: ["canary"], settings });
};
const ask = (text: string): Promise<Answer> =>
  send(`http://${get().rig.envoy.address}:${NEXT_PORT}${CHAT}`, shortChat(text));

/** 0 where there is no listener yet. */
const statusOf = async (text: string): Promise<number> =>
  await ask(text).then(
    ({ status }) => status,
    () => 0,
  );

describe("a new version on a second listener", () => {
  after(async () => {
    await get().apply({});
    for (const kind of ["envoyextensionpolicies", "envoypatchpolicies"]) {
      await get().rig.api.remove(`${API}/${kind}/warmroute-next`);
    }
  });

  test("a bad module fails there, and nowhere else", async () => {
    const traffic = new Traffic(get(), [prose("beside the canary", 2000)]);
    await offer(await pushUnchecked(join(get().rig.folder, "images"), "bad", NO_FILTER));
    await until("the canary fails", async () => (await statusOf("bad")) === 503);
    await traffic.more(100);
    await traffic.stop();
    assert.deepEqual([...traffic.failures], []);
  });

  test("a good one repairs it, and llm-gw keeps the old one", async () => {
    const module = withCustomSection(readFileSync(FILTER_WASM), "the canary");
    const next = await pushFilter(join(get().rig.folder, "images"), "canary", module);
    await offer(next);
    await until("the canary's listener has the module", async () => {
      return (await plugin(NEXT_LISTENER))?.vm_config.vm_id === `warmroute-${next.sha256}`;
    });
    await until("the canary decides", async () => {
      const { status, pod } = await ask(prose("canary", 2000));
      if (status !== 200 || !PODS.includes(pod)) return false;
      return lastOf(get().pod(pod)).headers[DESTINATION] !== undefined;
    });
    const kept = (await plugin(LLM_LISTENER))?.vm_config.vm_id;
    assert.equal(kept, `warmroute-${get().filter.sha256}`);
  });
});
