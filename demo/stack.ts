// Starts and stops what the demo runs on: pods, sidecar, and Envoy with its two listeners.
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import {
  bootstrap,
  httpListener,
  podsCluster,
  sidecarCluster,
  type FilterOptions,
} from "../lab/envoy-config.js";
import { startEnvoy, type Envoy } from "../lab/envoy.js";
import { checkFilter, FILTER_PATH, requireFilter } from "../lab/gateway.js";
import { freePorts, LOOPBACK, requireFree } from "../lab/ports.js";
import { startSidecar } from "../lab/sidecar.js";
import { SimulatedPods } from "../lab/simulated-pods.js";
import { PlainError, type FailureWatch } from "../lab/failure.js";
import { podEpochs, untilFilterPolls, untilPodsAreFresh } from "../lab/pools-view.js";
import { podArguments, POD_COUNT } from "./service.js";

const ENVOY_WORKERS = 2;
const POOL = "demo";
/** The filter polls the sidecar every 50 ms; then every worker knows what the sidecar knows. */
const SETTLE_MS = 300;
/** On both listeners, so that neither has an advantage. */
const RETRIES = 2;

export interface StackOptions {
  /** 0: any free port. */
  httpPort: number;
  llmGwPort: number;
  kvTokensPerPod: number;
  /** No filter on llm-gw. */
  sameRoute: boolean;
  watch: FailureWatch;
}

/** Everything that runs beside the load. */
export interface Stack {
  /** `http://host:port` each. */
  standardUrl: string;
  routedUrl: string;
  sidecarUrl: string;
  adminUrl: string;
  /** `ip:port` each. */
  pods: string[];
  /** Where the components write their logs. */
  folder: string;
  /** New pod processes on the same addresses, empty as after a rollout; returns when all know. */
  replacePods(): Promise<void>;
  /** Throws when the filter crashed: Envoy made a new one, so that only some requests suffered. */
  checkFilter(): Promise<void>;
  /** Ends everything and removes the logs. */
  stop(): Promise<void>;
}

/** Starts it all; throws a failure with one clear line where that does not work. */
export async function startStack(options: StackOptions): Promise<Stack> {
  if (!options.sameRoute) requireFilter();
  const ports = await choosePorts(options);
  const folder = mkdtempSync(join(tmpdir(), "warmroute-demo-"));
  try {
    return await startComponents(options, ports, folder);
  } catch (error) {
    rmSync(folder, { recursive: true, force: true });
    throw error;
  }
}

async function startComponents(
  options: StackOptions,
  ports: Ports,
  folder: string,
): Promise<Stack> {
  const { watch } = options;
  const simulated = await SimulatedPods.start({
    count: POD_COUNT,
    args: podArguments(options.kvTokensPerPod),
    folder,
    watch,
  });
  const pods = simulated.addresses;
  const sidecar = await startSidecar({
    port: ports.sidecar,
    pools: [{ name: POOL, pods }],
    config: { logLevel: "info" },
    folder,
  });
  watch.watch(sidecar.child);
  const envoy = await startGateway(options, pods, ports, folder);
  const sidecarUrl = sidecar.url;
  if (!options.sameRoute) await untilFilterPolls(sidecarUrl, watch);
  await sleep(SETTLE_MS);
  return {
    standardUrl: `http://${LOOPBACK}:${ports.http}`,
    routedUrl: `http://${LOOPBACK}:${ports.llmGw}`,
    sidecarUrl,
    adminUrl: envoy.adminUrl,
    pods,
    folder,
    async replacePods() {
      const before = await podEpochs(sidecarUrl);
      await simulated.replace();
      await untilPodsAreFresh(sidecarUrl, before, watch);
      await sleep(SETTLE_MS);
    },
    async checkFilter() {
      await checkFilter(envoy);
    },
    async stop() {
      for (const child of [sidecar.child, envoy.child]) watch.expectEnd(child);
      await Promise.all([envoy.stop(), sidecar.stop(), simulated.stop()]);
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

interface Ports {
  http: number;
  llmGw: number;
  admin: number;
  sidecar: number;
}

async function choosePorts(options: StackOptions): Promise<Ports> {
  await requirePort("--http-port", options.httpPort);
  await requirePort("--llm-gw-port", options.llmGwPort);
  const [http, llmGw, admin, sidecar] = (await freePorts(4)) as [number, number, number, number];
  return {
    http: options.httpPort === 0 ? http : options.httpPort,
    llmGw: options.llmGwPort === 0 ? llmGw : options.llmGwPort,
    admin,
    sidecar,
  };
}

async function requirePort(option: string, port: number): Promise<void> {
  if (port === 0) return;
  try {
    await requireFree(port);
  } catch (error) {
    throw new PlainError(
      `${(error as Error).message}; choose another with ${option} N (0: any free port)`,
    );
  }
}

async function startGateway(
  options: StackOptions,
  pods: string[],
  ports: Ports,
  folder: string,
): Promise<Envoy> {
  const filter: FilterOptions = {
    wasmPath: FILTER_PATH,
    config: { pool: POOL, debugHeaders: true },
  };
  const listeners = [
    httpListener({
      name: "http",
      port: ports.http,
      cluster: "pods-standard",
      retries: RETRIES,
    }),
    httpListener({
      name: "llm-gw",
      port: ports.llmGw,
      cluster: options.sameRoute ? "pods-standard" : "pods-routed",
      retries: RETRIES,
      ...(options.sameRoute ? {} : { filter }),
    }),
  ];
  const clusters = [
    podsCluster({ name: "pods-standard", pods }),
    podsCluster({ name: "pods-routed", pods, routed: true }),
    sidecarCluster(`${LOOPBACK}:${ports.sidecar}`),
  ];
  const envoy = await startEnvoy({
    bootstrap: bootstrap(ports.admin, listeners, clusters),
    concurrency: ENVOY_WORKERS,
    folder,
    logLevel: "warning",
  });
  options.watch.watch(envoy.child);
  return envoy;
}
