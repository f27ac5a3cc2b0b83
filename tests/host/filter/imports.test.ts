// The built module asks of Envoy only what Envoy has, and offers what Envoy calls.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { loadModule } from "../../../simulator/host/index.js";
import { filterPath } from "./support/gateway.js";

/**
 * Host functions of proxy-wasm-cpp-host for ABI 0.2.1, without "proxy_", as in its exports.h:
 * FOR_ALL_HOST_FUNCTIONS, and of the ABI-specific ones those of 0.2.x. One that is not among them,
 * such as clear_route_cache of 0.1.0, makes the module unloadable and its listener answer 503.
 */
const ENVOY_HAS = new Set(
  (
    "log get_log_level get_status set_property get_property send_local_response continue_stream " +
    "close_stream get_shared_data set_shared_data register_shared_queue resolve_shared_queue " +
    "dequeue_shared_queue enqueue_shared_queue get_header_map_value add_header_map_value " +
    "replace_header_map_value remove_header_map_value get_header_map_pairs set_header_map_pairs " +
    "get_header_map_size get_buffer_status get_buffer_bytes set_buffer_bytes http_call grpc_call " +
    "grpc_stream grpc_close grpc_cancel grpc_send set_tick_period_milliseconds " +
    "get_current_time_nanoseconds define_metric increment_metric record_metric get_metric " +
    "set_effective_context done call_foreign_function"
  ).split(" "),
);

/** Of what Envoy has of WASI, the parts whose behaviour there was looked at. */
const WASI_HAS = new Set(["random_get", "clock_time_get"]);

const module = new WebAssembly.Module(readFileSync(filterPath()));

test("every import is a function that Envoy has", () => {
  const imports = WebAssembly.Module.imports(module);
  assert.ok(imports.length > 10);
  for (const { module: from, name, kind } of imports) {
    assert.equal(kind, "function", name);
    if (from === "wasi_snapshot_preview1") assert.ok(WASI_HAS.has(name), name);
    else {
      assert.equal(from, "env");
      assert.ok(name.startsWith("proxy_") && ENVOY_HAS.has(name.slice(6)), name);
    }
  }
});

test("with the signatures that Envoy's runtime checks", () => {
  loadModule(readFileSync(filterPath()));
});

test("the module names its ABI, gives memory, and answers the callbacks it is written for", () => {
  const exports = new Map(
    WebAssembly.Module.exports(module).map(({ name, kind }) => [name, kind] as const),
  );
  assert.equal(exports.get("memory"), "memory");
  const functions =
    "proxy_abi_version_0_2_1 malloc proxy_on_context_create proxy_on_vm_start " +
    "proxy_on_configure proxy_on_tick proxy_on_http_call_response proxy_on_request_headers " +
    "proxy_on_request_body proxy_on_request_trailers proxy_on_response_headers " +
    "proxy_on_response_body proxy_on_response_trailers proxy_on_delete";
  for (const name of functions.split(" ")) assert.equal(exports.get(name), "function", name);
  // Envoy takes the first ABI it finds, and would look for _start before anything else.
  const abis = [...exports.keys()].filter((name) => name.startsWith("proxy_abi_version"));
  assert.deepEqual(abis, ["proxy_abi_version_0_2_1"]);
  assert.equal(exports.has("_start"), false);
});
