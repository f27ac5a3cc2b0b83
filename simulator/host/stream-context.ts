// One HTTP stream as Envoy runs it through the filter: request, response, local replies, the end.
import { BufferType, HeaderMapType, ResponseFlag, Status, StreamType } from "./abi.js";
import { BodyBuffer, toBytes } from "./body-buffer.js";
import { Context, type LocalResponse, type PropertyValue } from "./context.js";
import { type FilterPath, type PathOwner, Sink } from "./filter-path.js";
import { HeaderMap, type Pair } from "./header-map.js";
import { streamProperty } from "./properties.js";
import type { RootContext } from "./root-context.js";
import { VmPath } from "./vm-path.js";
import type { WasmFunction } from "./wasm-host.js";

export interface StreamOptions {
  /** PluginConfig.allow_on_headers_stop_iteration; else the root's setting. */
  readonly allowOnHeadersStopIteration?: boolean;
  /** Keep the bytes that pass in `upstream.body` and `downstream.body`; else only their count. */
  readonly keepBodies?: boolean;
  /** Per direction; a body held above it gives 413, a response 500. No limit when absent. */
  readonly bufferLimitBytes?: number;
}

export class StreamContext extends Context implements PathOwner {
  /** What the upstream got; `upstream.headers` is null while the filter holds the request. */
  readonly upstream: Sink;
  /** What the client got. */
  readonly downstream: Sink;
  readonly request: VmPath;
  readonly response: VmPath;
  readonly allowOnHeadersStopIteration: boolean;

  // Facts of Envoy that the filter can ask for.
  /** The host that served, `ip:port`; null before one was chosen and for local replies. */
  upstreamAddress: string | null = null;
  attempts = 0;
  responseFlags = 0;
  codeDetails: string | null = null;
  /** More properties by path, parts joined by a zero; they win over the built-in ones. */
  properties: Map<string, PropertyValue> | null = null;
  /** What proxy_set_property stored. */
  filterState: Map<string, Uint8Array> | null = null;

  /** The answer that the filter (or Envoy for it) gave instead of the upstream's. */
  localResponse: LocalResponse | null = null;
  /** The stream was cut: by proxy_close_stream, or by a local reply after response headers. */
  isReset = false;
  routeCacheClears = 0;
  isCreated = false;
  isDestroyed = false;
  failureReplySent = false;
  private localComplete = false;
  private prepared: LocalResponse | null = null;
  private hasFailed = false;

  constructor(
    id: number,
    readonly root: RootContext,
    options: StreamOptions,
  ) {
    super(id);
    const { host } = root;
    const keep = options.keepBodies ?? false;
    const limit = options.bufferLimitBytes ?? Infinity;
    this.allowOnHeadersStopIteration =
      options.allowOnHeadersStopIteration ?? root.allowOnHeadersStopIteration;
    this.upstream = new Sink(keep);
    this.downstream = new Sink(keep);
    this.request = new VmPath(this, host.requestCallbacks, true, this.upstream, limit);
    this.response = new VmPath(this, host.responseCallbacks, false, this.downstream, limit);
  }

  // What comes from the client.

  /** A HeaderMap is used as it is, and changed; pairs are copied. */
  requestHeaders(headers: HeaderMap | Iterable<Pair>, end = false): number {
    return this.request.receiveHeaders(toMap(headers), end);
  }

  requestBody(chunk: Uint8Array | string, end = false): number {
    return this.request.receiveData(BodyBuffer.of(toBytes(chunk)), end);
  }

  requestTrailers(trailers: HeaderMap | Iterable<Pair>): number {
    return this.request.receiveTrailers(toMap(trailers));
  }

  /** The client has gone: flag and details as Envoy sets them, then the end of the stream. */
  disconnect(): void {
    this.responseFlags |= ResponseFlag.DownstreamConnectionTermination;
    this.codeDetails = "downstream_remote_disconnect";
    this.done();
  }

  // What comes from the upstream.

  responseHeaders(headers: HeaderMap | Iterable<Pair>, end = false): number {
    this.codeDetails ??= "via_upstream";
    return this.encodeHeaders(toMap(headers), end);
  }

  responseBody(chunk: Uint8Array | string, end = false): number {
    if (end) this.localComplete = true;
    return this.response.receiveData(BodyBuffer.of(toBytes(chunk)), end);
  }

  responseTrailers(trailers: HeaderMap | Iterable<Pair>): number {
    this.localComplete = true;
    return this.response.receiveTrailers(toMap(trailers));
  }

  private encodeHeaders(headers: HeaderMap, end: boolean): number {
    this.localComplete = end;
    return this.response.receiveHeaders(headers, end);
  }

  /** An answer by Envoy itself, as when no upstream could be reached; it passes the filter. */
  envoyReply(status: number, details: string, body = "", flags = 0): void {
    this.responseFlags |= flags;
    this.sendLocalReply({ status, headers: [], body: toBytes(body), details });
  }

  /** Whether the filter has let the request go on to an upstream. */
  get continued(): boolean {
    return this.upstream.headers !== null;
  }

  /** The request's headers as they are now, whether they are held or have passed. */
  get requestHeaderMap(): HeaderMap | null {
    return this.request.headers;
  }

  /** The end, in Envoy's order: log, done, delete. May be called again without effect. */
  done(): void {
    if (this.isDestroyed) return;
    const { host } = this.root;
    this.create(); // Envoy creates a context for the log of a request that never began.
    this.isLogging = true;
    host.callVoid(this, host.callbacks.onLog, this.id);
    this.isLogging = false;
    this.isDestroyed = true;
    host.callVoid(this, host.callbacks.onDone, this.id);
    host.callVoid(this, host.callbacks.onDelete, this.id);
    host.forget(this);
  }

  /** The context in the VM is made when the request's headers come. */
  create(): void {
    if (this.isCreated) return;
    const { host } = this.root;
    host.callVoid(this, host.callbacks.onContextCreate, this.id, this.root.id);
    this.isCreated = true;
  }

  /** A callback that returns an action; `closed` is the highest there is and what a failure is. */
  callAction(fn: WasmFunction | undefined, size: number, end: boolean, closed: number): number {
    const { host } = this.root;
    if (host.error !== null) return this.fail(closed);
    if (fn === undefined) return 0;
    let action = host.call(this, fn, this.id, size, end ? 1 : 0);
    if (host.error !== null) action = this.fail(closed);
    else if (host.stopNextIteration || action > closed) action = closed;
    host.afterCall();
    return action;
  }

  private fail(closed: number): number {
    if (this.root.failOpen) return 0;
    if (!this.hasFailed) {
      this.hasFailed = true;
      const body = new Uint8Array(0);
      this.sendLocalReply({ status: 503, headers: [], body, details: "wasm_fail_stream" });
      this.failureReplySent = true;
    }
    return closed;
  }

  // Local replies, as in FilterManager::sendLocalReply.

  sendLocalReply(reply: LocalResponse): void {
    if (this.isDestroyed) return;
    this.codeDetails = reply.details;
    const isDecoding = this.request.callDepth > 0;
    if (isDecoding) this.request.aborted = true;
    else if (this.response.callDepth > 0) this.response.aborted = true;
    if (this.response.headers === null) {
      if (!isDecoding) this.encodeLocalReply(reply);
      else this.prepared ??= reply; // After the callback, so that callbacks do not nest.
    } else if (this.downstream.headers === null) {
      this.localResponse = reply; // Past the filters, which have seen other headers already.
      this.localComplete = true;
      this.downstream.takeHeaders(replyHeaders(reply), reply.body.length === 0);
      if (reply.body.length > 0) this.downstream.takeData(BodyBuffer.of(reply.body), true);
    } else {
      this.reset();
    }
  }

  private encodeLocalReply(reply: LocalResponse): void {
    this.localResponse = reply;
    const isHead = this.request.headers?.get(":method") === "HEAD";
    const headersOnly = reply.body.length === 0 || isHead;
    this.encodeHeaders(replyHeaders(reply), headersOnly);
    if (!headersOnly && !this.isDestroyed) this.responseBody(reply.body, true);
  }

  private reset(): void {
    this.isReset = true;
    this.done();
  }

  isClosed(path: FilterPath): boolean {
    if (this.isDestroyed || this.isReset) return true;
    return path === this.request ? this.localComplete : this.downstream.ended;
  }

  afterAbort(path: FilterPath): void {
    const reply = this.prepared;
    if (path !== this.request || reply === null) return;
    this.prepared = null;
    this.encodeLocalReply(reply);
  }

  tooLarge(path: FilterPath): void {
    const isRequest = path === this.request;
    const body = toBytes(isRequest ? "Payload Too Large" : "Internal Server Error");
    const details = `${isRequest ? "request" : "response"}_payload_too_large`;
    this.sendLocalReply({ status: isRequest ? 413 : 500, headers: [], body, details });
  }

  // What host functions ask.

  override readableMap(type: number): HeaderMap | null {
    const { request, response, isLogging } = this;
    switch (type) {
      case HeaderMapType.RequestHeaders:
        return isLogging ? request.headers : request.headersNow;
      case HeaderMapType.RequestTrailers:
        return isLogging ? null : request.trailersNow;
      case HeaderMapType.ResponseHeaders:
        return isLogging ? response.headers : response.headersNow;
      case HeaderMapType.ResponseTrailers:
        return isLogging ? response.trailers : response.trailersNow;
      default:
        return this.root.readableMap(type);
    }
  }

  /** Trailers cannot be added to a message without any, which Envoy allows at its end. */
  override writableMap(type: number): HeaderMap | null {
    switch (type) {
      case HeaderMapType.RequestHeaders:
        return this.request.headersNow;
      case HeaderMapType.RequestTrailers:
        return this.request.trailersNow;
      case HeaderMapType.ResponseHeaders:
        return this.response.headersNow;
      case HeaderMapType.ResponseTrailers:
        return this.response.trailersNow;
      default:
        return null;
    }
  }

  /** A changed request may take another route, so Envoy looks it up again. */
  override onMapChanged(type: number): void {
    if (type === HeaderMapType.RequestHeaders) this.routeCacheClears++;
  }

  override clearRouteCache(): void {
    this.routeCacheClears++;
  }

  override buffer(type: number): BodyBuffer | null {
    if (type === BufferType.HttpRequestBody) {
      return this.request.bodyNow ?? super.buffer(type);
    }
    if (type === BufferType.HttpResponseBody) {
      return this.response.bodyNow ?? super.buffer(type);
    }
    return this.root.buffer(type);
  }

  override isWritable(type: number): boolean {
    if (type === BufferType.HttpRequestBody) return this.request.bodyNow !== null;
    return type === BufferType.HttpResponseBody && this.response.bodyNow !== null;
  }

  override property(path: string): PropertyValue | undefined {
    return streamProperty(this, path);
  }

  override setProperty(path: string, value: Uint8Array): Status {
    this.filterState ??= new Map();
    this.filterState.set(path, value);
    return Status.Ok;
  }

  override continueStream(type: number): Status {
    if (type > StreamType.Response) return super.continueStream(type);
    const path = type === StreamType.Request ? this.request : this.response;
    this.root.host.defer(() => path.resume());
    this.request.forget(); // For either direction, as Envoy has it.
    return Status.Ok;
  }

  override closeStream(type: number): Status {
    if (type > StreamType.Response) return Status.Ok;
    this.codeDetails ??= "wasm_close_stream";
    this.root.host.defer(() => this.reset());
    return Status.Ok;
  }

  override sendLocalResponse(response: LocalResponse): void {
    this.root.host.defer(() => this.sendLocalReply(response));
  }
}

function toMap(headers: HeaderMap | Iterable<Pair>): HeaderMap {
  return headers instanceof HeaderMap ? headers : HeaderMap.from(headers);
}

function replyHeaders(reply: LocalResponse): HeaderMap {
  const map = HeaderMap.from([[":status", String(reply.status)], ...reply.headers]);
  if (reply.body.length === 0) {
    map.remove("content-length");
    map.remove("content-type");
    return map;
  }
  map.set("content-length", String(reply.body.length));
  if (map.get("content-type") === undefined) map.set("content-type", "text/plain");
  return map;
}
