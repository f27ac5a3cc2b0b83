// What faults happen to: pods, a sidecar, an Envoy with the filter and the manifests' retries.
import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { startEnvoy, type Envoy, type EnvoyOptions } from "../../../lab/envoy.js";
import {
  bootstrap,
  httpListener,
  podsCluster,
  sidecarCluster,
  type FilterOptions,
  type Listener,
  type ListenerOptions,
} from "../../../lab/envoy-config.js";
import { freePorts, LOOPBACK } from "../../../lab/ports.js";
import { startSidecar, type Sidecar } from "../../../lab/sidecar.js";
import { accessLogTo, readAccessLog, type LoggedRequest } from "./access-log.js";
import { PodProcess } from "./pod-process.js";
import { untilRouted } from "./until-routed.js";

/** The repository's root, two folders above the compiled tests. */
const ROOT = fileURLToPath(new URL("../../../../../", import.meta.url));
export const FILTER_WASM = process.env["FILTER_WASM"] ?? `${ROOT}build/filter.wasm`;
export const POOL = "default";
export const WORKERS = 2;
/** As in manifests/base/52-backend-traffic-llm-gw.yaml; a test compares them. */
export const RETRIES = 2;
const PODS = 4;

export interface StackOptions {
  pods?: number;
  /** All are listed as leaving, so that none may be picked. */
  isDraining?: boolean;
  /** The sidecar watches `Stack.podsFile`, which the test may replace; else the list is fixed. */
  isListWatched?: boolean;
  /** Further arguments of each pod's command line. */
  podArgs?: string[];
  /** Keys of the filter's configuration besides `pool`. */
  filter?: Record<string, unknown>;
  /** The module and its VM, where they are not the built filter's. */
  wasm?: Partial<Omit<FilterOptions, "config">>;
  /** Keys of the sidecar's configuration at its top level, and of its pool. */
  sidecar?: Record<string, unknown>;
  sidecarPool?: Record<string, unknown>;
  /** What the filter polls, `ip:port`, where it is not the sidecar itself. */
  polled?: string;
  /** Told of the sidecar before Envoy starts. */
  onSidecar?: (sidecarPort: number) => Promise<void>;
  listener?: Partial<ListenerOptions>;
  workers?: number;
  envoy?: Partial<EnvoyOptions>;
  /** The reason of a request without a prompt, once a table is in force. */
  readyReason?: string;
}

export interface Stack {
  pods: PodProcess[];
  envoy: Envoy;
  /** Replaced by `restartSidecar`. */
  sidecar: Sidecar;
  sidecarPort: number;
  /** `http://ip:port` of the listener. */
  url: string;
  folder: string;
  /** The list of pods, `[ip:port]`, where it is watched. */
  podsFile: string;
  /** The listener with other keys of the filter's configuration, or another module. */
  listener(filter?: Record<string, unknown>, wasm?: StackOptions["wasm"]): Listener;
  pod(name: string): PodProcess;
  /** Envoy's record of a load of `sent` requests; what is logged later is not for it. */
  logged(sent: number): Promise<Map<number, LoggedRequest>>;
  /** Empties Envoy's record, so that the next load counts from 0. */
  clearLog(): void;
  /** A counter or gauge of the filter, as `ejected`; 0 where it never counted. */
  metric(name: string): Promise<number>;
  /** A new sidecar on the port; the one before is killed if it runs. */
  restartSidecar(): Promise<void>;
  stop(): Promise<void>;
}

/** Starts all of it, and waits until both workers route by the table. */
export async function startStack(options: StackOptions = {}): Promise<Stack> {
  if (!existsSync(FILTER_WASM)) throw new Error(`${FILTER_WASM} is not built`);
  const folder = mkdtempSync(join(tmpdir(), "warmroute-faults-"));
  const stops: (() => Promise<void>)[] = [];
  try {
    const stack = await startParts(options, folder, stops);
    await untilRouted(stack.url, options.readyReason ?? "no-prompt");
    return stack;
  } catch (error) {
    await stopAll(stops, folder);
    throw error;
  }
}

async function startParts(
  options: StackOptions,
  folder: string,
  stops: (() => Promise<void>)[],
): Promise<Stack> {
  const pods: PodProcess[] = [];
  for (let n = 0; n < (options.pods ?? PODS); n++) {
    const pod = await PodProcess.start(`pod-${n}`, options.podArgs);
    stops.push(() => pod.stop());
    pods.push(pod);
  }
  const addresses = pods.map((pod) => pod.address);
  const [port, adminPort, sidecarPort] = (await freePorts(3)) as [number, number, number];
  const listed = addresses.map((address) => {
    return options.isDraining === true ? { address, draining: true } : address;
  });
  const podsFile = join(folder, "pods.json");
  writeFileSync(podsFile, JSON.stringify(listed));
  const watchedOrFixed = options.isListWatched === true ? podsFile : listed;
  const runSidecar = (): Promise<Sidecar> =>
    startSidecar({
      port: sidecarPort,
      pools: [{ name: POOL, pods: watchedOrFixed, ...options.sidecarPool }],
      ...(options.sidecar === undefined ? {} : { config: options.sidecar }),
      folder: join(folder, "sidecar"),
    });
  const logPath = join(folder, "access.log");
  const listener = listenerOf(options, port, logPath);
  const sidecar = await runSidecar();
  await options.onSidecar?.(sidecarPort);
  const stack = {
    pods,
    sidecar,
    sidecarPort,
    folder,
    podsFile,
    url: `http://${LOOPBACK}:${port}`,
    listener,
    pod: (name: string) => pods.find((one) => one.name === name) as PodProcess,
    logged: (sent: number) => readAccessLog(logPath, sent),
    clearLog: () => writeFileSync(logPath, ""),
    metric: async (name: string) => (await stack.envoy.stat(`wasmcustom.warmroute_${name}`)) ?? 0,
    restartSidecar: async () => {
      await killSidecar(stack.sidecar);
      stack.sidecar = await runSidecar();
    },
    stop: () => stopAll(stops, folder),
  } as Stack;
  stops.push(() => killSidecar(stack.sidecar));
  const clusters = [
    podsCluster({ name: POOL, pods: addresses, routed: true }),
    sidecarCluster(options.polled ?? `${LOOPBACK}:${sidecarPort}`),
  ];
  stack.envoy = await startEnvoy({
    bootstrap: bootstrap(adminPort, [], clusters),
    listeners: [listener(options.filter, options.wasm)],
    concurrency: options.workers ?? WORKERS,
    folder: join(folder, "envoy"),
    ...options.envoy,
  });
  stops.push(() => stack.envoy.stop());
  return stack;
}

function listenerOf(options: StackOptions, port: number, logPath: string): Stack["listener"] {
  return (filter, wasm) =>
    httpListener({
      name: "llm-gw",
      port,
      cluster: POOL,
      retries: RETRIES,
      accessLog: accessLogTo(logPath),
      ...options.listener,
      filter: {
        wasmPath: FILTER_WASM,
        config: { pool: POOL, debugHeaders: true, ...filter },
        ...wasm,
      },
    });
}

async function killSidecar(sidecar: Sidecar): Promise<void> {
  sidecar.child.signal("SIGKILL");
  await sidecar.child.ended();
}

/** The last that was started is the first to stop. */
async function stopAll(stops: (() => Promise<void>)[], folder: string): Promise<void> {
  for (const stop of stops.reverse()) await stop();
  rmSync(folder, { recursive: true, force: true });
}
