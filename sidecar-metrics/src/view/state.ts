// What the views (JSON, status page, metrics) may look at.
import type { Clock } from "../clock.js";
import type { SyncService } from "../sync/sync.js";

export interface SidecarState {
  sync: SyncService;
  clock: Clock;
  startedAtMs: number;
  version: string;
  /** A key made up for this run cannot be shared between gateways. */
  isHashKeyRandom: boolean;
  /** What is wrong with the sidecar's own files, by subject. */
  problems: Map<string, string>;
}
