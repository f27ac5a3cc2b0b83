// A call that the filter makes with proxy_http_call, waiting for whoever plays the other server.
import { BodyBuffer, toBytes } from "./body-buffer.js";
import { HeaderMap, type Pair } from "./header-map.js";
import type { RootContext } from "./root-context.js";

/** What the filter reads in proxy_on_http_call_response; null headers: the call failed. */
export interface HttpCallResult {
  readonly headers: HeaderMap;
  readonly body: BodyBuffer;
  readonly trailers: HeaderMap | null;
}

export class HttpCall {
  constructor(
    readonly root: RootContext,
    /** The number by which the filter knows the call. */
    readonly token: number,
    readonly cluster: string,
    readonly headers: HeaderMap,
    readonly body: Uint8Array,
    /** 0: no limit. */
    readonly timeoutMs: number,
  ) {}

  /** False once it was answered, or its root context is gone. */
  get isPending(): boolean {
    return this.root.httpCalls.get(this.token) === this;
  }

  /** A second answer is ignored, as is one for a root context that is gone. */
  respond(
    status: number,
    headers: Iterable<Pair> = [],
    body: Uint8Array | string = "",
    trailers: Iterable<Pair> | null = null,
  ): void {
    this.root.finishHttpCall(this, {
      headers: HeaderMap.from([[":status", String(status)], ...headers]),
      body: BodyBuffer.of(toBytes(body)),
      trailers: trailers === null ? null : HeaderMap.from(trailers),
    });
  }

  /** The connection was reset: no headers, no body, status BrokenConnection. */
  fail(): void {
    this.root.finishHttpCall(this, null);
  }

  /** What Envoy answers to the filter when `timeoutMs` have passed. */
  timeOut(): void {
    const body = "upstream request timeout";
    this.respond(
      504,
      [
        ["content-length", String(body.length)],
        ["content-type", "text/plain"],
      ],
      body,
    );
  }
}
