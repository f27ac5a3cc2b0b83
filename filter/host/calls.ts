// One wrapper for each host function: a status or a plain value comes out, absent is distinct from
// empty, nothing is allocated. What the host returns lies in the scratch page until the next call.
import * as abi from "./imports";
import { Bytes } from "./bytes";

export const enum HeaderMap {
  Request = 0,
  RequestTrailers = 1,
  Response = 2,
  ResponseTrailers = 3,
  HttpCallResponse = 6,
}

export const enum BufferKind {
  RequestBody = 0,
  ResponseBody = 1,
  HttpCallResponse = 4,
  PluginConfiguration = 7,
}

export const enum LogLevel {
  Debug = 1,
  Info = 2,
  Warn = 3,
  Error = 4,
}

export const enum MetricKind {
  Counter = 0,
  Gauge = 1,
  Histogram = 2,
}

const OK: u32 = 0;
const NO_GRPC_STATUS: i32 = -1;
/** WASI's number of the monotonic clock. */
const MONOTONIC: u32 = 1;

/** Cells for the host's out parameters: address, size, one more word. */
const cells: usize = heap.alloc(16);

/** Where the last host result lies, and its size; both 0 after a call that returned nothing. */
export let resultAt: usize = 0;
export let resultSize: u32 = 0;
/** The compare-and-set number that came with the last shared datum. */
export let resultCas: u32 = 0;

// @ts-ignore: decorator
@inline
function clearCells(): void {
  store<u64>(cells, 0);
}

// @ts-ignore: decorator
@inline
function take(status: u32): bool {
  const isThere = status == OK && load<u32>(cells) != 0;
  resultAt = isThere ? <usize>load<u32>(cells) : 0;
  resultSize = isThere ? load<u32>(cells, 4) : 0;
  return isThere;
}

export function log(level: LogLevel, at: usize, size: u32): void {
  abi.proxy_log(level, at, size);
}

/** Logs a text made at run time; only for start, configuration and warnings that come once. */
export function logText(level: LogLevel, text: string): void {
  const bytes = String.UTF8.encode(text);
  abi.proxy_log(level, changetype<usize>(bytes), bytes.byteLength);
}

/** A clock in nanoseconds that never goes back. All VMs of an Envoy see the same one. */
export function nowNs(): u64 {
  store<u64>(cells, 0);
  abi.clock_time_get(MONOTONIC, 1, cells);
  return load<u64>(cells);
}

/** The same in milliseconds, with fractions. */
export function nowMs(): f64 {
  return <f64>nowNs() / 1e6;
}

/** 64 random bits; the clock's where the host has no source of chance. */
export function random64(): u64 {
  store<u64>(cells, 0);
  if (abi.random_get(cells, 8) != OK) return nowNs();
  return load<u64>(cells);
}

export function setTickPeriod(periodMs: u32): void {
  abi.proxy_set_tick_period_milliseconds(periodMs);
}

/** Reads all headers of a map into the result, as the ABI lays pairs out (see HeaderQuery). */
export function getHeaderPairs(map: HeaderMap): bool {
  clearCells();
  return take(abi.proxy_get_header_map_pairs(map, cells, cells + 4));
}

export function setHeader(map: HeaderMap, name: Bytes, at: usize, size: u32): void {
  abi.proxy_replace_header_map_value(map, name.at, name.size, at, size);
}

export function removeHeader(map: HeaderMap, name: Bytes): void {
  abi.proxy_remove_header_map_value(map, name.at, name.size);
}

/** Reads a property, for example `upstream.address` with a zero byte for the dot. */
export function getProperty(path: Bytes): bool {
  clearCells();
  return take(abi.proxy_get_property(path.at, path.size, cells, cells + 4));
}

/** Reads `size` bytes of a buffer from `start` into the result; false when nothing is there. */
export function getBuffer(kind: BufferKind, start: u32, size: u32): bool {
  clearCells();
  return take(abi.proxy_get_buffer_bytes(kind, start, size, cells, cells + 4));
}

/**
 * Takes `length` bytes off the front of a buffer and puts these in their place (`start` 0), or
 * appends these (`start` at its end or beyond). Elsewhere the host refuses.
 */
export function setBuffer(kind: BufferKind, start: u32, length: u32, at: usize, size: u32): bool {
  return abi.proxy_set_buffer_bytes(kind, start, length, at, size) == OK;
}

/** Answers a request in the upstream's place; the callback that does so must stop the request. */
export function sendLocalResponse(
  status: u32,
  details: Bytes,
  bodyAt: usize,
  bodySize: u32,
  pairsAt: usize,
  pairsSize: u32,
): bool {
  const result = abi.proxy_send_local_response(
    status,
    details.at,
    details.size,
    bodyAt,
    bodySize,
    pairsAt,
    pairsSize,
    NO_GRPC_STATUS,
  );
  return result == OK;
}

export function getShared(keyAt: usize, keySize: u32): bool {
  clearCells();
  store<u32>(cells, 0, 8);
  const isThere = take(abi.proxy_get_shared_data(keyAt, keySize, cells, cells + 4, cells + 8));
  resultCas = load<u32>(cells, 8);
  return isThere;
}

/** Writes a shared datum; with `cas` other than 0 only if nobody has written since it was read. */
export function setShared(keyAt: usize, keySize: u32, at: usize, size: u32, cas: u32): bool {
  return abi.proxy_set_shared_data(keyAt, keySize, at, size, cas) == OK;
}

/** Sends an HTTP request to a cluster; its number, or 0 when the host refused it. */
export function httpCall(
  cluster: Bytes,
  headersAt: usize,
  headersSize: u32,
  bodyAt: usize,
  bodySize: u32,
  timeoutMs: u32,
): u32 {
  // No trailers: an empty list of pairs is the number 0.
  store<u32>(cells, 0, 12);
  store<u32>(cells, 0, 8);
  const status = abi.proxy_http_call(
    cluster.at,
    cluster.size,
    headersAt,
    headersSize,
    bodyAt,
    bodySize,
    cells + 12,
    4,
    timeoutMs,
    cells + 8,
  );
  // The host numbers calls from 1, so that 0 can mean "refused".
  return status == OK ? max<u32>(load<u32>(cells, 8), 1) : 0;
}

export function defineMetric(kind: MetricKind, name: string): u32 {
  const bytes = String.UTF8.encode(name);
  store<u32>(cells, 0);
  abi.proxy_define_metric(kind, changetype<usize>(bytes), bytes.byteLength, cells);
  return load<u32>(cells);
}

export function incrementMetric(id: u32, by: i64): void {
  abi.proxy_increment_metric(id, by);
}

export function recordMetric(id: u32, value: u64): void {
  abi.proxy_record_metric(id, value);
}

/** Makes the following calls speak for another context, such as a stream in a tick. */
export function setEffectiveContext(contextId: u32): void {
  abi.proxy_set_effective_context(contextId);
}

/** Lets a request go on that was held by its headers callback. */
export function continueRequest(): void {
  abi.proxy_continue_stream(0);
}
