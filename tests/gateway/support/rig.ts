// A cluster of one node inside the suite's namespaces, with Envoy Gateway on it.
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { findEnvoy } from "../../../lab/find-envoy.js";
import { start, until, type Child } from "../../../lab/processes.js";
import {
  API_PORT,
  CONTROL_ADDRESS,
  ENVOY_ADDRESSES,
  GATEWAY_NAMESPACE,
  MODEL_ADDRESSES,
} from "./addresses.js";
import { ADMIN_TOKEN, startApiServer, type ApiServer } from "./api-server.js";
import { AddressPool } from "./address-pool.js";
import { ContainerPod } from "./container-pod.js";
import { hostsFile, makeCertificates, startEnvoyGateway } from "./envoy-gateway.js";
import { imagesOf } from "./images.js";
import { KubeApi, type Condition } from "./kube-api.js";
import { Kubelet, type RunningPod } from "./kubelet.js";
import { kubectl } from "./kubectl.js";
import { assignAddress } from "./load-balancer.js";
import { startModelPod, type ModelPod } from "./model-pod.js";
import { openNetwork } from "./network.js";
import { NODE_NAME, type Pod } from "./pod-spec.js";
import { startRegistry } from "./registry.js";
import { tool } from "./tools.js";

/** Has only the pods that Envoy Gateway's own Deployments make. */
const GATEWAY_LABEL = "gateway.envoyproxy.io/owning-gateway-name";
const CRDS_TIMEOUT_MS = 30_000;

export class Rig {
  readonly #envoyAddresses = new AddressPool(ENVOY_ADDRESSES);
  readonly #modelAddresses = new AddressPool(MODEL_ADDRESSES);
  readonly #children: Child[] = [];
  #gateway: Child | undefined;
  #registry: Child | undefined;
  /** By `namespace/name`; those that ended are kept, for what they received. */
  readonly modelPods = new Map<string, ModelPod>();
  /** By `namespace/name`: ends the wait of a pod that holds its termination. */
  readonly #holds = new Map<string, () => void>();
  /** Envoy pods that run, oldest first. */
  readonly envoyPods: ContainerPod[] = [];
  readonly kubelet: Kubelet;
  /** What model pods with the annotation test/tls show; set before the first of them. */
  modelTls: { cert: string; key: string } | undefined;

  private constructor(
    readonly folder: string,
    readonly server: ApiServer,
    readonly api: KubeApi,
  ) {
    const now = (): string => new Date().toISOString().replace(/\.\d+Z$/, "Z");
    this.kubelet = new Kubelet(api, (pod) => this.#run(pod), now);
  }

  /** Everything but warmroute: API server, controllers, CRDs, Envoy Gateway, registry, kubelet. */
  static async start(): Promise<Rig> {
    const folder = mkdtempSync(join(tmpdir(), "warmroute-cluster-"));
    await openNetwork();
    const server = await startApiServer({
      folder: join(folder, "api-server"),
      address: CONTROL_ADDRESS,
      port: API_PORT,
      authorization: "RBAC",
      serviceAccounts: true,
    });
    const api = new KubeApi(server.url, ADMIN_TOKEN, server.ca);
    await prepareCluster(api);
    const rig = new Rig(folder, server, api);
    await rig.#startParts();
    return rig;
  }

  kubectl(args: string[], input = ""): Promise<string> {
    return kubectl(this.server.kubeconfigPath, args, input);
  }

  /** The newest Envoy pod: where the gateway's Service would lead once the older ones are gone. */
  get envoy(): ContainerPod {
    const pod = this.envoyPods.at(-1);
    if (pod === undefined) throw new Error(`no Envoy pod runs; ${this.problems()}`);
    return pod;
  }

  /** Lets a pod end that has the annotation test/holds, and so stays terminating until now. */
  letGo(key: string): void {
    this.#holds.get(key)?.();
  }

  /** Ends Envoy Gateway and starts it anew; the Envoy pods run on. */
  async restartGateway(): Promise<void> {
    await this.#gateway?.stop();
    await this.#startGateway();
  }

  async stopRegistry(): Promise<void> {
    await this.#registry?.stop();
  }

  /** With what was pushed before it was stopped. */
  async startRegistry(): Promise<void> {
    if (this.#registry?.isRunning === true) return;
    this.#registry = await startRegistry(join(this.folder, "registry"));
  }

  /** The logs' folder and what the kubelet could not do, for an error text. */
  problems(): string {
    return [`files: ${this.folder}`, ...this.kubelet.errors].join("\n");
  }

  async stop(): Promise<void> {
    await this.kubelet.stop();
    const children = [...this.#children, this.#gateway, this.#registry];
    await Promise.all(children.map(async (child) => await child?.stop()));
    await this.api.close();
    await this.server.stop();
    if (process.env["KEEP_FILES"] === undefined) {
      rmSync(this.folder, { recursive: true, force: true });
    }
  }

  async #startParts(): Promise<void> {
    const { folder, server } = this;
    const { kubeconfigPath } = server;
    writeFileSync(join(folder, "hosts"), hostsFile());
    const env = { KUBECONFIG: kubeconfigPath };
    const command = tool("WARMROUTE_CLUSTER_BIN");
    const logPath = join(folder, "controllers.log");
    const controllers = { name: "controllers", command, args: ["controllers"], env, logPath };
    const [, controllersChild] = await Promise.all([
      makeCertificates(kubeconfigPath),
      start(controllers),
      this.startRegistry(),
      this.#applyCrds(),
    ]);
    this.#children.push(controllersChild);
    mkdirSync(join(folder, "gateway"));
    await this.#startGateway();
  }

  async #startGateway(): Promise<void> {
    const folder = join(this.folder, "gateway");
    this.#gateway = await startEnvoyGateway(folder, this.server.kubeconfigPath, this.api);
  }

  async #applyCrds(): Promise<void> {
    const crds = tool("WARMROUTE_CRDS");
    const files = ["-f", join(crds, "gateway"), "-f", join(crds, "inference")];
    await this.kubectl(["apply", "--server-side", ...files]);
    const path = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions";
    type Crd = { status?: { conditions?: Condition[] } };
    // Quicker than `kubectl wait`, which asks for each in turn.
    const established = async (): Promise<boolean> =>
      (await this.api.items<Crd>(path)).every((crd) =>
        crd.status?.conditions?.some((one) => one.type === "Established" && one.status === "True"),
      );
    await until("the CRDs are established", established, CRDS_TIMEOUT_MS);
  }

  #run(pod: Pod): Promise<RunningPod> {
    const isEnvoy = pod.metadata.labels?.[GATEWAY_LABEL] !== undefined;
    return isEnvoy ? this.#runEnvoy(pod) : this.#runModel(pod);
  }

  async #runEnvoy(pod: Pod): Promise<RunningPod> {
    const address = this.#envoyAddresses.take();
    const { server, api } = this;
    const running = await ContainerPod.start({
      pod,
      address,
      folder: join(this.folder, "pods", pod.metadata.name),
      volumes: { api, ca: server.ca },
      images: imagesOf(findEnvoy()),
      hostsPath: join(this.folder, "hosts"),
      env: {
        KUBERNETES_SERVICE_HOST: server.address,
        KUBERNETES_SERVICE_PORT: String(server.port),
      },
    });
    this.envoyPods.push(running);
    await assignAddress(api, pod, address);
    const gone = (): void => {
      this.envoyPods.splice(this.envoyPods.indexOf(running), 1);
      this.#envoyAddresses.giveBack(address);
    };
    return {
      address,
      terminate: () => running.terminate().finally(gone),
      stop: () => running.stop().finally(gone),
    };
  }

  async #runModel(pod: Pod): Promise<RunningPod> {
    const { name, namespace, annotations = {} } = pod.metadata;
    const address = this.#modelAddresses.take();
    const model = annotations["test/model"] ?? servedModel(pod) ?? "demo";
    const adapters = (annotations["test/adapters"] ?? "").split(",").filter((one) => one !== "");
    const tls = annotations["test/tls"] === "true" ? this.modelTls : undefined;
    const running = await startModelPod({ address, name, model, adapters, tls });
    const key = `${namespace}/${name}`;
    this.modelPods.set(key, running);
    if (annotations["test/holds"] !== "true") return running;
    const held = new Promise<void>((resolve) => this.#holds.set(key, resolve));
    const terminate = (): Promise<void> => held.then(() => running.stop());
    return { ...running, terminate };
  }
}

/** What vLLM's arguments in a Deployment say. */
function servedModel(pod: Pod): string | undefined {
  const args = pod.spec.containers.flatMap((one) => one.args ?? []);
  const named = args.map((one) => /^--served-model-name=(.+)$/.exec(one)?.[1]);
  return named.find((one) => one !== undefined);
}

/** What a cluster's own parts make that do not run here: a node, accounts, the namespace. */
async function prepareCluster(api: KubeApi): Promise<void> {
  await api.create("/api/v1/nodes", { metadata: { name: NODE_NAME } });
  await api.create("/api/v1/namespaces", { metadata: { name: GATEWAY_NAMESPACE } });
  for (const namespace of ["default", GATEWAY_NAMESPACE]) {
    await api.create(`/api/v1/namespaces/${namespace}/serviceaccounts`, {
      metadata: { name: "default" },
    });
  }
}
