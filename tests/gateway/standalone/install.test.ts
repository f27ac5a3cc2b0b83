// The standalone gateway with the shipped manifests: image pushed by our own command and pulled.
import assert from "node:assert/strict";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { FILTER_WASM } from "../support/tools.js";
import { ask, isRouted, promptOf, untilAll, untilRouted } from "./support/ask.js";
import { filtersOf, HTTP_LISTENER, LLM_LISTENER, wasmOf } from "./support/envoy-state.js";
import { FIGURES, measureApply, measurePodSet } from "./support/figures.js";
import { digestOf, imageCommand } from "./support/image-command.js";
import { HTTP_URL, LLM_URL, REGISTRY, startRig, type Rig } from "./support/rig.js";
import type { Answer } from "../../e2e/support/rig.js";

const IMAGE = `${REGISTRY}/warmroute/filter:0.1.0`;
const DESTINATION = "x-gateway-destination-endpoint";

describe("the standalone gateway", () => {
  let rig: Rig;
  let digest = "";

  before(async () => {
    rig = await startRig();
  });
  after(async () => {
    await rig?.stop();
  });

  test("image --push sends the image, and prints what the policies need", async () => {
    const out = join(rig.folder, "image");
    const pushed = await imageCommand(["--wasm", FILTER_WASM, "--out", out, "--push", IMAGE]);
    assert.equal(pushed.code, 0, pushed.stderr);
    digest = digestOf(pushed);
    assert.match(
      pushed.stdout,
      /^127\.0\.0\.1:5000\/warmroute\/filter:0\.1\.0@sha256:[0-9a-f]{64}\n$/,
    );
    assert.match(pushed.stderr, new RegExp(`sha256: "${digest.slice("sha256:".length)}"`));
    // The registry's own word on what the tag leads to.
    const answer = await fetch(`http://${REGISTRY}/v2/warmroute/filter/manifests/0.1.0`, {
      method: "HEAD",
      headers: { accept: "application/vnd.oci.image.manifest.v1+json" },
    });
    assert.equal(answer.headers.get("docker-content-digest"), digest);
    const again = await imageCommand(["--wasm", FILTER_WASM, "--out", out, "--push", IMAGE]);
    assert.equal(digestOf(again), digest);
    assert.match(again.stderr, /pushed, 0 blobs sent, 2 were there/);
  });

  test("the manifests, applied to an empty gateway, route a request", async (t) => {
    const ms = await measureApply(rig, { image: IMAGE, digest });
    t.diagnostic(`figure: ${FIGURES.apply}: ${Math.round(ms)} ms`);
    await untilRouted();
  });

  test("the filter is on llm-gw, with all that the patch sets, and not on http", async () => {
    const names = (await filtersOf(rig.gateway, HTTP_LISTENER)).map(({ name }) => name);
    assert.deepEqual(names, ["envoy.filters.http.router"]);
    const wasm = await wasmOf(rig.gateway, LLM_LISTENER);
    assert.equal(wasm?.vm_config.vm_id, `warmroute-${digest.replace("sha256:", "")}`);
    assert.equal(wasm.allow_on_headers_stop_iteration, true);
    assert.equal(wasm.failure_policy, "FAIL_RELOAD");
    assert.equal(wasm.reload_config?.backoff.base_interval, "0.200s");
  });

  test("a prompt goes back to the pod that knows it, whichever worker is asked", async () => {
    const prompt = promptOf("known");
    const first = (await ask(prompt)) as Answer;
    assert.equal(first.decision.reason, "cold");
    // Two workers that are asked at once may each take it to another pod, before they share it.
    let pod = "";
    const isBack = (answer: Answer): boolean => {
      const isSame = answer.decision.reason === "prefix" && answer.pod === pod;
      pod = answer.pod;
      return isSame;
    };
    await untilAll("every worker sends it back", prompt, isBack);
  });

  test("http sends the same prompt anywhere, and the filter sees none of it", async () => {
    const pods = new Set<string>();
    for (let i = 0; i < 40; i++) {
      const answer = (await ask(promptOf("known"), HTTP_URL)) as Answer;
      assert.equal(answer.status, 200);
      assert.equal(answer.headers["x-warmroute-decision"], undefined);
      pods.add(answer.pod);
    }
    assert.ok(pods.size > 1, "one pod got all of 40 requests");
  });

  test("a client's own destination is not followed on either listener", async () => {
    const known = (await ask(promptOf("known"))) as Answer;
    const others = rig.pods.filter(({ name }) => name !== known.pod);
    const wish = others[0]?.address ?? "";
    for (const url of [LLM_URL, HTTP_URL]) {
      const pods = new Set<string>();
      for (const pod of rig.pods) pod.received.length = 0;
      for (let i = 0; i < 30; i++) {
        const answer = (await ask(promptOf("known"), url, { [DESTINATION]: wish })) as Answer;
        pods.add(answer.pod);
      }
      assert.ok(pods.has(known.pod), `at ${url} all went where the client wished`);
      const headers = rig.pods.flatMap(({ received }) => received.map((one) => one.headers));
      assert.ok(headers.every((one) => one[DESTINATION] !== wish));
    }
  });

  test("a pod that is listed is used, one that is no longer listed is not", async (t) => {
    const { addMs, removeMs } = await measurePodSet(rig);
    t.diagnostic(`figure: ${FIGURES.add}: ${Math.round(addMs)} ms`);
    t.diagnostic(`figure: ${FIGURES.remove}: ${Math.round(removeMs)} ms`);
    const answer = (await ask(promptOf("after"))) as Answer;
    assert.ok(isRouted(answer));
  });
});
