// Completes listed pods with what their pool sets for all.
import type { ListedPod } from "../config/pods.js";
import type { PodSettings } from "../pools/endpoint.js";

export interface PodConfigDefaults {
  scheme: "http" | "https";
  metricsPath: string;
  metricsPort?: number | undefined;
}

export function completePods(
  pods: readonly ListedPod[],
  defaults: PodConfigDefaults,
): PodSettings[] {
  return pods.map((pod) => ({
    address: pod.address,
    scheme: pod.scheme ?? defaults.scheme,
    metricsPath: pod.metricsPath ?? defaults.metricsPath,
    metricsPort: pod.metricsPort ?? defaults.metricsPort ?? null,
    isDraining: pod.draining,
    uid: null,
    podName: null,
  }));
}
