// A registry that asks for a login: pushing to it, pulling from it, and what a wrong one shows.
import assert from "node:assert/strict";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import type { Answer } from "../../e2e/support/rig.js";
import { FILTER_WASM } from "../support/tools.js";
import { ask, askUntil, promptOf, untilRouted } from "./support/ask.js";
import { digestOf, imageCommand } from "./support/image-command.js";
import { LOGIN } from "./support/registry.js";
import { HTTP_URL, LOGIN_REGISTRY, startRig, type Rig } from "./support/rig.js";

const IMAGE = `${LOGIN_REGISTRY}/warmroute/filter:0.1.0`;

describe("a registry with a login", () => {
  let rig: Rig;
  let digest = "";

  before(async () => {
    rig = await startRig();
  });
  after(async () => {
    await rig?.stop();
  });

  async function push(password: string): Promise<Awaited<ReturnType<typeof imageCommand>>> {
    const out = ["--wasm", FILTER_WASM, "--out", join(rig.folder, "image")];
    const args = [...out, "--push", IMAGE, "--username", LOGIN.username];
    return await imageCommand(args, { WARMROUTE_REGISTRY_PASSWORD: password });
  }

  test("image --push with a wrong password fails and says as whom", async () => {
    const { code, stdout, stderr } = await push("a-wrong-password");
    assert.equal(code, 1);
    assert.equal(stdout, "");
    assert.match(stderr, /answered 401 .*\(as warmroute, from --username warmroute\)/);
    assert.doesNotMatch(stderr, /a-wrong-password/);
  });

  test("image --push with the right one sends it", async () => {
    const output = await push(LOGIN.password);
    assert.equal(output.code, 0, output.stderr);
    digest = digestOf(output);
  });

  test("a wrong pull secret: no filter on llm-gw, and the gateway's log says why", async () => {
    const pull = { host: LOGIN_REGISTRY, ...LOGIN, password: "a-wrong-password" };
    await rig.apply({ image: IMAGE, digest, pull });
    const { decision } = await askUntil(
      "llm-gw answers",
      () => promptOf("x"),
      ({ status }) => status === 200,
    );
    assert.equal(decision.pod, "");
    assert.match(rig.gateway.log(), /could not fetch Wasm OCI image: .*UNAUTHORIZED/);
    const plain = (await ask(promptOf("x"), HTTP_URL)) as Answer;
    assert.equal(plain.status, 200);
  });

  test("the right pull secret is taken without a restart", async () => {
    await rig.apply({ image: IMAGE, digest, pull: { host: LOGIN_REGISTRY, ...LOGIN } });
    await untilRouted();
  });
});
