// The filter's image cannot be had, under traffic: what each listener answers, and the way back.
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { until } from "../../../lab/processes.js";
import { promise } from "../../faults/support/promise-table.js";
import { askUntil, promptOf, untilRouted } from "./support/ask.js";
import { LLM_LISTENER, wasmOf } from "./support/envoy-state.js";
import { filterVersion, pushModule } from "./support/images.js";
import { untilAccepted } from "./support/policy-status.js";
import { LOGIN } from "./support/registry.js";
import {
  HTTP_URL,
  LOGIN_REGISTRY,
  NEXT_URL,
  REGISTRY,
  startRig,
  type Applied,
  type Rig,
} from "./support/rig.js";
import { Watch, type Ending, type Tally } from "./support/watch.js";

const REPOSITORY = `${REGISTRY}/warmroute/filter`;
const LOGIN_IMAGE = `${LOGIN_REGISTRY}/warmroute/filter:v1`;
/** A tag that nobody pushed, and a digest that no image has. */
const ABSENT = `${REPOSITORY}:absent`;
const OTHER = `sha256:${"1".repeat(64)}`;
/** How long nothing comes back by itself, to show that it does not. */
const IDLE_MS = 2000;
const CHANGE_TIMEOUT_MS = 120_000;
const GOES_ON = "listener and running filter go on";
const SERVES = "the listener goes on, by LeastRequest; Envoy Gateway takes the filter off";

describe("the filter's image cannot be had", () => {
  let rig: Rig;
  let watch: Watch;
  let digest = "";
  const good = (): Applied => ({ image: `${REPOSITORY}:v1`, digest });
  const login = (password: string): Applied => {
    const pull = { host: LOGIN_REGISTRY, ...LOGIN, password };
    return { image: LOGIN_IMAGE, digest, pull };
  };

  before(async () => {
    rig = await startRig();
    digest = await pushModule(filterVersion("v1"), `${REPOSITORY}:v1`, rig.folder);
    await pushModule(filterVersion("v1"), LOGIN_IMAGE, rig.folder, LOGIN);
    await rig.apply(good());
    await untilRouted();
    watch = new Watch();
    await watch.untilAll("chosen");
  });
  after(async () => {
    await watch?.stop();
    await rig?.stop();
  });

  /** Applies, waits for the status and for what requests meet then, and goes back to `right`. */
  async function meet(fault: {
    name: string;
    settings: Applied;
    message: RegExp;
    meets?: Ending;
    right?: Applied;
  }): Promise<void> {
    const { name, settings, message, meets = "plain", right = good() } = fault;
    const fromMs = performance.now();
    await rig.apply(settings);
    const accepted = await untilAccepted(rig.gateway, "False", message);
    await watch.untilAll(meets);
    const backMs = performance.now();
    await rig.apply(right);
    const chosenMs = await watch.untilAll("chosen");
    await untilAccepted(rig.gateway, "True", /./);
    const tally = watch.tally(fromMs);
    const measured = `${words(tally)}; right again: chosen after ${seconds(chosenMs - backMs)}`;
    const promised = meets === "plain" ? SERVES : "500 until it is right again";
    promise(name, promised, `${measured}; ${statusOf(accepted)}`);
    assert.equal(tally.http.failed, 0);
    if (meets === "plain") assert.equal(tally.llm.failed, 0, `failed: ${tally.failures.join()}`);
    else assert.deepEqual(tally.failures, ["500"]);
  }

  test("a tag that is gone: with the digest that it had, nothing changes", async () => {
    const fromMs = performance.now();
    await applyAnother({ image: ABSENT, digest });
    const tally = watch.tally(fromMs);
    promise("tag gone, its digest pulled before", GOES_ON, words(tally));
    assert.deepEqual([tally.llm.plain, tally.llm.failed, tally.http.failed], [0, 0, 0]);
  });

  test("a tag that does not exist", async () => {
    const settings = { image: ABSENT, digest: OTHER };
    await meet({ name: "tag missing", settings, message: /MANIFEST_UNKNOWN/ });
  });

  test("a digest that is not the tag's", async () => {
    const settings = { ...good(), digest: OTHER };
    const hex = digest.replace("sha256:", "");
    const message = new RegExp(`checksum ${hex}, which does not match: 1{64}`);
    await meet({ name: "wrong digest", settings, message });
  });

  test("a pull secret that is wrong, and one that is not there", async () => {
    const right = login(LOGIN.password);
    const wrong = login("a-wrong-password");
    const absent: Applied = { ...right, pull: "absent" };
    await applyAnother(right);
    await meet({ name: "pull secret wrong", settings: wrong, message: /UNAUTHORIZED/, right });
    await meet({ name: "pull secret missing", settings: absent, message: /does not exist/ });
  });

  test("with failOpen: false the listener answers 500", async () => {
    const settings = { image: ABSENT, digest: OTHER, failOpen: false };
    const name = "tag missing, failOpen: false";
    await meet({ name, settings, message: /MANIFEST_UNKNOWN/, meets: "failed" });
  });

  test("on the canary's listener it shows, and harms no one on llm-gw", async () => {
    const fromMs = performance.now();
    await rig.apply({ ...good(), next: { image: ABSENT, digest: OTHER } });
    const isBroken = ({ status }: { status: number }): boolean => status === 500;
    await askUntil("500 on the canary", () => promptOf("x"), isBroken, NEXT_URL);
    await watch.untilAll("chosen");
    const tally = watch.tally(fromMs);
    promise("tag missing on the canary", `${GOES_ON}; 500 on the canary`, words(tally));
    assert.deepEqual([tally.llm.plain, tally.llm.failed, tally.http.failed], [0, 0, 0]);
  });

  test("the registry is down: what was pulled goes on, with changes", async () => {
    const fromMs = performance.now();
    await rig.registry.stop();
    await rig.apply({ ...good(), config: { slackMs: 21 } });
    await until("the change is in force", () => isConfigured(21), CHANGE_TIMEOUT_MS);
    await watch.untilAll("chosen");
    const tally = watch.tally(fromMs);
    promise("registry down, configuration changed", GOES_ON, words(tally));
    assert.deepEqual([tally.llm.plain, tally.llm.failed, tally.http.failed], [0, 0, 0]);
  });

  test("Envoy Gateway starts while it is down: no filter until the next change", async () => {
    await rig.gateway.restart();
    // Its Envoy ended with it: standalone there is no listener meanwhile.
    await askUntil(
      "http answers",
      () => promptOf("x"),
      ({ status }) => status === 200,
      HTTP_URL,
    );
    const accepted = await untilAccepted(rig.gateway, "False", /connection refused/);
    await watch.untilAll("plain");
    const fromMs = performance.now();
    await rig.registry.start();
    await sleep(IDLE_MS);
    const idle = watch.tally(fromMs);
    const changeMs = performance.now();
    await rig.apply({ ...good(), config: { slackMs: 22 } });
    const chosenMs = await watch.untilAll("chosen");
    const tally = watch.tally(fromMs);
    const back = `registry back: ${idle.llm.chosen} chosen in ${seconds(IDLE_MS)} without a change`;
    const changed = `chosen ${seconds(chosenMs - changeMs)} after one`;
    const name = "registry down, Envoy Gateway restarted";
    promise(name, SERVES, `${words(tally)}; ${back}, ${changed}; ${statusOf(accepted)}`);
    assert.deepEqual([tally.llm.failed, tally.http.failed, idle.llm.chosen], [0, 0, 0]);
  });

  /** Applies another image name, and waits until Envoy has what Envoy Gateway made of it. */
  async function applyAnother(settings: Applied): Promise<void> {
    // Envoy Gateway serves the module at a path of its own for each name.
    const code = async (): Promise<string> =>
      JSON.stringify((await wasmOf(rig.gateway, LLM_LISTENER))?.vm_config.code);
    const before = await code();
    await rig.apply(settings);
    await until("the change is in force", async () => (await code()) !== before, CHANGE_TIMEOUT_MS);
    await watch.untilAll("chosen");
  }

  async function isConfigured(slackMs: number): Promise<boolean> {
    const value = (await wasmOf(rig.gateway, LLM_LISTENER))?.configuration?.value ?? "";
    return value.includes(`"slackMs":${slackMs}`);
  }
});

function words({ llm, http, failures }: Tally): string {
  const why = failures.length === 0 ? "" : ` (${failures.join(", ")})`;
  const routed = `${llm.chosen} chosen, ${llm.plain} by LeastRequest, ${llm.failed} failed${why}`;
  return `llm-gw: ${routed}; http: ${http.plain} served, ${http.failed} failed`;
}

function statusOf({ status, message }: { status: string; message: string }): string {
  return `Accepted=${status} ${message.replace(/[0-9a-f]{64}/g, (hex) => `${hex.slice(0, 8)}...`)}`;
}

function seconds(ms: number): string {
  return `${(ms / 1000).toFixed(1)} s`;
}
