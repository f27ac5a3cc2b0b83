// What the views may know of the cluster and of the pools that were found in it.
import type { ClusterState } from "../../view/state.js";
import type { Cluster } from "./cluster.js";
import type { DiscoveredPools } from "./discovered-pools.js";

/** `discovered`: null where the pools are listed in the configuration. */
export function clusterState(cluster: Cluster, discovered: DiscoveredPools | null): ClusterState {
  return {
    server: cluster.server,
    get isConnected() {
      return cluster.isConnected;
    },
    get hasAnswered() {
      return cluster.hasAnswered;
    },
    problems: () => [...cluster.problems().values(), ...(discovered?.problems ?? [])],
    notes: () => discovered?.notes ?? [],
    pending: () => {
      const lists = cluster.pending();
      const isBehind = lists.length === 0 && discovered?.isWhole === false;
      return isBehind ? ["the InferencePools"] : lists;
    },
    view: () => cluster.view(),
  };
}
