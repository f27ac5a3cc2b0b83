// One direction of a stream with the filter in a VM: what Envoy's wasm Context does around the
// callbacks, and which headers and body the filter may see at each moment.
import { DataAction, HeadersAction, TrailersAction } from "./abi.js";
import type { BodyBuffer } from "./body-buffer.js";
import { FilterPath, type Sink } from "./filter-path.js";
import type { HeaderMap } from "./header-map.js";
import type { StreamContext } from "./stream-context.js";
import type { WasmFunction } from "./wasm-host.js";

/** The module's callbacks of one direction; a filter may leave any of them out. */
export interface DirectionCallbacks {
  readonly headers: WasmFunction | undefined;
  readonly body: WasmFunction | undefined;
  readonly trailers: WasmFunction | undefined;
}

export class VmPath extends FilterPath {
  /** Only until the filter lets them pass, or continues the stream. */
  headersNow: HeaderMap | null = null;
  trailersNow: HeaderMap | null = null;
  private dataNow: BodyBuffer | null = null;
  /** The last callback asked for buffering: the next one sees all that is held. */
  private isBuffering = false;

  constructor(
    private readonly stream: StreamContext,
    private readonly callbacks: DirectionCallbacks,
    private readonly isRequest: boolean,
    sink: Sink,
    limitBytes: number,
  ) {
    super(stream, sink, limitBytes);
  }

  /** What proxy_get_buffer_bytes reads and proxy_set_buffer_bytes changes; null: no body now. */
  get bodyNow(): BodyBuffer | null {
    return this.isBuffering ? this.held : this.dataNow;
  }

  /** proxy_continue_stream takes the request out of the filter's sight. */
  forget(): void {
    this.headersNow = null;
    this.dataNow = null;
    this.trailersNow = null;
  }

  protected onHeaders(headers: HeaderMap, end: boolean): number {
    const { stream } = this;
    if (this.isRequest) stream.create();
    else if (this.isSkipped()) return HeadersAction.Continue;
    this.headersNow = headers;
    const allMax = HeadersAction.StopAllIterationAndWatermark;
    const asked = stream.callAction(this.callbacks.headers, headers.size, end, allMax);
    let action = asked;
    if (asked === HeadersAction.ContinueAndEndStream) action = HeadersAction.Continue;
    else if (asked === HeadersAction.StopIteration && !stream.allowOnHeadersStopIteration) {
      action = allMax; // Then no body callback comes: the trap of the default configuration.
    }
    if (action === HeadersAction.Continue) this.headersNow = null;
    return action;
  }

  protected onData(data: BodyBuffer, end: boolean): number {
    if (this.isSkipped()) return DataAction.Continue;
    if (this.isBuffering) {
      this.holdBuffered(data);
      if (this.stream.isDestroyed) return DataAction.StopIterationAndBuffer;
    }
    this.dataNow = data;
    const size = this.bodyNow!.length;
    const closed = DataAction.StopIterationNoBuffer;
    const action = this.stream.callAction(this.callbacks.body, size, end, closed);
    this.isBuffering = action === DataAction.StopIterationAndBuffer;
    if (action === DataAction.Continue) this.dataNow = null;
    return action;
  }

  protected onTrailers(trailers: HeaderMap): number {
    if (this.isSkipped()) return TrailersAction.Continue;
    this.trailersNow = trailers;
    const closed = TrailersAction.StopIteration;
    const action = this.stream.callAction(this.callbacks.trailers, trailers.size, false, closed);
    if (action === TrailersAction.Continue) this.trailersNow = null;
    return action;
  }

  private isSkipped(): boolean {
    return !this.stream.isCreated || (!this.isRequest && this.stream.failureReplySent);
  }
}
