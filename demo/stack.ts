// Starts and stops what the demo runs on: pods, sidecar, and Envoy with its two listeners.
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import {
  bootstrap,
  httpListener,
  podsCluster,
  sidecarCluster,
  type FilterOptions,
} from "../lab/envoy-config.js";
import { startEnvoy, type Envoy } from "../lab/envoy.js";
import { freePorts, LOOPBACK, requireFree } from "../lab/ports.js";
import { start, type Child } from "../lab/processes.js";
import { startSidecar } from "../lab/sidecar.js";
import { DemoFailure, type FailureWatch } from "./failure.js";
import { podEpochs, untilFilterPolls, untilPodsAreFresh } from "./pools-view.js";
import { podArguments, POD_COUNT } from "./service.js";

const ENVOY_WORKERS = 2;
const POOL = "demo";
/** Envoy's policy for a filter that traps is to load it anew, and to count that here. */
const FILTER_RELOADS = "^wasm\\..*vm_reload_(success|failure)$";
const POD_PORT_MIN = 18_000;
const POD_PORT_MAX = 19_000;
const FILTER_PATH = "build/filter.wasm";
/** The filter polls the sidecar every 50 ms; then every worker knows what the sidecar knows. */
const SETTLE_MS = 300;
/** On both listeners, so that neither has an advantage. */
const RETRIES = 2;
const PODS_MAIN = fileURLToPath(new URL("../simulator/pods/main.js", import.meta.url));

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
  if (!options.sameRoute && !existsSync(FILTER_PATH)) {
    throw new DemoFailure(`there is no ${FILTER_PATH}; ./build.sh build makes it`);
  }
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
  const pods = Array.from({ length: POD_COUNT }, (_, n) => `${LOOPBACK}:${ports.firstPod + n}`);
  const { watch } = options;
  let podsChild = await startPods(options, ports.firstPod, folder);
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
      watch.expectEnd(podsChild);
      await podsChild.stop();
      podsChild = await startPods(options, ports.firstPod, folder);
      await untilPodsAreFresh(sidecarUrl, before, watch);
      await sleep(SETTLE_MS);
    },
    async checkFilter() {
      let crashes = 0;
      for (const count of (await envoy.stats(FILTER_RELOADS)).values()) crashes += count;
      if (crashes === 0) return;
      const what = `the filter crashed in Envoy, ${crashes} times; the end of Envoy's log:`;
      throw new DemoFailure(`${what}\n${envoy.child.tail()}`);
    },
    async stop() {
      for (const child of [podsChild, sidecar.child, envoy.child]) watch.expectEnd(child);
      await Promise.all([envoy.stop(), sidecar.stop(), podsChild.stop()]);
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

interface Ports {
  http: number;
  llmGw: number;
  admin: number;
  sidecar: number;
  /** The pods have this port and those that follow. */
  firstPod: number;
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
    firstPod: await firstPodPort(),
  };
}

/**
 * Pods listen on consecutive ports below those that the kernel gives to outgoing connections, so
 * that none is lost while pods are replaced.
 */
async function firstPodPort(): Promise<number> {
  for (let port = POD_PORT_MIN; port < POD_PORT_MAX; port += POD_COUNT) {
    const all = Array.from({ length: POD_COUNT }, (_, n) => requireFree(port + n));
    const isFree = (await Promise.allSettled(all)).every((one) => one.status === "fulfilled");
    if (isFree) return port;
  }
  throw new DemoFailure(`no ${POD_COUNT} free ports from ${POD_PORT_MIN} to ${POD_PORT_MAX}`);
}

async function requirePort(option: string, port: number): Promise<void> {
  if (port === 0) return;
  try {
    await requireFree(port);
  } catch (error) {
    throw new DemoFailure(
      `${(error as Error).message}; choose another with ${option} N (0: any free port)`,
    );
  }
}

async function startPods(options: StackOptions, firstPort: number, folder: string): Promise<Child> {
  const child = await start({
    name: "pods",
    command: process.execPath,
    args: [PODS_MAIN, ...podArguments(LOOPBACK, firstPort, options.kvTokensPerPod)],
    logPath: join(folder, "pods.log"),
    // They start in turn, so the last one tells for all.
    readyUrl: `http://${LOOPBACK}:${firstPort + POD_COUNT - 1}/health`,
  });
  return options.watch.watch(child);
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
