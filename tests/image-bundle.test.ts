// The sidecar's bundle: one file that runs alone, in a folder that it may not write, without root.
import assert from "node:assert/strict";
import { chmodSync, copyFileSync, mkdirSync, mkdtempSync, readFileSync } from "node:fs";
import { readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { freePort } from "../lab/ports.js";
import { start, type Child } from "../lab/processes.js";
import { bundleSidecar, LICENCES_FILE, SBOM_FILE, SIDECAR_FILE } from "../scripts/bundle.js";
import { projectPath } from "../scripts/config/project.js";

/** The user of the container. */
const USER_ID = 65_532;

describe("the sidecar's bundle", () => {
  const folder = mkdtempSync(join(tmpdir(), "warmroute-bundle-"));
  const made = join(folder, "made");
  const alone = join(folder, "alone");
  after(() => rmSync(folder, { recursive: true, force: true }));

  before(async () => {
    await bundleSidecar(made);
    mkdirSync(alone);
    copyFileSync(join(made, SIDECAR_FILE), join(alone, SIDECAR_FILE));
    chmodSync(alone, 0o555);
    // The folder that mkdtemp makes is its owner's alone.
    chmodSync(folder, 0o755);
  });

  /** Runs the bundle as the container would: another user, nowhere to write, no environment. */
  async function run(args: string[], readyUrl?: string): Promise<Child> {
    const program = [process.execPath, join(alone, SIDECAR_FILE), ...args];
    const asUser = ["setpriv", `--reuid=${USER_ID}`, `--regid=${USER_ID}`, "--clear-groups", "--"];
    const isRoot = process.getuid?.() === 0;
    const [command = "", ...rest] = ["env", "-i", ...(isRoot ? asUser : []), ...program];
    const ready = readyUrl === undefined ? {} : { readyUrl };
    return await start({ name: "bundle", command, args: rest, cwd: alone, ...ready });
  }

  function config(name: string, value: object): string {
    const path = join(folder, name);
    writeFileSync(path, JSON.stringify(value), { mode: 0o644 });
    return path;
  }

  test("serves, with the modules that it loads only when used, and ends on SIGTERM", async () => {
    const port = await freePort();
    const path = config("sidecar.yaml", {
      listen: { port },
      pools: [{ name: "default", pods: { static: ["127.0.0.1:1"] } }],
    });
    const url = `http://127.0.0.1:${port}`;
    const child = await run(["--config", path], `${url}/healthz`);
    for (const [at, text] of [
      ["/", /<html/],
      ["/metrics", /^warmroute_/m],
      ["/v1/pools", /"default"/],
    ] as const) {
      const answer = await fetch(url + at);
      assert.equal(answer.status, 200);
      assert.match(await answer.text(), text);
    }
    assert.match(child.output, /"msg":"listening"/);
    await child.stop();
    assert.equal(child.exitCode, 0);
    assert.deepEqual(readdirSync(alone), [SIDECAR_FILE]);
  });

  test("looks for pools in Kubernetes, and says that nobody is there", async () => {
    const port = await freePort();
    const cluster = { name: "c", cluster: { server: `https://127.0.0.1:${await freePort()}` } };
    const kubeconfig = config("kubeconfig.json", {
      apiVersion: "v1",
      kind: "Config",
      "current-context": "c",
      contexts: [{ name: "c", context: { cluster: "c", user: "u", namespace: "default" } }],
      clusters: [cluster],
      users: [{ name: "u", user: { token: "t" } }],
    });
    const path = config("kubernetes.yaml", { listen: { port }, kubernetes: { kubeconfig } });
    const checked = await run(["--check", "--config", path]);
    await checked.ended();
    assert.equal(checked.exitCode, 0, checked.output);
    const child = await run(["--config", path], `http://127.0.0.1:${port}/healthz`);
    const answer = await fetch(`http://127.0.0.1:${port}/v1/pools`);
    const { problems } = (await answer.json()) as { problems: { text: string }[] };
    assert.match(problems[0]?.text ?? "", /API server https:\/\/127\.0\.0\.1:\d+ .*ECONNREFUSED/);
    await child.stop();
    assert.equal(child.exitCode, 0);
  });

  test("a configuration is checked", async () => {
    const path = config("bad.yaml", { listen: { port: 99_999 }, pools: [] });
    const child = await run(["--check", "--config", path]);
    await child.ended();
    assert.equal(child.exitCode, 2);
    assert.match(child.output, /listen\.port: 99999 is not allowed/);
  });

  test("the same sources make the same bytes", async () => {
    const again = join(folder, "again");
    await bundleSidecar(again);
    for (const file of readdirSync(made)) {
      assert.ok(readFileSync(join(made, file)).equals(readFileSync(join(again, file))), file);
    }
  });

  test("each package in it comes with its licence", () => {
    const text = readFileSync(join(made, LICENCES_FILE), "utf8");
    for (const name of ["pino", "prom-client", "undici", "yaml", "zod", "commander"]) {
      assert.match(text, new RegExp(`^${name} \\d+\\.\\d+\\.\\d+ \\([A-Za-z0-9.-]+\\)$`, "m"));
    }
    assert.match(text, /Permission is hereby granted, free of charge/);
  });
});

describe("the sidecar's Dockerfile", () => {
  const text = readFileSync(projectPath("sidecar-metrics", "Dockerfile"), "utf8");
  const steps = text
    .split("\n")
    .filter((line) => line !== "" && !line.startsWith("#"))
    .map((line) => {
      const [name = "", ...rest] = line.split(" ");
      return { name, value: rest.join(" ") };
    });
  const values = (name: string): string[] =>
    steps.filter((step) => step.name === name).map((step) => step.value);

  test("a base pinned to a version, and no step that fetches or builds", () => {
    assert.match(values("ARG")[0] ?? "", /^NODE_IMAGE=docker\.io\/library\/node:20\.\d+\.\d+-/);
    const names = ["ARG", "FROM", "COPY", "USER", "WORKDIR", "EXPOSE", "ENTRYPOINT"];
    assert.deepEqual(
      steps.map((step) => step.name),
      names,
    );
  });

  test("the user is a number that is not root, the same as in the test above", () => {
    assert.deepEqual(values("USER"), [`${USER_ID}:${USER_ID}`]);
  });

  test("it copies what the bundle writes, and starts that", () => {
    assert.deepEqual(values("COPY"), [
      `${SIDECAR_FILE} LICENSE ${LICENCES_FILE} ${SBOM_FILE} /warmroute/`,
    ]);
    assert.deepEqual(JSON.parse(values("ENTRYPOINT")[0] ?? ""), [
      "node",
      `/warmroute/${SIDECAR_FILE}`,
    ]);
  });
});
