// Stands for a cloud's load balancer: gives the gateway's Services the address of their newest pod.
import { GATEWAY_NAMESPACE } from "./addresses.js";
import type { KubeApi, KubeObject } from "./kube-api.js";
import type { Pod } from "./pod-spec.js";

interface Service extends KubeObject {
  spec: { type: string; selector?: Record<string, string> };
}

/** Without it the Gateway has no address and is never Programmed. */
export async function assignAddress(api: KubeApi, pod: Pod, address: string): Promise<void> {
  const path = `/api/v1/namespaces/${GATEWAY_NAMESPACE}/services`;
  for (const { metadata, spec } of await api.items<Service>(path)) {
    const wanted = Object.entries(spec.selector ?? {});
    const isItsPod = wanted.every(([key, value]) => pod.metadata.labels?.[key] === value);
    if (spec.type !== "LoadBalancer" || wanted.length === 0 || !isItsPod) continue;
    const status = { loadBalancer: { ingress: [{ ip: address }] } };
    await api.patch(`${path}/${metadata.name}/status`, { status });
  }
}
