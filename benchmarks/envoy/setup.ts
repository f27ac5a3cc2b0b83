// Starts what is measured: instant pods, the sidecar, load processes and one Envoy with listeners.
import { existsSync } from "node:fs";
import { startEnvoy, type Envoy } from "../../lab/envoy.js";
import {
  bootstrap,
  httpListener,
  podsCluster,
  sidecarCluster,
  type FilterOptions,
} from "../../lab/envoy-config.js";
import { freePorts } from "../../lab/ports.js";
import { stopAll, until } from "../../lab/processes.js";
import { startSidecar } from "../../lab/sidecar.js";
import { Loaders, Pods } from "./loaders.js";
import type { Options } from "./options.js";

const POD_COUNT = 4;
const POOL = "bench";
/** Asked of the routed listener until the filter has its first load table. */
const PROBE = JSON.stringify({ model: "bench", messages: [{ role: "user", content: "hello" }] });

export interface Rig {
  envoy: Envoy;
  loaders: Loaders;
  pods: Pods;
  /** By what it is called in the tables: `plain`, `routed`, and `with` where there is one. */
  ports: ReadonlyMap<string, number>;
  stop(): Promise<void>;
}

export async function startRig(options: Options): Promise<Rig> {
  for (const path of [options.filterPath, options.withPath]) {
    if (path !== undefined && !existsSync(path)) throw new Error(`there is no ${path}`);
  }
  const podPorts = await freePorts(POD_COUNT);
  const addresses = podPorts.map((port) => `127.0.0.1:${port}`);
  const pods = await Pods.start(podPorts, options.processes);
  const loaders = new Loaders(options.processes);
  const release = async (): Promise<void> => {
    await stopAll();
    loaders.stop();
    pods.stop();
  };
  try {
    const [admin, sidecar, plain, routed, third] = (await freePorts(5)) as Five;
    await startSidecar({ port: sidecar, pools: [{ name: POOL, pods: addresses }] });
    const ports = new Map([
      ["plain", plain],
      ["routed", routed],
    ]);
    const listeners = [
      httpListener({ name: "http", port: plain, cluster: "plain" }),
      filtered("llm-gw", routed, filterOf("warmroute", options.filterPath)),
    ];
    if (options.withPath !== undefined) {
      ports.set("with", third);
      listeners.push(filtered("llm-gw-with", third, filterOf("with", options.withPath)));
    }
    const clusters = [
      podsCluster({ name: "plain", pods: addresses }),
      podsCluster({ name: "routed", pods: addresses, routed: true }),
      sidecarCluster(`127.0.0.1:${sidecar}`),
    ];
    const envoy = await startEnvoy({
      bootstrap: bootstrap(admin, listeners, clusters),
      concurrency: options.workers,
      logLevel: "warning",
    });
    const rig = { envoy, loaders, pods, ports };
    await waitRouted(rig.pods, routed);
    return { ...rig, stop: () => envoy.stop().then(release) };
  } catch (error) {
    await release();
    throw error;
  }
}

type Five = [number, number, number, number, number];

/** Each module has its own vm_id, or the second would be served by the VMs of the first. */
function filterOf(vmId: string, wasmPath: string): FilterOptions {
  return { wasmPath, vmId, name: vmId, config: { pool: POOL } };
}

function filtered(name: string, port: number, filter: FilterOptions) {
  return httpListener({ name, port, cluster: "routed", filter });
}

/** Measuring starts when the filter picks; until its first table Envoy would decide. */
async function waitRouted(pods: Pods, port: number): Promise<void> {
  await until("the filter picked a pod", async () => {
    const before = await pods.counts();
    const headers = { "content-type": "application/json" };
    const url = `http://127.0.0.1:${port}/v1/chat/completions`;
    const response = await fetch(url, { method: "POST", headers, body: PROBE });
    await response.arrayBuffer();
    return (await pods.counts()).routed > before.routed;
  });
}
