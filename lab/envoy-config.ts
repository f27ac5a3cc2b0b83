// Builds Envoy's configuration: the plain listener, filtered listeners, and the clusters they use.

const API = "type.googleapis.com/envoy.";
/**
 * Above the filter's limit of 8 MiB, so that Envoy does not answer 413 before it is asked. For an
 * HTTP/2 stream that limit is not the connection's buffer but the stream's window.
 */
const BUFFER_BYTES_MAX = 32 << 20;
const CONNECTIONS_MAX = 100_000;
const RELOAD_INTERVAL = "0.2s";
/**
 * As in manifests/base/52-backend-traffic-llm-gw.yaml; a test compares them. No 500: a prompt that
 * breaks an engine would be sent on to break the next one.
 */
export const RETRY_STATUSES: readonly number[] = [502, 503];

/** The header that names the pod; the filter's key `destinationHeader` must be the same. */
export const DESTINATION_HEADER = "x-gateway-destination-endpoint";
export const SIDECAR_CLUSTER = "warmroute-sidecar";

type Json = { [key: string]: unknown };
export type Listener = Json & { name: string };
export type Cluster = Json & { name: string };

export interface Bootstrap extends Json {
  admin: { address: SocketAddress };
  static_resources: { listeners: Listener[]; clusters: Cluster[] };
  dynamic_resources?: Json;
}

interface SocketAddress {
  socket_address: { address: string; port_value: number };
}

/** The wasm filter of one listener. */
export interface FilterOptions {
  /** Path of the .wasm file. */
  wasmPath: string;
  /** The plugin configuration: an object is sent as JSON, a string as it is (to test refusals). */
  config: object | string;
  /** Listeners of one vm_id with the same module share VMs and shared data. */
  vmId?: string;
  /** Names the plugin in logs and statistics. */
  name?: string;
  rootId?: string;
  /** `allow_on_headers_stop_iteration`; without it Envoy never shows the filter a held body. */
  allowHold?: boolean;
}

export interface ListenerOptions {
  name: string;
  port: number;
  host?: string;
  cluster: string;
  filter?: FilterOptions;
  /** Tries after the first, on another host, for connect failures, resets and `RETRY_STATUSES`. */
  retries?: number;
  /** Let WebSocket upgrades through. */
  upgrades?: boolean;
  bufferBytesMax?: number;
  /** As in Envoy's configuration. */
  accessLog?: object[];
}

export interface PodsOptions {
  name: string;
  /** `ip:port` or `[ip]:port` each. */
  pods: string[];
  /** Follow the destination header; least request decides only where there is none. */
  routed?: boolean;
  connectTimeoutMs?: number;
  /** Speak HTTP/2 to the pods. */
  http2?: boolean;
}

export function bootstrap(
  adminPort: number,
  listeners: Listener[],
  clusters: Cluster[],
): Bootstrap {
  return {
    // Envoy refuses dynamic listeners without a name of its own.
    node: { id: "warmroute", cluster: "warmroute" },
    admin: { address: socketAddress(`127.0.0.1:${adminPort}`) },
    static_resources: { listeners, clusters },
  };
}

/** A listener with one route to one cluster; without `filter` it is the standard route. */
export function httpListener(options: ListenerOptions): Listener {
  const { name, port, host = "127.0.0.1", bufferBytesMax = BUFFER_BYTES_MAX } = options;
  const filters = options.filter === undefined ? [] : [wasmFilter(options.filter)];
  const manager = {
    "@type": `${API}extensions.filters.network.http_connection_manager.v3.HttpConnectionManager`,
    stat_prefix: name,
    // HTTP/2 is seen by its preface, so one port serves both versions in plain text.
    codec_type: "AUTO",
    stream_idle_timeout: "0s",
    ...(options.accessLog === undefined ? {} : { access_log: options.accessLog }),
    http2_protocol_options: {
      initial_stream_window_size: bufferBytesMax,
      initial_connection_window_size: bufferBytesMax,
    },
    ...(options.upgrades === true ? { upgrade_configs: [{ upgrade_type: "websocket" }] } : {}),
    route_config: {
      name,
      virtual_hosts: [{ name: "all", domains: ["*"], routes: [route(options)] }],
    },
    http_filters: [
      ...filters,
      {
        name: "envoy.filters.http.router",
        typed_config: { "@type": `${API}extensions.filters.http.router.v3.Router` },
      },
    ],
  };
  return {
    name,
    address: socketAddress(`${host}:${port}`),
    per_connection_buffer_limit_bytes: bufferBytesMax,
    filter_chains: [
      {
        filters: [{ name: "envoy.filters.network.http_connection_manager", typed_config: manager }],
      },
    ],
  };
}

/** The pods of a pool. */
export function podsCluster(options: PodsOptions): Cluster {
  const leastRequest = {
    typed_extension_config: {
      name: "envoy.load_balancing_policies.least_request",
      typed_config: {
        "@type": `${API}extensions.load_balancing_policies.least_request.v3.LeastRequest`,
      },
    },
  };
  const overrideHost = {
    typed_extension_config: {
      name: "envoy.load_balancing_policies.override_host",
      typed_config: {
        "@type": `${API}extensions.load_balancing_policies.override_host.v3.OverrideHost`,
        override_host_sources: [{ header: DESTINATION_HEADER }],
        fallback_policy: { policies: [leastRequest] },
      },
    },
  };
  const policy = options.routed === true ? overrideHost : leastRequest;
  return {
    ...staticCluster(options.name, options.pods, options.connectTimeoutMs ?? 2000),
    load_balancing_policy: { policies: [policy] },
    per_connection_buffer_limit_bytes: BUFFER_BYTES_MAX,
    ...(options.http2 === true ? http2Upstream() : {}),
  };
}

/** The cluster that the filter polls. */
export function sidecarCluster(address: string, name = SIDECAR_CLUSTER): Cluster {
  return staticCluster(name, [address], 1000);
}

/** A file for `lds_config.path_config_source`. */
export function listenersFile(listeners: Listener[], version: number): string {
  const resources = listeners.map((one) => ({
    "@type": `${API}config.listener.v3.Listener`,
    ...one,
  }));
  return JSON.stringify({ version_info: String(version), resources }, null, 1);
}

function wasmFilter(filter: FilterOptions): Json {
  const { name = "warmroute", config, allowHold = true } = filter;
  const value = typeof config === "string" ? config : JSON.stringify(config);
  return {
    name: "envoy.filters.http.wasm",
    typed_config: {
      "@type": `${API}extensions.filters.http.wasm.v3.Wasm`,
      config: {
        name,
        root_id: filter.rootId ?? name,
        vm_config: {
          vm_id: filter.vmId ?? "warmroute",
          runtime: "envoy.wasm.runtime.v8",
          code: { local: { filename: filter.wasmPath } },
          allow_precompiled: false,
        },
        configuration: { "@type": "type.googleapis.com/google.protobuf.StringValue", value },
        // By default a trap fails every later request of the worker; this makes a new VM instead.
        failure_policy: "FAIL_RELOAD",
        reload_config: { backoff: { base_interval: RELOAD_INTERVAL } },
        allow_on_headers_stop_iteration: allowHold,
      },
    },
  };
}

function route(options: ListenerOptions): Json {
  const { cluster, retries = 0 } = options;
  const retryPolicy = {
    retry_on: "connect-failure,refused-stream,reset,retriable-status-codes",
    retriable_status_codes: RETRY_STATUSES,
    num_retries: retries,
    // The second address of the destination header is taken by the retry itself; this keeps the
    // fallback policy from choosing a host that failed already.
    retry_host_predicate: [
      {
        name: "envoy.retry_host_predicates.previous_hosts",
        typed_config: {
          "@type": `${API}extensions.retry.host.previous_hosts.v3.PreviousHostsPredicate`,
        },
      },
    ],
    host_selection_retry_max_attempts: 5,
  };
  // An answer may stream for as long as the model writes, so only the client ends it.
  const endless = { timeout: "0s", idle_timeout: "0s" };
  return {
    match: { prefix: "/" },
    route: { cluster, ...endless, ...(retries > 0 ? { retry_policy: retryPolicy } : {}) },
  };
}

function staticCluster(name: string, addresses: string[], connectTimeoutMs: number): Cluster {
  const limits = {
    max_connections: CONNECTIONS_MAX,
    max_pending_requests: CONNECTIONS_MAX,
    max_requests: CONNECTIONS_MAX,
    max_retries: CONNECTIONS_MAX,
  };
  return {
    name,
    type: "STATIC",
    connect_timeout: `${connectTimeoutMs / 1000}s`,
    circuit_breakers: { thresholds: [limits] },
    load_assignment: {
      cluster_name: name,
      endpoints: [
        { lb_endpoints: addresses.map((one) => ({ endpoint: { address: socketAddress(one) } })) },
      ],
    },
  };
}

function http2Upstream(): Json {
  const type = "envoy.extensions.upstreams.http.v3.HttpProtocolOptions";
  return {
    typed_extension_protocol_options: {
      [type]: {
        "@type": `type.googleapis.com/${type}`,
        explicit_http_config: { http2_protocol_options: {} },
      },
    },
  };
}

function socketAddress(hostPort: string): SocketAddress {
  const colon = hostPort.lastIndexOf(":");
  const address = hostPort.slice(0, colon).replace(/^\[(.*)\]$/, "$1");
  return { socket_address: { address, port_value: Number(hostPort.slice(colon + 1)) } };
}
