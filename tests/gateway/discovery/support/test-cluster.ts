// An API server for the tests of discovery, and the objects that they make in it.
import { readFileSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parse } from "yaml";
import { until } from "../../../../lab/processes.js";
import { ADMIN_TOKEN, type ApiServer, startApiServer } from "../../support/api-server.js";
import { KubeApi, KubeError } from "../../support/kube-api.js";
import { ROOT, tool } from "../../support/tools.js";

export const STABLE = "inference.networking.k8s.io/v1";
export const ALPHA2 = "inference.networking.x-k8s.io/v1alpha2";
export const ALPHA1 = "inference.networking.x-k8s.io/v1alpha1";

/** Where each definition lies: the releases' own, and for kinds that none has, ours. */
const CRDS = {
  "pools v1": () => `${tool("WARMROUTE_CRDS")}/inference/${RELEASED}_inferencepools.yaml`,
  "pools v1alpha2": () => `${tool("WARMROUTE_CRDS")}/inference/${ALPHA}_inferencepools.yaml`,
  "pools v1alpha1": () => `${ROOT}tests/gateway/fixtures/crds/inferencepools-v1alpha1.yaml`,
  models: () => `${ROOT}tests/gateway/fixtures/crds/inferencemodels.yaml`,
  objectives: () => `${tool("WARMROUTE_CRDS")}/inference/${ALPHA}_inferenceobjectives.yaml`,
  rewrites: () => `${tool("WARMROUTE_CRDS")}/inference/${ALPHA}_inferencemodelrewrites.yaml`,
};
const RELEASED = "inference.networking.k8s.io";
const ALPHA = "inference.networking.x-k8s.io";

/** Longer than any test. */
const GRACE_SECONDS = 600;

export type Crd = keyof typeof CRDS;

interface CrdObject {
  metadata: { name: string };
  spec: { group: string; names: { plural: string }; versions: { name: string }[] };
}

export interface PodOptions {
  ip?: string;
  labels?: Record<string, string>;
  annotations?: Record<string, string>;
  isReady?: boolean;
}

export class TestCluster {
  private constructor(
    public server: ApiServer,
    readonly api: KubeApi,
    private readonly folder: string,
  ) {}

  static async start(crds: readonly Crd[]): Promise<TestCluster> {
    const folder = await mkdtemp(join(tmpdir(), "warmroute-api-"));
    const server = await startApiServer({ folder });
    const cluster = new TestCluster(server, new KubeApi(server.url, ADMIN_TOKEN), folder);
    for (const crd of crds) await cluster.install(crd);
    return cluster;
  }

  /** Starts it again on the same port and data after `server.child` was killed. */
  async restart(): Promise<void> {
    this.server = await startApiServer({ folder: this.folder, port: this.server.port });
  }

  async stop(): Promise<void> {
    await this.api.close();
    await this.server.stop();
    await rm(this.folder, { recursive: true, force: true });
  }

  /** Adds a definition, and waits until its objects can be made. */
  async install(crd: Crd): Promise<void> {
    const object = parse(readFileSync(CRDS[crd](), "utf8")) as CrdObject;
    await this.api.create("/apis/apiextensions.k8s.io/v1/customresourcedefinitions", object);
    const { group, names, versions } = object.spec;
    const path = `/apis/${group}/${versions[0]?.name}/${names.plural}`;
    await until(`${path} is served`, () => this.isServed(path));
  }

  async uninstall(plural: string): Promise<void> {
    await this.api.remove(`/apis/apiextensions.k8s.io/v1/customresourcedefinitions/${plural}`);
  }

  async namespace(name: string): Promise<string> {
    await this.api.create("/api/v1/namespaces", { metadata: { name } });
    return name;
  }

  /** `kind` is one of the inference kinds, in the plural and in lower case in paths. */
  async custom(
    groupVersion: string,
    kind: string,
    metadata: { name: string; namespace: string; annotations?: Record<string, string> },
    spec: object,
  ): Promise<void> {
    const path = customPath(groupVersion, kind, metadata.namespace);
    await this.api.create(path, { apiVersion: groupVersion, kind, metadata, spec });
  }

  async patchCustom(
    groupVersion: string,
    kind: string,
    { name, namespace }: { name: string; namespace: string },
    change: object,
  ): Promise<void> {
    await this.api.patch(`${customPath(groupVersion, kind, namespace)}/${name}`, change);
  }

  async removeCustom(
    groupVersion: string,
    kind: string,
    { name, namespace }: { name: string; namespace: string },
  ): Promise<void> {
    await this.api.remove(`${customPath(groupVersion, kind, namespace)}/${name}`);
  }

  /** InferencePool v1 of the pods with label app=NAME. */
  async pool(namespace: string, name: string, spec: object = {}): Promise<void> {
    await this.custom(
      STABLE,
      "InferencePool",
      { name, namespace },
      {
        selector: { matchLabels: { app: name } },
        targetPorts: [{ number: 8000 }],
        endpointPickerRef: { name: "unused", port: { number: 9002 } },
        ...spec,
      },
    );
  }

  /** Makes a pod as a scheduler and a kubelet would leave it. */
  async pod(namespace: string, name: string, options: PodOptions = {}): Promise<string> {
    const { labels = {}, annotations = {} } = options;
    const path = `/api/v1/namespaces/${namespace}/pods`;
    const spec = {
      containers: [{ name: "vllm", image: "vllm" }],
      terminationGracePeriodSeconds: GRACE_SECONDS,
    };
    const metadata = { name, labels, annotations };
    const { metadata: made } = await this.api.create<{ metadata: { uid: string } }>(path, {
      metadata,
      // A pod that no node holds is removed at once; this one can be seen terminating.
      spec: { ...spec, nodeName: "node" },
    });
    await this.setPod(namespace, name, options);
    return made.uid;
  }

  async setPod(namespace: string, name: string, options: PodOptions): Promise<void> {
    const { ip, isReady = true } = options;
    const ips = ip === undefined ? {} : { podIP: ip, podIPs: [{ ip }] };
    const conditions = [{ type: "Ready", status: isReady ? "True" : "False" }];
    const status = { phase: "Running", ...ips, conditions };
    await this.api.patch(`/api/v1/namespaces/${namespace}/pods/${name}/status`, { status });
  }

  /** As kubectl delete: the pod has its grace period, and no kubelet ends it sooner. */
  async drainPod(namespace: string, name: string): Promise<void> {
    await this.api.remove(`/api/v1/namespaces/${namespace}/pods/${name}`, GRACE_SECONDS);
  }

  async removePod(namespace: string, name: string): Promise<void> {
    await this.api.remove(`/api/v1/namespaces/${namespace}/pods/${name}`);
  }

  private async isServed(path: string): Promise<boolean> {
    try {
      await this.api.get(path);
      return true;
    } catch (error) {
      if (error instanceof KubeError) return false;
      throw error;
    }
  }
}

function customPath(groupVersion: string, kind: string, namespace: string): string {
  return `/apis/${groupVersion}/namespaces/${namespace}/${kind.toLowerCase()}s`;
}
