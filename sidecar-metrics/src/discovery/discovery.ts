// What a source of pods is, and the modules that are loaded only where the configuration asks.
import type { PodConfigDefaults } from "./pod-list.js";
import type { PodList } from "../pools/pool.js";

export interface DiscoveryEvents {
  list(list: PodList): void;
  /** Something is wrong, and the last list stays in force; null: no longer. */
  problem(text: string | null): void;
}

export interface Discovery {
  stop(): void;
}

export type StartDiscovery = (
  source: string,
  defaults: PodConfigDefaults,
  events: DiscoveryEvents,
) => Discovery;

export const DISCOVERY_MODULES = {
  file: async (): Promise<StartDiscovery> => (await import("./file.js")).watchPodFile,
};
