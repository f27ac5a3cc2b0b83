// The proxy-wasm callbacks (ABI 0.2.1), and nothing else: each goes straight to its handler.
import { nowMs } from "./host/calls";
import { scratchFor } from "./host/memory";
import { TICK_PERIOD_MS } from "./constants";
import { defineMetrics, flushMetrics } from "./metrics";
import { closeRoot, findRoot, openRoot, showPools } from "./root";
import * as stream from "./stream";

/** Managed objects are made on configuration and reports only; they are collected this often. */
const COLLECT_EVERY_MS: f64 = 10000;
let collectedMs: f64 = 0;

export function proxy_abi_version_0_2_1(): void {}

export function malloc(bytes: u32): usize {
  return scratchFor(bytes);
}

export function proxy_on_context_create(contextId: u32, parentId: u32): void {
  if (parentId == 0) openRoot(contextId);
  else stream.onStreamCreate(contextId, parentId);
}

export function proxy_on_vm_start(rootContextId: u32, configurationBytes: u32): u32 {
  defineMetrics();
  return 1;
}

export function proxy_on_configure(rootContextId: u32, configurationBytes: u32): u32 {
  openRoot(rootContextId);
  const root = findRoot(rootContextId);
  return root != null && root.configure(configurationBytes) ? 1 : 0;
}

export function proxy_on_tick(rootContextId: u32): void {
  const root = findRoot(rootContextId);
  if (root == null) return;
  const atMs = nowMs();
  stream.tickStreams(rootContextId, atMs);
  for (let i = 0; i < root.pools.length; i++) unchecked(root.pools[i]).tick(atMs, TICK_PERIOD_MS);
  showPools(atMs);
  flushMetrics();
  if (atMs - collectedMs < COLLECT_EVERY_MS) return;
  // At the end of a callback no object is held by the stack, so collecting is safe.
  collectedMs = atMs;
  __collect();
}

export function proxy_on_http_call_response(
  rootContextId: u32,
  call: u32,
  headers: u32,
  bodyBytes: u32,
  trailers: u32,
): void {
  const root = findRoot(rootContextId);
  if (root == null) return;
  for (let i = 0; i < root.pools.length; i++) {
    const pool = unchecked(root.pools[i]);
    if (pool.sync.onAnswer(pool, call, headers, bodyBytes, nowMs())) return;
  }
}

export function proxy_on_request_headers(contextId: u32, headers: u32, isEnd: u32): u32 {
  return stream.onRequestHeaders(contextId, isEnd != 0);
}

export function proxy_on_request_body(contextId: u32, bytes: u32, isEnd: u32): u32 {
  return stream.onRequestBody(contextId, bytes, isEnd != 0);
}

export function proxy_on_request_trailers(contextId: u32, trailers: u32): u32 {
  return stream.onRequestTrailers(contextId);
}

export function proxy_on_response_headers(contextId: u32, headers: u32, isEnd: u32): u32 {
  stream.onResponseHeaders(contextId, isEnd != 0);
  return 0;
}

export function proxy_on_response_body(contextId: u32, bytes: u32, isEnd: u32): u32 {
  stream.onResponseBody(contextId, bytes, isEnd != 0);
  return 0;
}

export function proxy_on_response_trailers(contextId: u32, trailers: u32): u32 {
  stream.onResponseTrailers(contextId);
  return 0;
}

/** The one callback at the end that is exported: each more costs a request a way into the VM. */
export function proxy_on_delete(contextId: u32): void {
  stream.onStreamDelete(contextId);
  // Of a VM that ends with its root no tick follows.
  if (closeRoot(contextId)) flushMetrics();
}
