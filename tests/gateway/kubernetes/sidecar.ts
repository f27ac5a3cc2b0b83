// The sidecar's container is killed and started again: requests go on, and nothing is forgotten.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { request } from "undici";
import { prose } from "../../e2e/support/rig.js";
import { pushFilter, withCustomSection } from "../support/filter-image.js";
import type { JsonPatch } from "../support/overlay.js";
import { FILTER_WASM } from "../support/tools.js";
import { cachedTokens, Traffic, until, untilCached } from "./client.js";
import { get } from "./the-world.js";

/** So long that no pod's being busy with the traffic outweighs the prefill that a cache saves. */
const TEXT_BYTES = 24_000;
const TEXTS = Array.from({ length: 8 }, (_, i) => prose(`while it is away ${i}`, TEXT_BYTES));
/** Each is asked once after the restart: a second time it would be known from the first. */
const KNOWN = Array.from({ length: 8 }, (_, i) => prose(`known before ${i}`, TEXT_BYTES));
const DEBUG: JsonPatch = {
  target: { kind: "EnvoyExtensionPolicy", name: "warmroute" },
  operations: [{ op: "add", path: "/spec/wasm/0/config/debugHeaders", value: true }],
};

const reasonOf = async (text: string): Promise<string> => {
  const { status, decision } = await get().chat(text);
  assert.equal(status, 200);
  return decision.reason;
};
/** Several pods may hold a prompt by now: it goes to one that says that it does. */
const isHeld = async (text: string): Promise<void> => {
  const answer = await get().chat(text);
  const isCached = cachedTokens(answer) > 0;
  assert.deepEqual([answer.status, answer.decision.reason, isCached], [200, "prefix", true]);
};
/** The sidecar knows every pod's load, and the filter has its table: its decisions are counted. */
const isFresh = async (): Promise<boolean> => {
  const { pods, totals } = await get().pool();
  const isKnown = pods.every(({ state, mayBePicked }) => state === "ok" && mayBePicked);
  return pods.length > 0 && isKnown && (totals.decisions["prefix"] ?? 0) > 0;
};

describe("the sidecar's container", () => {
  let traffic: Traffic | undefined;
  before(async () => {
    await get().apply({ patches: [DEBUG] });
    await get().untilServed("debugHeaders is in force", ({ decision }) => decision.reason !== "");
    const texts = [...KNOWN, ...TEXTS];
    await Promise.all(texts.map((text) => untilCached(get(), text)));
    traffic = new Traffic(get(), TEXTS);
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
    await get().rig.envoy.kill("sidecar");
    for (const text of TEXTS) await isHeld(text);
    await traffic?.more(200);
  });

  test("back again: its table is fresh, and prompts are known by the same key", async () => {
    await get().rig.envoy.restart("sidecar");
    await until("the table is fresh", isFresh);
    for (const text of KNOWN) await isHeld(text);
  });

  test("killed again: a filter that starts now serves by LeastRequest", async () => {
    await get().rig.envoy.kill("sidecar");
    const module = withCustomSection(readFileSync(FILTER_WASM), "started alone");
    const filter = await pushFilter(join(get().rig.folder, "images"), "alone", module);
    await get().apply({ filter, patches: [DEBUG] });
    await until("no table has come to the new one", async () => {
      return (await reasonOf(prose("alone", 2000))) === "fallback-no-table";
    });
    await traffic?.more(100);
    await get().rig.envoy.restart("sidecar");
    await until("the table is fresh", isFresh);
    await traffic?.stop();
    assert.deepEqual([...(traffic?.failures ?? [])], []);
  });
});
