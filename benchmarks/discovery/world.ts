// An API server with pools and pods, and one process that answers for all the pods' metrics pages.
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { readFileSync } from "node:fs";
import { parse } from "yaml";
import { start, type Child, until } from "../../lab/processes.js";
import {
  ADMIN_TOKEN,
  type ApiServer,
  startApiServer,
} from "../../tests/gateway/support/api-server.js";
import { KubeApi } from "../../tests/gateway/support/kube-api.js";
import { tool } from "../../tests/gateway/support/tools.js";
import type { Options } from "./options.js";

export const NAMESPACE = "models";
export const PORT = 8000;
const GROUP_VERSION = "inference.networking.k8s.io/v1";
const POOLS = `/apis/${GROUP_VERSION}/namespaces/${NAMESPACE}/inferencepools`;
const PODS = `/api/v1/namespaces/${NAMESPACE}/pods`;
const CRD = "inference.networking.k8s.io_inferencepools.yaml";
/** More at once would only queue in the API server. */
const MADE_AT_ONCE = 20;

export interface World {
  server: ApiServer;
  api: KubeApi;
  folder: string;
  poolNames: string[];
  /** As in `/v1/sync?pool=`. */
  setReady(pool: number, pod: number, isReady: boolean): Promise<void>;
  stop(): Promise<void>;
}

export function addressOf(pool: number, pod: number): string {
  return `127.77.${pool}.${pod + 1}`;
}

export async function startWorld(options: Options): Promise<World> {
  const folder = await mkdtemp(join(tmpdir(), "warmroute-bench-"));
  const server = await startApiServer({ folder: join(folder, "api") });
  const api = new KubeApi(server.url, ADMIN_TOKEN);
  const pages = await startPages();
  await install(api);
  const pools = Array.from({ length: options.pools }, (_, index) => index);
  for (const pool of pools) await makePool(api, pool);
  const pods = pools.flatMap((pool) =>
    Array.from({ length: options.podsEach }, (_, pod) => [pool, pod] as const),
  );
  for (let from = 0; from < pods.length; from += MADE_AT_ONCE) {
    const some = pods.slice(from, from + MADE_AT_ONCE);
    await Promise.all(some.map(([pool, pod]) => makePod(api, pool, pod)));
  }
  return {
    server,
    api,
    folder,
    poolNames: pools.map((pool) => `${NAMESPACE}/pool-${pool}`),
    setReady: (pool, pod, isReady) => setStatus(api, pool, pod, isReady),
    stop: async () => {
      await api.close();
      await Promise.all([pages.stop(), server.stop()]);
      await rm(folder, { recursive: true, force: true });
    },
  };
}

function startPages(): Promise<Child> {
  const main = fileURLToPath(new URL("./metrics-pages.js", import.meta.url));
  const args = [main, String(PORT)];
  return start({ name: "metrics pages", command: process.execPath, args, readyLine: /listening/ });
}

async function install(api: KubeApi): Promise<void> {
  const crd = readFileSync(`${tool("WARMROUTE_CRDS")}/inference/${CRD}`, "utf8");
  await api.create("/apis/apiextensions.k8s.io/v1/customresourcedefinitions", parse(crd));
  await api.create("/api/v1/namespaces", { metadata: { name: NAMESPACE } });
  await until("InferencePools are served", () =>
    api.get(POOLS).then(
      () => true,
      () => false,
    ),
  );
}

async function makePool(api: KubeApi, pool: number): Promise<void> {
  await api.create(POOLS, {
    apiVersion: GROUP_VERSION,
    kind: "InferencePool",
    metadata: { name: `pool-${pool}` },
    spec: {
      selector: { matchLabels: { app: `vllm-${pool}` } },
      targetPorts: [{ number: PORT }],
      endpointPickerRef: { name: "unused", port: { number: 9002 } },
    },
  });
}

async function makePod(api: KubeApi, pool: number, pod: number): Promise<void> {
  await api.create(PODS, {
    metadata: { name: `vllm-${pool}-${pod}`, labels: { app: `vllm-${pool}` } },
    spec: { nodeName: "node", containers: [{ name: "vllm", image: "vllm" }] },
  });
  await setStatus(api, pool, pod, true);
}

async function setStatus(api: KubeApi, pool: number, pod: number, isReady: boolean): Promise<void> {
  const ip = addressOf(pool, pod);
  const conditions = [{ type: "Ready", status: isReady ? "True" : "False" }];
  const status = { phase: "Running", podIP: ip, podIPs: [{ ip }], conditions };
  await api.patch(`${PODS}/vllm-${pool}-${pod}/status`, { status });
}
