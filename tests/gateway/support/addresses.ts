// Where everything of the Kubernetes rig listens: a private network in the suite's namespaces.

/** API server, Envoy Gateway, registry: the suite's own network namespace. */
export const CONTROL_ADDRESS = "10.77.0.1";
export const NETWORK = "10.77.0.0/24";
export const API_PORT = 6443;
export const REGISTRY_PORT = 5000;
/** vLLM's own. */
export const MODEL_PORT = 8000;

/** Envoy pods: each has a network namespace of its own, joined to the suite's. */
export const ENVOY_ADDRESSES = range(2, 10);
/** Model pods: addresses on the loopback device of the suite's namespace. */
export const MODEL_ADDRESSES = range(11, 60);

export const GATEWAY_NAMESPACE = "envoy-gateway-system";

function range(first: number, last: number): string[] {
  return Array.from({ length: last - first + 1 }, (_, index) => `10.77.0.${first + index}`);
}
