// Every shipped manifest is right: for the API server, strictly, and for the gateway's own tool.
import assert from "node:assert/strict";
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { before, describe, test } from "node:test";
import { parse, parseAllDocuments } from "yaml";
import type { KubeObject } from "../support/kube-api.js";
import { runProgram } from "../support/kubectl.js";
import { ROOT, tool } from "../support/tools.js";
import type { World } from "../support/world.js";
import { until } from "./client.js";
import { get } from "./the-world.js";

const MANIFESTS = join(ROOT, "manifests");
const FIXTURES = join(ROOT, "tests/gateway/fixtures/crds");
/** Kinds of operators that do not run here; all others must be known to the API server. */
const ELSEWHERE = /^(monitoring\.coreos\.com|keda\.sh)\//;
/** What Envoy Gateway's own tool knows. */
const GATEWAY_KINDS = /^gateway\.(networking\.k8s\.io|envoyproxy\.io)\//;
/** Not for a cluster: there Envoy is a process of the machine. */
const STANDALONE = "standalone";
const CRDS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions";
const POOLS_CRD = "inferencepools.inference.networking.x-k8s.io";

/** The folders below manifests/ that can be applied: all with a kustomization but components. */
const FOLDERS = readdirSync(MANIFESTS, { recursive: true, encoding: "utf8" })
  .filter((name) => name.endsWith("kustomization.yaml"))
  .map((name) => dirname(name))
  .filter((name) => !name.startsWith("components"))
  .sort();

interface Crd extends KubeObject {
  spec: { versions: { name: string; storage: boolean }[] };
}

/** By folder: what `kubectl kustomize` makes of it. */
const rendered = new Map<string, KubeObject[]>();

describe("the shipped manifests", () => {
  before(async () => {
    for (const folder of FOLDERS) {
      const text = await get().rig.kubectl(["kustomize", join(MANIFESTS, folder)]);
      const documents = parseAllDocuments(text);
      rendered.set(
        folder,
        documents.map((document) => document.toJS() as KubeObject),
      );
    }
    for (const name of ["inference", "monitoring"]) {
      const namespace = { apiVersion: "v1", kind: "Namespace", metadata: { name } };
      await get().rig.kubectl(["apply", "-f", "-"], JSON.stringify(namespace));
    }
    await serveOldKinds(get());
    await serveLeaderWorkerSets(get());
  });

  for (const folder of FOLDERS.filter((name) => name !== STANDALONE)) {
    test(`manifests/${folder} holds no unknown field and no wrong value`, async () => {
      const objects = rendered.get(folder) ?? [];
      assert.ok(objects.length > 0);
      const served = objects.filter(({ apiVersion = "" }) => !ELSEWHERE.test(apiVersion));
      if (served.length === 0) return;
      const list = { apiVersion: "v1", kind: "List", items: served };
      const args = ["apply", "--dry-run=server", "--validate=strict", "-f", "-"];
      await get().rig.kubectl(args, JSON.stringify(list));
    });
  }

  test("the gateway's own validation passes all of them", async () => {
    const objects = [...rendered.values()].flat();
    const known = objects.filter(({ apiVersion = "" }) => GATEWAY_KINDS.test(apiVersion));
    const texts = new Set(known.map((one) => JSON.stringify(one)));
    assert.ok(texts.size > FOLDERS.length);
    const file = join(get().rig.folder, "validate.yaml");
    writeFileSync(file, [...texts].join("\n---\n"));
    const args = ["experimental", "validate", "-f", file];
    const { code, stdout, stderr } = await runProgram(tool("WARMROUTE_EGCTL_BIN"), args);
    assert.equal(code, 0, stdout + stderr);
    assert.match(stdout, /OK/);
  });
});

async function serveLeaderWorkerSets({ rig }: World): Promise<void> {
  const from = ["-f", join(tool("WARMROUTE_CRDS"), "leaderworkerset")];
  await rig.kubectl(["apply", "--server-side", ...from]);
  await until("LeaderWorkerSets are served", async () => {
    const groups = await rig.api.get<{ groups: { name: string }[] }>("/apis");
    return groups.groups.some(({ name }) => name === "leaderworkerset.x-k8s.io");
  });
}

/** Adds the kinds that only clusters of 2025 have, from the fixtures. */
async function serveOldKinds({ rig }: World): Promise<void> {
  await rig.kubectl(["apply", "-f", join(FIXTURES, "inferencemodels.yaml")]);
  const text = readFileSync(join(FIXTURES, "inferencepools-v1alpha1.yaml"), "utf8");
  const oldest = (parse(text) as Crd).spec.versions.map((one) => ({ ...one, storage: false }));
  const crd = await rig.api.get<Crd>(`${CRDS}/${POOLS_CRD}`);
  const names = new Set(crd.spec.versions.map(({ name }) => name));
  const versions = [...crd.spec.versions, ...oldest.filter(({ name }) => !names.has(name))];
  await rig.api.patch(`${CRDS}/${POOLS_CRD}`, { spec: { versions } });
}
