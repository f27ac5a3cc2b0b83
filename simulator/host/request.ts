// Sends one request through a filter and plays client and upstream: what most tests want.
import { toBytes } from "./body-buffer.js";
import type { LocalResponse } from "./context.js";
import { HeaderMap, type Pair } from "./header-map.js";
import type { RootContext } from "./root-context.js";
import type { StreamContext, StreamOptions } from "./stream-context.js";

/** The header by which the filter names pods when its configuration does not say otherwise. */
export const DESTINATION_HEADER = "x-gateway-destination-endpoint";

export interface RequestSpec {
  /** POST when absent. */
  readonly method?: string;
  readonly path: string;
  /** Besides the pseudo headers; content-type and content-length are added for a body. */
  readonly headers?: readonly Pair[];
  /** The body as it arrives; an empty list is a request without a body. */
  readonly bodyChunks?: readonly (string | Uint8Array)[];
  readonly trailers?: readonly Pair[];
  /** The end comes in a data frame of its own, as from a chunked HTTP/1 body. */
  readonly endsApart?: boolean;
  /** No content-length, as with chunked encoding. */
  readonly isChunked?: boolean;
}

export interface ResponseSpec {
  /** 200 when absent. */
  readonly status?: number;
  /** content-type is application/json when absent here. */
  readonly headers?: readonly Pair[];
  readonly chunks?: readonly (string | Uint8Array)[];
  readonly trailers?: readonly Pair[];
  /** The host that served; the first one of the destination header when absent. */
  readonly upstreamAddress?: string;
  /** 1 when absent. */
  readonly attempts?: number;
  /** As in a request. */
  readonly endsApart?: boolean;
}

export interface RequestResult {
  readonly stream: StreamContext;
  /** What the callbacks of the request returned: headers, each chunk, trailers; -1: not called. */
  readonly requestActions: number[];
  readonly responseActions: number[];
  /** The destination as the upstream saw it; null when absent or the request never passed. */
  readonly destinationHeader: string | null;
  /** Bytes that reached the upstream. */
  readonly upstreamBody: string;
  /** Null when the client got nothing. */
  readonly responseHeadersSeen: HeaderMap | null;
  readonly responseBody: string;
  readonly localResponse: LocalResponse | null;
  /** The filter still holds the request: no response was sent, the stream has not ended. */
  readonly isHeld: boolean;
}

/** Options with which a test may look at bodies; the simulator leaves `keepBodies` out. */
const TEST_OPTIONS: StreamOptions = { keepBodies: true };

/** Request, response, end. With `response` null the request is sent and the stream stays open. */
export function runRequest(
  root: RootContext,
  request: RequestSpec,
  response: ResponseSpec | null = {},
  options: StreamOptions = TEST_OPTIONS,
): RequestResult {
  const stream = root.host.newStream(root, options);
  const requestActions = sendRequest(stream, request);
  const isPassed = stream.continued && stream.localResponse === null;
  const responseActions = isPassed && response !== null ? sendResponse(stream, response) : [];
  const isHeld = !stream.continued && stream.localResponse === null && !stream.isDestroyed;
  if (!isHeld && response !== null) stream.done();
  return {
    stream,
    requestActions,
    responseActions,
    destinationHeader: stream.upstream.headers?.get(DESTINATION_HEADER) ?? null,
    upstreamBody: stream.upstream.body?.toString() ?? "",
    responseHeadersSeen: stream.downstream.headers,
    responseBody: stream.downstream.body?.toString() ?? "",
    localResponse: stream.localResponse,
    isHeld,
  };
}

/** The client's part. Stops when the filter answers by itself, as Envoy drops what comes then. */
export function sendRequest(stream: StreamContext, request: RequestSpec): number[] {
  const chunks = (request.bodyChunks ?? []).map(toBytes);
  const headers = HeaderMap.from([
    [":method", request.method ?? "POST"],
    [":path", request.path],
    [":scheme", "http"],
    [":authority", "llm.example"],
  ]);
  if (chunks.length > 0) {
    const bytes = chunks.reduce((sum, chunk) => sum + chunk.length, 0);
    headers.set("content-type", "application/json");
    if (request.isChunked !== true) headers.set("content-length", String(bytes));
  }
  replaceAll(headers, request.headers ?? []);
  const { trailers } = request;
  const hasMore = trailers !== undefined || request.endsApart === true;
  const actions = [stream.requestHeaders(headers, chunks.length === 0 && trailers === undefined)];
  chunks.forEach((chunk, index) => {
    actions.push(stream.requestBody(chunk, index === chunks.length - 1 && !hasMore));
  });
  if (chunks.length > 0 && trailers === undefined && hasMore) {
    actions.push(stream.requestBody("", true));
  }
  if (trailers !== undefined) actions.push(stream.requestTrailers(trailers));
  return actions;
}

/** The upstream's part. */
export function sendResponse(stream: StreamContext, response: ResponseSpec): number[] {
  const destination = stream.upstream.headers?.get(DESTINATION_HEADER);
  stream.upstreamAddress = response.upstreamAddress ?? destination?.split(",")[0] ?? null;
  stream.attempts = response.attempts ?? 1;
  const headers = HeaderMap.from([
    [":status", String(response.status ?? 200)],
    ["content-type", "application/json"],
  ]);
  replaceAll(headers, response.headers ?? []);
  const chunks = response.chunks ?? [];
  const { trailers } = response;
  const hasMore = trailers !== undefined || response.endsApart === true;
  const actions = [stream.responseHeaders(headers, chunks.length === 0 && !hasMore)];
  chunks.forEach((chunk, index) => {
    actions.push(stream.responseBody(chunk, index === chunks.length - 1 && !hasMore));
  });
  if (trailers !== undefined) actions.push(stream.responseTrailers(trailers));
  else if (hasMore) actions.push(stream.responseBody("", true));
  return actions;
}

/** Given headers replace the defaults; the same name twice is two headers. */
function replaceAll(headers: HeaderMap, pairs: readonly Pair[]): void {
  for (const [name] of pairs) headers.remove(name);
  for (const [name, value] of pairs) headers.add(name, value);
}
