// The names of what the migration adds, one set for each Gateway.
import type { KubeObject } from "./kube-object.js";

export interface Names {
  /** In the Gateway's namespace: EnvoyProxy and ClientTrafficPolicy. */
  gateway: string;
  /** Where Gateways of all namespaces meet: ConfigMap, ServiceAccount, Role and the like. */
  shared: string;
  /** In the Gateway's namespace, for one of its listeners: the other policies. */
  ofListener: (listener: string) => string;
}

export function namesFor(gateway: KubeObject): Names {
  return {
    gateway: `warmroute-${gateway.name}`,
    shared: `warmroute-${gateway.namespace}-${gateway.name}`,
    ofListener: (listener) => `warmroute-${gateway.name}-${listener}`,
  };
}
