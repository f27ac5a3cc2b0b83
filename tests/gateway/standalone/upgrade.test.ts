// Changes under traffic on the standalone gateway: a new version, a mistake, a module that fails.
import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { until } from "../../../lab/processes.js";
import { checkModule } from "../../../scripts/image/check.js";
import type { Answer } from "../../e2e/support/rig.js";
import { compile } from "../../host/fixtures/probe.js";
import { ask, askUntil, promptOf, untilRouted } from "./support/ask.js";
import { isDraining, LLM_LISTENER, wasmOf } from "./support/envoy-state.js";
import { filterVersion, pushModule } from "./support/images.js";
import type { FilterImage } from "./support/manifests.js";
import { NEXT_URL, REGISTRY, startRig, type Rig } from "./support/rig.js";
import { startTraffic } from "./support/traffic.js";

const REPOSITORY = `${REGISTRY}/warmroute/filter`;
const CHANGE_TIMEOUT_MS = 120_000;
/** Prompts that are taught before a new version comes, and not sent while it does. */
const ASLEEP = 60;
/** Answers in a row from what a version knows, by whichever worker. */
const WARM_IN_A_ROW = 20;
/** What Envoy lacks, although the ABI's older version had it. */
const BAD_MODULE = `
export function proxy_abi_version_0_2_1(): void {}
export function malloc(size: u32): usize { return heap.alloc(size); }
@external("env", "proxy_clear_route_cache")
declare function clearRoute(): u32;
export function proxy_on_tick(id: u32): void { clearRoute(); }`;

describe("changes on the standalone gateway", () => {
  let rig: Rig;

  before(async () => {
    rig = await startRig();
    await rig.apply(await push("v1", filterVersion("v1")));
    await untilRouted();
  });
  after(async () => {
    await rig?.stop();
  });

  async function push(tag: string, wasm: Uint8Array): Promise<FilterImage> {
    const image = `${REPOSITORY}:${tag}`;
    return { image, digest: await pushModule(wasm, image, rig.folder) };
  }

  async function untilInForce(digest: string): Promise<void> {
    const vmId = `warmroute-${digest.replace("sha256:", "")}`;
    await until(
      `${vmId} is in force`,
      async () => (await wasmOf(rig.gateway, LLM_LISTENER))?.vm_config.vm_id === vmId,
      CHANGE_TIMEOUT_MS,
    );
  }

  test("a new version fails no request, and knows what the old one knew", async (t) => {
    const known = new Map<string, string>();
    for (let i = 0; i < ASLEEP; i++) {
      const prompt = promptOf(`asleep ${i}`);
      known.set(prompt, ((await ask(prompt)) as Answer).pod);
    }
    const second = await push("v2", filterVersion("v2"));
    const traffic = startTraffic();
    await rig.apply(second);
    await untilInForce(second.digest);
    // Each prompt is sent once: what the new version answers it cannot have learnt itself.
    let inARow = 0;
    for (const [prompt, pod] of known) {
      const answer = (await ask(prompt)) as Answer;
      const isKnown = answer.decision.reason === "prefix" && answer.pod === pod;
      inARow = isKnown ? inARow + 1 : 0;
      if (inARow >= WARM_IN_A_ROW) break;
    }
    await until("the old one's connections are gone", async () => !(await isDraining(rig.gateway)));
    const outcomes = await traffic.stop();
    assert.ok(inARow >= WARM_IN_A_ROW, `only ${inARow} known in a row`);
    t.diagnostic(`traffic during the change: ${JSON.stringify([...outcomes])}`);
    assert.deepEqual([...outcomes.keys()], ["200"]);
  });

  test("a configuration with a mistake is refused, and the one in force serves on", async () => {
    const mark = rig.gateway.log().length;
    const traffic = startTraffic();
    const now = (await wasmOf(rig.gateway, LLM_LISTENER))?.configuration?.value;
    const image = `${REPOSITORY}:v2`;
    const digest = await digestInForce();
    await rig.apply({ image, digest, config: { slackMillis: 20 } });
    await until(
      "Envoy refuses",
      () => /Envoy rejected the last update/.test(rig.gateway.log().slice(mark)),
      CHANGE_TIMEOUT_MS,
    );
    assert.match(
      rig.gateway.log().slice(mark),
      /configuration refused: slackMillis is not a known key/,
    );
    const outcomes = await traffic.stop();
    assert.deepEqual([...outcomes.keys()], ["200"]);
    assert.equal((await wasmOf(rig.gateway, LLM_LISTENER))?.configuration?.value, now);
    // And one without the mistake is taken.
    await rig.apply({ image, digest, config: { slackMs: 21 } });
    await until(
      "the good configuration is in force",
      async () =>
        /"slackMs":21/.test((await wasmOf(rig.gateway, LLM_LISTENER))?.configuration?.value ?? ""),
      CHANGE_TIMEOUT_MS,
    );
  });

  test("a module that does not load is refused by image", async () => {
    const path = join(rig.folder, "bad.wasm");
    writeFileSync(path, await compile(BAD_MODULE));
    await assert.rejects(checkModule(path), { message: /missing import: env\.proxy_clear_route/ });
  });

  /** Puts an image on the second listener, under traffic on the first. */
  async function tryNext(next: FilterImage, shows: () => Promise<unknown>): Promise<void> {
    const traffic = startTraffic();
    await rig.apply({ image: `${REPOSITORY}:v2`, digest: await digestInForce(), next });
    await shows();
    assert.deepEqual([...(await traffic.stop()).keys()], ["200"]);
  }

  test("pushed all the same, on a second listener, it harms no one on the first", async () => {
    const bad = await push("bad", await compile(BAD_MODULE));
    await tryNext(bad, () => askUntil("503 there", () => promptOf("x"), isUnavailable, NEXT_URL));
    assert.match(rig.gateway.log(), /missing import: env\.proxy_clear_route_cache/);
  });

  test("a good one on the second listener routes", async () => {
    const good = await push("v3", filterVersion("v3"));
    await tryNext(good, () => untilRouted(NEXT_URL));
  });

  test("with a mistake in its configuration a new version answers 503", async () => {
    const mistaken = { ...(await push("v4", filterVersion("v4"))), config: { slackMillis: 20 } };
    await tryNext(mistaken, () =>
      askUntil("503 there", () => promptOf("x"), isUnavailable, NEXT_URL),
    );
  });

  async function digestInForce(): Promise<string> {
    const wasm = await wasmOf(rig.gateway, LLM_LISTENER);
    return wasm?.vm_config.vm_id.replace("warmroute-", "sha256:") ?? "";
  }
});

function isUnavailable({ status }: Answer): boolean {
  return status === 503;
}
