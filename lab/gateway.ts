// One gateway: a real Envoy with the built filter, and a sidecar of its own.
import { existsSync } from "node:fs";
import { join } from "node:path";
import { bootstrap, httpListener, podsCluster, sidecarCluster } from "./envoy-config.js";
import { startEnvoy, type Envoy } from "./envoy.js";
import { PlainError, type FailureWatch } from "./failure.js";
import { untilFilterPolls } from "./pools-view.js";
import { freePorts, LOOPBACK } from "./ports.js";
import { startSidecar, type Sidecar } from "./sidecar.js";

export const FILTER_PATH = "build/filter.wasm";
/** Envoy's policy for a filter that traps is to load it anew, and to count that here. */
const FILTER_RELOADS = "^wasm\\..*vm_reload_(success|failure)$";

export interface GatewayOptions {
  /** Names its folder, and its files in it. */
  name: string;
  pool: string;
  /** `ip:port` each. */
  pods: string[];
  /** Keys of the filter's configuration besides `pool`. */
  filter?: Record<string, unknown>;
  /** Keys of the sidecar's configuration at its top level. */
  sidecar?: Record<string, unknown>;
  /** The pods in the order in which the sidecar lists them; absent: as `pods`. */
  sidecarPods?: string[];
  /** Absent: any free one. */
  sidecarPort?: number;
  /** Envoy's worker threads. */
  workers: number;
  folder: string;
  watch: FailureWatch;
}

export interface Gateway {
  name: string;
  /** `http://host:port` of its listener. */
  url: string;
  envoy: Envoy;
  sidecar: Sidecar;
  /** Another process on the same port, with the same configuration; the one before has ended. */
  restartSidecar(): Promise<void>;
  stop(): Promise<void>;
}

/**
 * Starts the sidecar, then Envoy. Both say that they are ready before this returns, and the filter
 * has a table: what a load balancer would wait for.
 */
export async function startGateway(options: GatewayOptions): Promise<Gateway> {
  requireFilter();
  const { name, pool, pods, watch } = options;
  const folder = join(options.folder, name);
  const [port, adminPort, freeOne] = (await freePorts(3)) as [number, number, number];
  const sidecarPort = options.sidecarPort ?? freeOne;
  const runSidecar = async (): Promise<Sidecar> => {
    const sidecar = await startSidecar({
      port: sidecarPort,
      pools: [{ name: pool, pods: options.sidecarPods ?? pods }],
      ...(options.sidecar === undefined ? {} : { config: options.sidecar }),
      folder,
    });
    watch.watch(sidecar.child);
    return sidecar;
  };
  const sidecar = await runSidecar();
  const filter = { wasmPath: FILTER_PATH, config: { pool, ...options.filter } };
  const listener = httpListener({ name: "llm-gw", port, cluster: "pods", filter });
  const clusters = [
    podsCluster({ name: "pods", pods, routed: true }),
    sidecarCluster(`${LOOPBACK}:${sidecarPort}`),
  ];
  const envoy = await startEnvoy({
    bootstrap: bootstrap(adminPort, [listener], clusters),
    concurrency: options.workers,
    folder,
    logLevel: "warning",
  });
  watch.watch(envoy.child);
  await untilFilterPolls(sidecar.url, watch);
  const gateway: Gateway = {
    name,
    url: `http://${LOOPBACK}:${port}`,
    envoy,
    sidecar,
    async restartSidecar() {
      gateway.sidecar = await runSidecar();
    },
    async stop() {
      for (const { child } of [envoy, gateway.sidecar]) watch.expectEnd(child);
      await Promise.all([envoy.stop(), gateway.sidecar.stop()]);
    },
  };
  return gateway;
}

/** Throws when the filter is not built. */
export function requireFilter(): void {
  if (existsSync(FILTER_PATH)) return;
  throw new PlainError(`there is no ${FILTER_PATH}; ./build.sh build makes it`);
}

/** Throws when the filter crashed: Envoy made a new one, so that only some requests suffered. */
export async function checkFilter(envoy: Envoy): Promise<void> {
  let crashes = 0;
  for (const count of (await envoy.stats(FILTER_RELOADS)).values()) crashes += count;
  if (crashes === 0) return;
  const what = `the filter crashed in Envoy, ${crashes} times; the end of Envoy's log:`;
  throw new PlainError(`${what}\n${envoy.child.tail()}`);
}
