// All whose metrics are watched, for real: Envoy with the filter, a sidecar, pods, Prometheus.
import { readFileSync } from "node:fs";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { startEnvoy, type Envoy } from "../../../lab/envoy.js";
import { bootstrap, httpListener, podsCluster, sidecarCluster } from "../../../lab/envoy-config.js";
import { freePort, freePorts, LOOPBACK } from "../../../lab/ports.js";
import { until } from "../../../lab/processes.js";
import { startPrometheus, type Programs, type Prometheus } from "../../../lab/prometheus.js";
import { scrapeAnnotations, shippedScrapes, type PodPort } from "../../../lab/scrapes.js";
import { startSidecar, type Sidecar } from "../../../lab/sidecar.js";
import { projectPath } from "../../../scripts/config/project.js";
import { profile } from "../../../simulator/engine/profiles.js";
import { startPod, type Pod } from "../../../simulator/pods/pod.js";
import { chat, FILTER_WASM, prose, send } from "../../e2e/support/rig.js";

const READY_TIMEOUT_MS = 60_000;
/** Longer than RATE_INTERVAL, so that a rate has all the samples it may ask for. */
const HISTORY_SCRAPES = 12;
/** What stands for `$__rate_interval`: Grafana makes it four scrape intervals or more. */
export const RATE_INTERVAL = "10s";
const SCRAPE_INTERVAL_SECONDS = 1;
const POLLS_MIN = 10;
const GATEWAY = { "gateway.envoyproxy.io/owning-gateway-name": "inference-gateway" };
export const GATEWAY_NAMESPACE = "envoy-gateway-system";
export const PODS_NAMESPACE = "default";

/** A vLLM of one version, simulated in full or an excerpt of a real page. */
export interface Engine {
  name: string;
  isSimulated: boolean;
  address: string;
  /** Its metrics page now. */
  page(): Promise<string>;
}

export interface Scene {
  engines: Engine[];
  envoy: Envoy;
  prometheus: Prometheus;
  sidecarAddress: string;
  envoyAddress: string;
  stop(): Promise<void>;
}

const PAGES = ["vllm-v0-early", "vllm-v0", "vllm-v1-blocks", "vllm-v1-data-parallel"];
const POOLS = ["default/v1", "default/v0"];

/** Stops what it had started when something does not start. */
export async function startScene(programs: Programs): Promise<Scene> {
  const stops: Stop[] = [];
  const stop = async (): Promise<void> => {
    for (const one of stops.splice(0).reverse()) await one();
  };
  try {
    return { ...(await startAll(programs, stops)), stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

type Stop = () => Promise<unknown> | void;

async function startAll(programs: Programs, stops: Stop[]): Promise<Omit<Scene, "stop">> {
  const v1 = await startPod({ name: "v1", model: "m", promptTokensDetails: true });
  stops.push(() => v1.close());
  // V0 shows a hit rate only with the cache on, which is not its default.
  const engine = { ...profile("qwq-32b-4xa10-v0"), prefixCaching: true };
  const v0 = await startPod({ name: "v0", model: "m", engine });
  stops.push(() => v0.close());
  const servers = await Promise.all(PAGES.map(servePage));
  for (const server of servers) stops.push(() => void server.close());
  const engines = [
    { name: "V1", isSimulated: true, address: v1.address },
    { name: "V0", isSimulated: true, address: v0.address },
    ...servers.map((server, index) => {
      return { name: PAGES[index] as string, isSimulated: false, address: addressOf(server) };
    }),
  ].map((one) => ({ ...one, page: () => pageOf(one.address) }));
  const gateway = await startGateway([v1, v0], servers.map(addressOf), stops);
  const envoyAddress = gateway.envoy.adminUrl.replace("http://", "");
  const sidecarAddress = gateway.sidecar.url.replace("http://", "");
  const ports = podPorts(engines, envoyAddress, sidecarAddress);
  const config = shippedScrapes(ports, SCRAPE_INTERVAL_SECONDS);
  const prometheus = await startPrometheus({ programs, config });
  stops.push(() => prometheus.stop());
  await untilPolled(gateway.sidecar);
  const traffic = new Traffic(gateway.urls);
  stops.push(() => traffic.stop());
  await untilScraped(prometheus);
  return { engines, envoy: gateway.envoy, prometheus, sidecarAddress, envoyAddress };
}

async function startGateway(pods: [Pod, Pod], pages: string[], stops: Stop[]) {
  const [adminPort, sidecarPort, plainPort, ...ports] = await freePorts(5);
  // A pod that takes no connections: it fails, and is passed over.
  const dead = `${LOOPBACK}:${await freePort()}`;
  const lists = [[pods[0].address, dead, ...pages.slice(2)], [pods[1].address]];
  const sidecar = await startSidecar({
    port: sidecarPort as number,
    pools: [
      ...POOLS.map((name, index) => ({ name, pods: lists[index] as string[] })),
      { name: "default/pages", pods: pages },
    ],
  });
  stops.push(() => sidecar.stop());
  const filter = (pool: string) => ({
    wasmPath: FILTER_WASM,
    config: { pool },
    name: `warmroute-${pool}`,
  });
  const listeners = [
    httpListener({ name: "http", port: plainPort as number, cluster: POOLS[0] as string }),
    ...POOLS.map((name, index) => {
      const port = ports[index] as number;
      return httpListener({ name: `llm-gw-${index}`, port, cluster: name, filter: filter(name) });
    }),
  ];
  const clusters = POOLS.map((name, index) => {
    return podsCluster({ name, pods: [pods[index]!.address], routed: true });
  });
  clusters.push(sidecarCluster(`${LOOPBACK}:${sidecarPort}`));
  const envoy = await startEnvoy({
    bootstrap: bootstrap(adminPort as number, [], clusters),
    // By a file, as Envoy shows how many updates it refused only where there may be some.
    listeners,
  });
  stops.push(() => envoy.stop());
  const urls = [plainPort, ...ports.slice(0, 2)].map((port) => `http://${LOOPBACK}:${port}`);
  return { sidecar, envoy, urls } satisfies { sidecar: Sidecar; envoy: Envoy; urls: string[] };
}

/** As Kubernetes would list them, with a sidecar's port and annotations that are not for vLLM. */
function podPorts(engines: Engine[], envoyAddress: string, sidecarAddress: string): PodPort[] {
  const ofEngine = engines.map(({ name, address }): PodPort => {
    const annotations = scrapeAnnotations(Number(address.split(":")[1]));
    return { namespace: PODS_NAMESPACE, pod: name, address, annotations };
  });
  const gateway = { namespace: GATEWAY_NAMESPACE, pod: "envoy-1", labels: GATEWAY };
  const annotations = scrapeAnnotations(Number(envoyAddress.split(":")[1]), "/stats/prometheus");
  return [
    // The same pod once more, under another of its ports.
    { ...(ofEngine[0] as PodPort), address: `${LOOPBACK}:9` },
    ...ofEngine,
    { ...gateway, address: envoyAddress, portName: "metrics", annotations },
    { ...gateway, address: sidecarAddress, portName: "sidecar", annotations },
    { namespace: PODS_NAMESPACE, pod: "not-annotated", address: `${LOOPBACK}:9` },
  ];
}

/** Requests that share prompts, and some that do not, one after the other until it is stopped. */
class Traffic {
  private isOn = true;
  private readonly ended: Promise<unknown>;

  constructor(urls: string[]) {
    this.ended = Promise.all(urls.map((url) => this.run(`${url}/v1/chat/completions`)));
  }

  async stop(): Promise<void> {
    this.isOn = false;
    await this.ended;
  }

  private async run(url: string): Promise<void> {
    for (let count = 0; this.isOn; count++) {
      const seed = count % 3 === 0 ? `${count}` : "shared";
      await send(url, chat(prose(seed, 2_000), { max_tokens: 3 }));
    }
  }
}

/** A poll takes 50 ms: after some of them every worker has the table. */
async function untilPolled({ url }: Sidecar): Promise<void> {
  await until("every pool's gateway polls", async () => {
    const page = await (await fetch(`${url}/metrics`)).text();
    const counts = POOLS.map((pool) => {
      return Number(
        new RegExp(`^warmroute_syncs_total\\{pool="${pool}"\\} (\\d+)`, "m").exec(page)?.[1] ?? 0,
      );
    });
    return counts.every((count) => count >= POLLS_MIN);
  });
}

async function untilScraped(prometheus: Prometheus): Promise<void> {
  const what = `${HISTORY_SCRAPES} scrapes of every target`;
  await until(
    what,
    async () => {
      const counts = await prometheus.query("sum_over_time(up[5m])");
      return (
        counts.length >= PAGES.length + 4 && counts.every(({ value }) => value >= HISTORY_SCRAPES)
      );
    },
    READY_TIMEOUT_MS,
  );
}

async function servePage(name: string): Promise<Server> {
  const text = readFileSync(projectPath("tests", "fixtures", "metrics", `${name}.txt`));
  const server = createServer((_, response) => response.end(text));
  await new Promise<void>((resolve) => server.listen(0, LOOPBACK, resolve));
  return server;
}

function addressOf(server: Server): string {
  return `${LOOPBACK}:${(server.address() as AddressInfo).port}`;
}

async function pageOf(address: string): Promise<string> {
  return (await fetch(`http://${address}/metrics`)).text();
}
