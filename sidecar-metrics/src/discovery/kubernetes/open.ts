// Opens the connection to the cluster that the configuration names, and says what it is for.
import type { Logger } from "pino";
import type { Clock } from "../../clock.js";
import type { Config } from "../../config/schema.js";
import { createClient } from "./client.js";
import { Cluster } from "./cluster.js";
import { CLUSTER_TIMES, type ClusterTimes } from "./settings.js";

export interface OpenParts {
  clock: Clock;
  log: Logger;
  times?: ClusterTimes | undefined;
}

/** Throws a ConfigError when the configuration leads to no API server. */
export function openCluster({ kubernetes }: Config, { clock, log, times }: OpenParts): Cluster {
  const used = times ?? CLUSTER_TIMES;
  const client = createClient(kubernetes?.kubeconfig, used.requestTimeoutMs);
  const cluster = new Cluster({ client, times: used, clock, log });
  if (kubernetes !== undefined) {
    for (const name of kubernetes.namespaces ?? [client.namespace]) cluster.watchPools(name);
  }
  return cluster;
}

/** Throws a ConfigError when the configuration leads to no API server; asks none. */
export function checkCluster({ kubernetes }: Config): void {
  createClient(kubernetes?.kubeconfig, CLUSTER_TIMES.requestTimeoutMs);
}
