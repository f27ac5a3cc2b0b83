// Pods of one namespace by their labels, for pools that are listed in the configuration.
import type { SelectedPods } from "../../config/kubernetes.js";
import type { StartDiscovery } from "../discovery.js";
import type { Cluster } from "./cluster.js";
import { findEndpoints } from "./pods.js";

export interface SelectedSource {
  cluster: Cluster;
  from: SelectedPods;
}

export const watchSelectedPods: StartDiscovery<SelectedSource> = (source, defaults, events) => {
  const { cluster, from } = source;
  let told = "";
  let toldProblem: string | null = null;
  cluster.watchPods(from.namespace);
  const stop = cluster.listen(() => {
    const pods = cluster.objects(from.namespace)?.pods ?? null;
    if (pods === null) return;
    const found = findEndpoints(pods, from, defaults);
    const problem = found.problems.length === 0 ? null : found.problems.join("; ");
    if (problem !== toldProblem) events.problem(problem);
    toldProblem = problem;
    // Most changes of a pod are of no interest here: each list made known costs a new table.
    const content = JSON.stringify(found.pods);
    if (content === told) return;
    told = content;
    events.list({ pods: found.pods });
  });
  return { stop };
};
