// Puts the parts together: what always runs, and the modules that the configuration turns on.
import { randomBytes } from "node:crypto";
import { hostname } from "node:os";
import type { Logger } from "pino";
import type { Clock } from "./clock.js";
import type { Config } from "./config/schema.js";
import { DISCOVERY_MODULES, needsCluster } from "./discovery/discovery.js";
import type { Cluster } from "./discovery/kubernetes/cluster.js";
import type { DiscoveredPools } from "./discovery/kubernetes/discovered-pools.js";
import type { ClusterTimes } from "./discovery/kubernetes/settings.js";
import { firstHashKey, watchHashKey } from "./hash-key.js";
import { HttpServer, plain } from "./http/server.js";
import { PoolRunner, type RunnerParts } from "./pools/pool-runner.js";
import { checkFiles } from "./scrape/client.js";
import { ScrapeLoop } from "./scrape/scrape-loop.js";
import type { Carrier } from "./sharing/carrier.js";
import { SyncService } from "./sync/sync.js";
import { poolsView } from "./view/pools-view.js";
import { createReadiness } from "./view/readiness.js";
import type { SidecarState } from "./view/state.js";

/** How often endpoints that found no number are tried again. */
const HOUSEKEEPING_MS = 10_000;

export interface SidecarParts {
  clock: Clock;
  log: Logger;
  version: string;
  /** How often the API server is asked; tests shorten it. */
  clusterTimes?: ClusterTimes;
}

export interface RunningSidecar {
  port: number;
  stop(): Promise<void>;
}

/** Resolves when the port is open; rejects with a ConfigError, or when the port cannot be had. */
export async function startSidecar(config: Config, parts: SidecarParts): Promise<RunningSidecar> {
  const { clock, log } = parts;
  const name = config.sharing?.name ?? hostname();
  const sync = new SyncService(clock, await firstHashKey(config, randomBytes, log), name);
  const state: SidecarState = {
    sync,
    clock,
    startedAtMs: clock.nowMs(),
    version: parts.version,
    isHashKeyRandom: config.hashKey === undefined && config.hashKeyFile === undefined,
    problems: new Map(),
    cluster: null,
  };
  const cluster = await openCluster(config, parts);
  sync.carrier = await openCarrier(config, sync.node, parts);
  const loop = new ScrapeLoop(config.scrape, clock);
  const runners: PoolRunner[] = [];
  for (const pool of config.pools) {
    const runner = await PoolRunner.create(pool, { config, clock, loop, log, cluster });
    sync.add(runner.pool);
    runners.push(runner);
  }
  const server = new HttpServer((error, path) => log.error({ err: error, path }, "request failed"));
  let hasStarted = false;
  addCoreRoutes(server, state, () => hasStarted);
  await addModules(server, state, config);
  const port = await server.listen(config.listen.host, config.listen.port);
  for (const runner of runners) await runner.start();
  const discovered = await followCluster(cluster, state, { config, clock, loop, log });
  hasStarted = true;
  const keyWatch = followHashKey(config, state, log);
  const timer = setInterval(() => {
    for (const { pool } of runners) pool.retryUnnumbered(clock.nowMs());
    discovered?.tidy(clock.nowMs());
  }, HOUSEKEEPING_MS);
  return {
    port,
    stop: async () => {
      clearInterval(timer);
      keyWatch?.stop();
      loop.stop();
      await discovered?.stop();
      cluster?.stop();
      await sync.carrier?.stop();
      await Promise.all([server.stop(), ...runners.map((runner) => runner.stop())]);
    },
  };
}

/** Before it `hasStarted` the state does not know yet what is to be waited for. */
function addCoreRoutes(server: HttpServer, state: SidecarState, hasStarted: () => boolean): void {
  const findPending = createReadiness(state);
  server.route("POST", "/v1/sync", ({ query, body }) => {
    const answer = state.sync.answer(query.get("pool") ?? "", body);
    if (answer.status !== 200) return plain(answer.status, answer.error);
    return { status: 200, type: "application/octet-stream", body: answer.body };
  });
  server.route("GET", "/v1/pools", () => {
    const body = `${JSON.stringify(poolsView(state))}\n`;
    return { status: 200, type: "application/json", body };
  });
  server.route("GET", "/healthz", () => plain(200, "ok"));
  server.route("GET", "/readyz", () => {
    const pending = hasStarted() ? findPending() : ["the first scrapes of all pools"];
    if (pending.length === 0) return plain(200, "ready");
    return plain(503, `waiting for ${pending.join(" and ")}`);
  });
}

/** Loaded only when used: the core runs, and starts, without them. */
async function addModules(server: HttpServer, state: SidecarState, config: Config): Promise<void> {
  if (config.statusPage) {
    const { statusPage } = await import("./view/status-page.js");
    server.route("GET", "/", () => statusPage(state));
  }
  if (config.metrics) {
    const { createMetrics } = await import("./view/own-metrics.js");
    server.route("GET", "/metrics", createMetrics(state));
  }
}

/** Throws a ConfigError when the configuration needs a cluster and there is no way to one. */
async function openCluster(config: Config, parts: SidecarParts): Promise<Cluster | null> {
  if (!needsCluster(config)) return null;
  const { clock, log, clusterTimes: times } = parts;
  if (config.kubernetes !== undefined) {
    await checkFiles({ ...config.kubernetes, name: "found in the cluster" });
  }
  return (await DISCOVERY_MODULES.cluster()).openCluster(config, { clock, log, times });
}

/** Throws a ConfigError when a file of the way to other sidecars cannot be read. */
async function openCarrier(
  { sharing }: Config,
  node: string,
  { clock, log }: SidecarParts,
): Promise<Carrier | null> {
  if (sharing === undefined) return null;
  const { startNats } = await import("./sharing/nats/nats.js");
  return startNats(sharing, node, { clock, log });
}

async function followCluster(
  cluster: Cluster | null,
  state: SidecarState,
  parts: Omit<RunnerParts, "cluster">,
): Promise<DiscoveredPools | null> {
  if (cluster === null) return null;
  const { kubernetes } = parts.config;
  const { DiscoveredPools, clusterState } = await DISCOVERY_MODULES.pools();
  const withCluster = { ...parts, cluster, sync: state.sync };
  const found = kubernetes === undefined ? null : new DiscoveredPools(kubernetes, withCluster);
  state.cluster = clusterState(cluster, found);
  cluster.start();
  return found;
}

function followHashKey(config: Config, { sync, problems }: SidecarState, log: Logger) {
  if (config.hashKeyFile === undefined) return null;
  return watchHashKey(config.hashKeyFile, {
    key: (key) => sync.setHashKey(key),
    problem: (text) => {
      if (text === null) problems.delete("hashKey");
      else problems.set("hashKey", text);
      if (text !== null) log.warn(text);
    },
  });
}
