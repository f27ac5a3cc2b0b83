// The raw ABI: proxy-runtime's declarations, and the host functions they lack. Nothing else of
// proxy-runtime is used: its runtime does not compile with a present AssemblyScript.
export {
  proxy_log,
  proxy_set_tick_period_milliseconds,
  proxy_get_property,
  proxy_continue_stream,
  proxy_get_shared_data,
  proxy_set_shared_data,
  proxy_get_header_map_pairs,
  proxy_replace_header_map_value,
  proxy_remove_header_map_value,
  proxy_get_buffer_bytes,
  proxy_send_local_response,
  proxy_http_call,
  proxy_define_metric,
  proxy_increment_metric,
  proxy_record_metric,
  proxy_set_effective_context,
} from "@solo-io/proxy-runtime/assembly/imports";

// @ts-ignore: decorator
@external("env", "proxy_set_buffer_bytes")
export declare function proxy_set_buffer_bytes(
  kind: u32,
  start: u32,
  length: u32,
  at: usize,
  size: u32,
): u32;

/**
 * Envoy offers these parts of WASI: a clock that never goes back, which the ABI's own is not, and
 * the only source of chance in a VM.
 */
// @ts-ignore: decorator
@external("wasi_snapshot_preview1", "clock_time_get")
export declare function clock_time_get(clock: u32, precisionNs: u64, ns: usize): u32;
// @ts-ignore: decorator
@external("wasi_snapshot_preview1", "random_get")
export declare function random_get(target: usize, bytes: usize): u32;
