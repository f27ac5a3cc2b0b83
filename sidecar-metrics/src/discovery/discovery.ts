// What a source of pods is, and the modules that are loaded only where the configuration asks.
import type { Config } from "../config/schema.js";
import type { PodList } from "../pools/pool.js";
import type { PodConfigDefaults } from "./pod-list.js";

export interface DiscoveryEvents {
  list(list: PodList): void;
  /** Something is wrong, and the last list stays in force; null: no longer. */
  problem(text: string | null): void;
}

export interface Discovery {
  stop(): void;
}

export type StartDiscovery<Source> = (
  source: Source,
  defaults: PodConfigDefaults,
  events: DiscoveryEvents,
) => Discovery;

export const DISCOVERY_MODULES = {
  file: async () => (await import("./file.js")).watchPodFile,
  cluster: async () => import("./kubernetes/open.js"),
  selected: async () => (await import("./kubernetes/selected-pods.js")).watchSelectedPods,
  pools: async () => ({
    ...(await import("./kubernetes/discovered-pools.js")),
    ...(await import("./kubernetes/cluster-state.js")),
  }),
};

/** Whether anything is to be found in a Kubernetes cluster. */
export function needsCluster({ kubernetes, pools }: Config): boolean {
  return kubernetes !== undefined || pools.some(({ pods }) => pods.kubernetes !== undefined);
}
