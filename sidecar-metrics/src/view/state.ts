// What the views (JSON, status page, metrics) may look at.
import type { Clock } from "../clock.js";
import type { SyncService } from "../sync/sync.js";

/** What is known of the Kubernetes cluster that pods and pools come from. */
export interface ClusterState {
  /** URL of the API server. */
  server: string;
  /** The API server answers now. */
  isConnected: boolean;
  /** It has answered at least once. */
  hasAnswered: boolean;
  /** Whole sentences. */
  problems(): string[];
  /** What people may wonder about although nothing is wrong. */
  notes(): readonly string[];
  /** What is waited for before the first tables are whole. */
  pending(): string[];
  /** As JSON for /v1/pools. */
  view(): unknown;
}

export interface SidecarState {
  sync: SyncService;
  clock: Clock;
  startedAtMs: number;
  version: string;
  /** A key made up for this run cannot be shared between gateways. */
  isHashKeyRandom: boolean;
  /** What is wrong with the sidecar's own files, by subject. */
  problems: Map<string, string>;
  /** Null where nothing is found in a cluster. */
  cluster: ClusterState | null;
}
