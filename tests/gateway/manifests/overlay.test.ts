// An overlay with every component: taken by API server and egctl, each setting carried everywhere.
import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, dirname, join, relative } from "node:path";
import { after, before, describe, test } from "node:test";
import { parseAllDocuments, stringify } from "yaml";
import { until } from "../../../lab/processes.js";
import { startApiServer, type ApiServer } from "../support/api-server.js";
import type { KubeObject } from "../support/kube-api.js";
import { kubectl, runProgram, tryKubectl } from "../support/kubectl.js";
import type { Pod } from "../support/pod-spec.js";
import { ROOT, tool } from "../support/tools.js";

const MANIFESTS = join(ROOT, "manifests");
const COMPONENTS = [
  ...["loopback", "pull-secret", "mirror", "tls-pods", "canary", "two-pools"],
  ...["sharing", "nats-credentials", "nats-tls", "nats-network"],
];
const NAMESPACES = ["envoy-gateway-system", "inference", "other-nats"];
const SETTINGS = {
  ...{ name: "other-gateway", namespace: "inference", pool: "other-pool" },
  ...{ service: "other-service", servicePort: "8123", controllerNamespace: "other-system" },
  ...{ filterImage: "registry.test/f:1", filterDigest: "1".repeat(64) },
  ...{ nextFilterImage: "registry.test/f:2", nextFilterDigest: "2".repeat(64) },
  ...{ sidecarImage: "registry.test/s:1", secondPool: "big-pool", secondService: "big" },
  ...{ gatewayReplicas: "7", natsServer: "tls://bus.test:4333", natsStreamReplicas: "5" },
  ...{ natsNamespace: "other-nats" },
};

/** The part of an EnvoyProxy that tests read. */
interface EnvoyProxy extends KubeObject {
  spec: {
    provider: {
      kubernetes: {
        envoyPDB?: object;
        envoyDeployment: { replicas: number; patch: { value: { spec: { template: Pod } } } };
      };
    };
  };
}

describe("an overlay on the shipped manifests", () => {
  let folder = "";
  let server: ApiServer | undefined;

  before(async () => {
    folder = mkdtempSync(join(tmpdir(), "warmroute-manifests-"));
    server = await startApiServer({ folder: join(folder, "api") });
    const from = ["-f", join(tool("WARMROUTE_CRDS"), "gateway")];
    await kubectl(server.kubeconfigPath, ["apply", "--server-side", ...from]);
    for (const name of NAMESPACES) await kubectl(server.kubeconfigPath, ["create", "ns", name]);
    const wait = ["wait", "crd", "--all", "--for", "condition=Established", "--timeout", "60s"];
    await kubectl(server.kubeconfigPath, wait);
  });
  after(async () => {
    await server?.stop();
    rmSync(folder, { recursive: true, force: true });
  });

  const render = async (path: string): Promise<KubeObject[]> => {
    const text = await kubectl((server as ApiServer).kubeconfigPath, ["kustomize", path]);
    return parseAllDocuments(text).map((document) => document.toJS() as KubeObject);
  };

  const check = async (objects: KubeObject[]): Promise<void> => {
    assert.ok(objects.length > 0);
    const how = ["apply", "--server-side", "--dry-run=server", "--validate=strict", "-f", "-"];
    const { kubeconfigPath } = server as ApiServer;
    await until("the API server takes them", async () => {
      // A kind that was only just defined may not be served yet.
      const { code, stderr } = await tryKubectl(kubeconfigPath, how, toYaml(objects));
      if (code !== 0 && !stderr.includes("no matches for kind")) throw new Error(stderr);
      return code === 0;
    });
    const file = join(folder, "rendered.yaml");
    writeFileSync(file, toYaml(objects));
    const { stdout } = await runProgram(tool("WARMROUTE_EGCTL_BIN"), ["x", "validate", "-f", file]);
    assert.match(stdout, /OK/);
  };

  describe("with all components", () => {
    let objects: KubeObject[] = [];
    before(async () => {
      objects = await render(writeOverlay(folder, COMPONENTS));
    });

    test("are taken by both", async () => {
      const inPlace = objects.map((one) =>
        one.metadata.namespace === SETTINGS.controllerNamespace
          ? { ...one, metadata: { ...one.metadata, namespace: "envoy-gateway-system" } }
          : one,
      );
      await check(inPlace);
    });

    test("hold nothing of base's names, namespaces, pool, Service and images", () => {
      const text = toYaml(withoutTexts(objects));
      const old = /inference-gateway|\bdefault\b|vllm-pool|ghcr\.io|envoy-gateway-system|0{64}/;
      assert.deepEqual(
        text.split("\n").filter((line) => old.test(line)),
        [],
      );
      for (const value of Object.values(SETTINGS)) assert.ok(text.includes(value), value);
      assert.ok(!objects.some(({ metadata }) => metadata.name === "warmroute-settings"));
    });

    test("let the replicas share: under one key, over the NATS of the settings", () => {
      const proxy = objects.find(({ kind }) => kind === "EnvoyProxy") as EnvoyProxy;
      const { envoyDeployment, envoyPDB } = proxy.spec.provider.kubernetes;
      assert.deepEqual([envoyDeployment.replicas, envoyPDB], [7, { maxUnavailable: 1 }]);
      const { initContainers = [], volumes = [] } = envoyDeployment.patch.value.spec.template.spec;
      const { env = [], volumeMounts = [] } = initContainers[0] ?? {};
      const of = (name: string) => env.find((one) => one.name === name);
      assert.equal(of("WARMROUTE_HASH_KEY")?.valueFrom?.secretKeyRef?.optional, false);
      const name = of("WARMROUTE_SHARING_NAME")?.valueFrom?.fieldRef?.fieldPath;
      assert.equal(name, "metadata.name");
      assert.equal(of("WARMROUTE_SHARING_NATS_SERVERS_0")?.value, "tls://bus.test:4333");
      assert.equal(of("WARMROUTE_SHARING_NATS_STREAM_REPLICAS")?.value, "5");
      // Each file that a variable names is one of a Secret that is mounted there.
      const files = [
        "WARMROUTE_SHARING_NATS_CREDENTIALS_FILE",
        "WARMROUTE_SHARING_NATS_TLS_CA_FILE",
      ];
      for (const file of files.map((one) => of(one)?.value ?? "")) {
        const mount = volumeMounts.find(({ mountPath }) => mountPath === dirname(file));
        const { secret } = volumes.find((one) => one.name === mount?.name) ?? {};
        assert.equal(secret?.secretName, "warmroute-nats", file);
        assert.deepEqual(secret.items, [{ key: basename(file), path: basename(file) }]);
      }
    });

    test("both versions of the filter poll often where gateways share", () => {
      type Policy = KubeObject & { spec: { wasm: { config: { pollIntervalMs?: number } }[] } };
      const policies = objects.filter(({ kind }) => kind === "EnvoyExtensionPolicy") as Policy[];
      const intervals = policies.map(({ spec }) => spec.wasm[0]?.config.pollIntervalMs);
      assert.deepEqual(intervals, [20, 20]);
    });
  });

  test("base and an overlay that repeats its values are the same", async () => {
    const base = await render(join(MANIFESTS, "base"));
    const same = {
      ...{ name: "inference-gateway", namespace: "default", pool: "vllm-pool", service: "vllm" },
      ...{ servicePort: "8000", controllerNamespace: "envoy-gateway-system" },
      ...{ filterImage: "ghcr.io/warmroute/filter:0.1.0", filterDigest: "0".repeat(64) },
      ...{ sidecarImage: "ghcr.io/warmroute/sidecar:0.1.0" },
    };
    const overlay = await render(writeOverlay(join(folder, "same"), [], same));
    assert.deepEqual(byName(overlay), byName(base));
  });
});

/** The overlay of a user, with its settings in one file. */
function writeOverlay(folder: string, components: string[], data: object = SETTINGS): string {
  const path = join(folder, "overlay");
  mkdirSync(path, { recursive: true });
  // kustomize takes no absolute paths.
  const from = relative(realpathSync(path), realpathSync(MANIFESTS));
  const annotations = { "config.kubernetes.io/local-config": "true" };
  const metadata = { name: "warmroute-settings", annotations };
  const settings = { apiVersion: "v1", kind: "ConfigMap", metadata, data };
  writeFileSync(join(path, "settings.yaml"), stringify(settings));
  const kustomization = {
    resources: [join(from, "base"), "settings.yaml"],
    components: [...components, "settings"].map((name) => join(from, "components", name)),
  };
  writeFileSync(join(path, "kustomization.yaml"), stringify(kustomization));
  return path;
}

function toYaml(objects: KubeObject[]): string {
  return objects.map((object) => stringify(object)).join("---\n");
}

function byName(objects: KubeObject[]): Map<string, KubeObject> {
  return new Map(objects.map((one) => [`${one.kind}/${one.metadata.name}`, one]));
}

/** Without the sidecar's file, whose comments show an example of base's names. */
function withoutTexts(objects: KubeObject[]): KubeObject[] {
  return objects.map((object) => (object.kind === "ConfigMap" ? { ...object, data: {} } : object));
}
