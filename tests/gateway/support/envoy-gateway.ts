// Envoy Gateway in Kubernetes mode: its certificates, its server, as the Helm chart would run them.
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { start, type Child } from "../../../lab/processes.js";
import { CONTROL_ADDRESS, GATEWAY_NAMESPACE } from "./addresses.js";
import type { KubeApi, KubeObject } from "./kube-api.js";
import { runProgram } from "./kubectl.js";
import { POD_ROOT, tool } from "./tools.js";

const READY_TIMEOUT_MS = 60_000;
/** Where the server tells its health, on all addresses; it has no setting for the port. */
const READY_URL = "http://127.0.0.1:8081/readyz";

/** What differs from the chart's values is said. */
const CONFIG = {
  apiVersion: "gateway.envoyproxy.io/v1alpha1",
  kind: "EnvoyGateway",
  gateway: { controllerName: "gateway.envoyproxy.io/gatewayclass-controller" },
  provider: {
    type: "Kubernetes",
    kubernetes: {
      // One server; and a lease would have to run out before the next start.
      leaderElection: { disable: true },
      shutdownManager: { image: "docker.io/envoyproxy/gateway:v1.9.1" },
      // Its webhook would need a certificate that only a cluster's certgen job can register.
      proxyTopologyInjector: { disabled: true },
    },
  },
  logging: { level: { default: "info" } },
  // The two switches that warmroute's manifests need.
  extensionApis: { enableBackend: true, enableEnvoyPatchPolicy: true },
};

/** Makes the certificates of server and Envoys, as Secrets of the gateway's namespace. */
export async function makeCertificates(kubeconfig: string): Promise<void> {
  const args = ["certgen", "--disable-topology-injector"];
  const output = await runProgram(tool("WARMROUTE_ENVOY_GATEWAY_BIN"), args, "", {
    KUBECONFIG: kubeconfig,
    ENVOY_GATEWAY_NAMESPACE: GATEWAY_NAMESPACE,
  });
  if (output.code !== 0) throw new Error(`certgen: ${output.stderr}${output.stdout}`);
}

/** Starts the server and waits until it is ready. */
export async function startEnvoyGateway(
  folder: string,
  kubeconfig: string,
  api: KubeApi,
): Promise<Child> {
  for (const name of ["certs", "wasm"]) mkdirSync(join(folder, name), { recursive: true });
  const path = `/api/v1/namespaces/${GATEWAY_NAMESPACE}/secrets/envoy-gateway`;
  const secret = await api.get<KubeObject & { data: Record<string, string> }>(path);
  for (const [name, value] of Object.entries(secret.data)) {
    writeFileSync(join(folder, "certs", name), Buffer.from(value, "base64"));
  }
  const configPath = join(folder, "envoy-gateway.json");
  writeFileSync(configPath, JSON.stringify(CONFIG));
  return await start({
    name: "envoy-gateway",
    command: POD_ROOT,
    args: [
      join(folder, "root"),
      `/certs=${join(folder, "certs")}`,
      `/var/lib/eg/wasm=${join(folder, "wasm")}`,
      "--",
      tool("WARMROUTE_ENVOY_GATEWAY_BIN"),
      ...["server", "--config-path", configPath],
    ],
    env: { KUBECONFIG: kubeconfig, ENVOY_GATEWAY_NAMESPACE: GATEWAY_NAMESPACE },
    logPath: join(folder, "envoy-gateway.log"),
    readyUrl: READY_URL,
    readyTimeoutMs: READY_TIMEOUT_MS,
  });
}

/** A file for /etc/hosts of the pods: Envoy asks for the server with a final dot and without. */
export function hostsFile(): string {
  const name = `envoy-gateway.${GATEWAY_NAMESPACE}.svc.cluster.local`;
  return `127.0.0.1 localhost\n${CONTROL_ADDRESS} ${name}. ${name}\n`;
}
