// `warmroute migrate` as a person runs it: files or the standard input, stdout, stderr, exit code.
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { describe, test } from "node:test";
import { fileURLToPath } from "node:url";
import { projectPath } from "../../scripts/config/project.js";
import { at, byLabel, QWQ } from "./support/run.js";

const WARMROUTE = fileURLToPath(new URL("../../scripts/warmroute.js", import.meta.url));
const SEEDS = projectPath("tests", "fixtures", "seeds", "qwq");
const FILES = QWQ.map(({ name }) => `${SEEDS}/${name}`);

function run(args: string[], input = ""): { status: number | null; out: string; err: string } {
  const options = { input, encoding: "utf8" as const, timeout: 60_000 };
  const { status, stdout, stderr } = spawnSync(process.execPath, [WARMROUTE, ...args], options);
  return { status, out: stdout, err: stderr };
}

describe("warmroute migrate", () => {
  test("files: manifests on stdout, findings on stderr, exit code 0", () => {
    const { status, out, err } = run(["migrate", ...FILES]);
    assert.equal(status, 0, err);
    assert.ok(byLabel(out).has("EnvoyExtensionPolicy default/warmroute-inference-gateway-llm-gw"));
    assert.match(err, /gateway\.yaml:34: HTTPRoute default\/backend: Service/);
    assert.match(err, /the filter's image has no digest yet; name one by --filter-image/);
  });

  test("the standard input, and every option", () => {
    const digest = "c".repeat(64);
    const args = ["migrate", "-", "--namespace", "llm", "--controller-namespace", "eg"];
    args.push("--filter-image", `r.example/filter:2@sha256:${digest}`);
    args.push(
      "--sidecar-image",
      "r.example/sidecar:2",
      "--service",
      "vllm-llama2-7b-pool=qwq-32b-v1",
    );
    // The article puts the Deployment alone into a namespace.
    const input = QWQ.map(({ text }) => text.replace("  namespace: default\n", "")).join("---\n");
    const { status, out, err } = run(args, input);
    assert.equal(status, 0, err);
    const objects = byLabel(out);
    assert.ok(objects.has("Deployment llm/qwq-32b"));
    assert.ok(objects.has("ConfigMap eg/warmroute-llm-inference-gateway"));
    assert.ok(objects.has("NetworkPolicy eg/warmroute-llm-inference-gateway"));
    const binding = objects.get("RoleBinding llm/warmroute-llm-inference-gateway");
    assert.equal(at(binding, "subjects.0.namespace"), "eg");
    const policy = objects.get("EnvoyExtensionPolicy llm/warmroute-inference-gateway-llm-gw");
    assert.deepEqual(at(policy, "spec.wasm.0.code.image"), {
      url: "r.example/filter:2",
      sha256: digest,
    });
    const pod = "spec.provider.kubernetes.envoyDeployment.patch.value.spec.template.spec";
    const proxy = objects.get("EnvoyProxy llm/warmroute-inference-gateway");
    assert.equal(at(proxy, `${pod}.initContainers.0.image`), "r.example/sidecar:2");
    assert.doesNotMatch(err, /^(error|warning)/m);
  });

  test("something wrong: nothing on stdout, exit code 1", () => {
    const { status, out, err } = run(["migrate", "-"], "kind: Service\n");
    assert.equal(status, 1);
    assert.equal(out, "");
    assert.equal(err, "error: -:1: Service: this is no Kubernetes object: no apiVersion\n");
  });

  test("a file that is not there: exit code 2", () => {
    const { status, out, err } = run(["migrate", "no-such-file.yaml"]);
    assert.equal(status, 2);
    assert.equal(out, "");
    assert.match(err, /^error: no-such-file\.yaml: ENOENT/);
  });

  test("options of a wrong form name what is allowed", () => {
    const image = run(["migrate", ...FILES, "--filter-image", "r.example/filter:2"]);
    assert.notEqual(image.status, 0);
    assert.match(image.err, /allowed is NAME:TAG@sha256:, then 64 hexadecimal digits/);
    const service = run(["migrate", ...FILES, "--service", "a"]);
    assert.notEqual(service.status, 0);
    assert.match(service.err, /allowed is OLD=NEW/);
  });
});
