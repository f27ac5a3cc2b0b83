// Looks into the Envoy of a pod through its admin interface: filters, routes, clusters, statistics.
import { Agent, request } from "undici";
import type { ContainerPod } from "./container-pod.js";

/** Where Envoy Gateway puts it, on the pod's loopback address only. */
const ADMIN_PORT = 19000;

export interface HttpFilter {
  name: string;
  disabled?: boolean;
  typed_config: { config?: PluginConfig };
}

/** The part of a Wasm plugin's configuration that the manifests set. */
export interface PluginConfig {
  root_id?: string;
  allow_on_headers_stop_iteration?: boolean;
  failure_policy?: string;
  reload_config?: { backoff: { base_interval: string } };
  vm_config: { vm_id: string; code: { remote?: { sha256: string } } };
  configuration?: { value: string };
}

export interface Route {
  name: string;
  match: Record<string, unknown>;
  route: {
    cluster: string;
    timeout?: string;
    retry_policy?: Record<string, unknown>;
    request_mirror_policies?: Record<string, unknown>[];
  };
  typed_per_filter_config?: Record<string, unknown>;
}

interface Dump {
  configs: {
    dynamic_listeners?: { name: string; active_state?: { listener: Listener } }[];
    dynamic_route_configs?: { route_config: { name: string; virtual_hosts: VirtualHost[] } }[];
    dynamic_active_clusters?: { cluster: Cluster }[];
  }[];
}

interface Listener {
  per_connection_buffer_limit_bytes?: number;
  filter_chains?: Chain[];
  default_filter_chain?: Chain;
}

interface Chain {
  filters: { typed_config: { http_filters?: HttpFilter[] } }[];
}

interface VirtualHost {
  name: string;
  domains: string[];
  routes: Route[];
}

export interface Cluster {
  name: string;
  connect_timeout?: string;
  load_balancing_policy?: {
    policies: { typed_extension_config: { name: string; typed_config: object } }[];
  };
}

export class EnvoyView {
  private constructor(private readonly agent: Agent) {}

  static async open(pod: ContainerPod): Promise<EnvoyView> {
    const socketPath = await pod.relay(ADMIN_PORT);
    return new EnvoyView(new Agent({ connect: { socketPath } }));
  }

  async get(path: string): Promise<string> {
    const answer = await request(`http://admin${path}`, { dispatcher: this.agent });
    return await answer.body.text();
  }

  /** The HTTP filters of a listener, `NAMESPACE/GATEWAY/LISTENER`, in order. */
  async filters(listener: string): Promise<HttpFilter[]> {
    const { filter_chains = [], default_filter_chain } = await this.listener(listener);
    const chains =
      default_filter_chain === undefined ? filter_chains : [...filter_chains, default_filter_chain];
    return chains.flatMap(({ filters }) =>
      filters.flatMap(({ typed_config }) => typed_config.http_filters ?? []),
    );
  }

  async listener(name: string): Promise<Listener> {
    const { configs } = await this.#dump();
    const all = configs.flatMap(({ dynamic_listeners = [] }) => dynamic_listeners);
    const found = all.find((one) => one.name === name)?.active_state?.listener;
    if (found === undefined) throw new Error(`Envoy has no listener ${name}`);
    return found;
  }

  /** All routes of a listener. */
  async routes(listener: string): Promise<Route[]> {
    const { configs } = await this.#dump();
    return configs
      .flatMap(({ dynamic_route_configs = [] }) => dynamic_route_configs)
      .filter(({ route_config }) => route_config.name === listener)
      .flatMap(({ route_config }) => route_config.virtual_hosts)
      .flatMap(({ routes }) => routes);
  }

  async clusters(): Promise<Cluster[]> {
    const { configs } = await this.#dump();
    return configs
      .flatMap(({ dynamic_active_clusters = [] }) => dynamic_active_clusters)
      .map(({ cluster }) => cluster);
  }

  /** The sum of all counters and gauges whose name matches. */
  async sum(filter: string): Promise<number> {
    const text = await this.get(`/stats?filter=${encodeURIComponent(filter)}`);
    return [...text.matchAll(/: (\d+)$/gm)].reduce((sum, [, value]) => sum + Number(value), 0);
  }

  async close(): Promise<void> {
    await this.agent.close();
  }

  async #dump(): Promise<Dump> {
    return JSON.parse(await this.get("/config_dump")) as Dump;
  }
}
