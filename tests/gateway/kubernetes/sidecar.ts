// The sidecar's container is killed and started again: requests go on, and nothing is forgotten.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { request } from "undici";
import { prose, type Answer } from "../../e2e/support/rig.js";
import { pushFilter, withCustomSection } from "../support/filter-image.js";
import type { JsonPatch } from "../support/overlay.js";
import { FILTER_WASM } from "../support/tools.js";
import { PODS, Traffic, until, untilCached } from "./client.js";
import { get } from "./the-world.js";

const KNOWN = Array.from({ length: 8 }, (_, i) => prose(`known to the sidecar ${i}`, 3000));
const DEBUG: JsonPatch = {
  target: { kind: "EnvoyExtensionPolicy", name: "warmroute" },
  operations: [{ op: "add", path: "/spec/wasm/0/config/debugHeaders", value: true }],
};

const reasonOf = async (text: string): Promise<string> => {
  const { status, decision } = await get().chat(text);
  assert.equal(status, 200);
  return decision.reason;
};

describe("the sidecar's container", () => {
  let known: Answer[] = [];
  let traffic: Traffic | undefined;
  before(async () => {
    await get().apply({ patches: [DEBUG] });
    await get().untilServed("debugHeaders is in force", ({ decision }) => decision.reason !== "");
    known = await Promise.all(KNOWN.map((text) => untilCached(get(), text)));
  });
  after(async () => {
    await traffic?.stop();
    await get().apply({});
  });

  test("runs with the key of the Secret", async () => {
    const page = await request(`http://${get().rig.envoy.address}:9110/`);
    assert.doesNotMatch(await page.body.text(), /hash key was made up/);
    assert.doesNotMatch(get().rig.envoy.log("sidecar"), /no hashKey/);
  });

  test("killed: requests go on, to the pods that hold their prompts", async () => {
    traffic = new Traffic(get(), KNOWN);
    await get().rig.envoy.kill("sidecar");
    for (const [i, text] of KNOWN.entries()) {
      const { status, decision, pod } = await get().chat(text);
      assert.deepEqual([status, decision.reason, pod], [200, "prefix", known[i]?.pod]);
    }
    await traffic.more(200);
  });

  test("a filter that starts without it serves by LeastRequest", async () => {
    const module = withCustomSection(readFileSync(FILTER_WASM), "started alone");
    const filter = await pushFilter(join(get().rig.folder, "images"), "alone", module);
    await get().apply({ filter, patches: [DEBUG] });
    await until("no table has come to the new one", async () => {
      return (await reasonOf(prose("alone", 2000))) === "fallback-no-table";
    });
    await traffic?.more(100);
  });

  test("back again, its table is fresh and it knows what it knew", async () => {
    await get().rig.envoy.restart("sidecar");
    await until("decisions are made by the table", async () => {
      return ["prefix", "cold"].includes(await reasonOf(prose("back", 2000)));
    });
    await until("the sidecar counts decisions again", async () => {
      const { pods, totals } = await get().pool();
      const picked = pods.filter((pod) => pod.mayBePicked);
      return picked.length === PODS.length && (totals.decisions["prefix"] ?? 0) > 0;
    });
    await traffic?.stop();
    assert.deepEqual([...(traffic?.failures ?? [])], []);
  });
});
