// One direction of a stream: how Envoy's filter manager calls one filter, holds what it stops, and
// passes on what it lets through. Follows ActiveStreamFilterBase in Envoy's filter_manager.cc.
import { DataAction, HeadersAction, NOT_CALLED, TrailersAction } from "./abi.js";
import { BodyBuffer } from "./body-buffer.js";
import type { HeaderMap } from "./header-map.js";

const enum Iteration {
  Continue,
  /** Headers or data are held, the filter still gets callbacks. */
  StopSingle,
  /** Everything is held, without callbacks. */
  StopAll,
}

/** What came out behind the filter: the upstream's view of requests, the client's of responses. */
export class Sink {
  headers: HeaderMap | null = null;
  trailers: HeaderMap | null = null;
  bodyBytes = 0;
  /** The bytes themselves, where the stream was told to keep them. */
  body: BodyBuffer | null;
  ended = false;

  constructor(keepBody: boolean) {
    this.body = keepBody ? new BodyBuffer() : null;
  }

  takeHeaders(headers: HeaderMap, end: boolean): void {
    this.headers = headers;
    if (end) this.ended = true;
  }

  takeData(data: BodyBuffer, end: boolean): void {
    this.bodyBytes += data.length;
    if (this.body !== null) this.body.move(data);
    else data.clear();
    if (end) this.ended = true;
  }

  takeTrailers(trailers: HeaderMap): void {
    this.trailers = trailers;
    this.ended = true;
  }
}

/** What the stream adds: when nothing may pass, local replies, limits. */
export interface PathOwner {
  /** The response is complete or the stream was reset: what comes is dropped. */
  isClosed(path: FilterPath): boolean;
  /** A local reply was sent inside a callback of this direction; it is carried out now. */
  afterAbort(path: FilterPath): void;
  /** More than `limitBytes` are held while the filter asked for buffering. */
  tooLarge(path: FilterPath): void;
}

export abstract class FilterPath {
  headers: HeaderMap | null = null;
  trailers: HeaderMap | null = null;
  /** What was held back so far; the filter may read and change it. */
  held: BodyBuffer | null = null;
  /** The sender has ended this direction. */
  complete = false;
  /** A local reply took over inside a callback of this direction. */
  aborted = false;
  /** Callbacks of this direction under way. */
  callDepth = 0;
  private headersPassed = false;
  private iteration = Iteration.Continue;
  private filterEnded = false;
  private streaming = false;

  constructor(
    private readonly owner: PathOwner,
    readonly sink: Sink,
    private readonly limitBytes: number,
  ) {}

  /** The filter's callbacks in this direction; each returns an action of abi.ts. */
  protected abstract onHeaders(headers: HeaderMap, end: boolean): number;
  protected abstract onData(data: BodyBuffer, end: boolean): number;
  protected abstract onTrailers(trailers: HeaderMap): number;

  receiveHeaders(headers: HeaderMap, end: boolean): number {
    this.headers = headers;
    this.complete = end;
    this.filterEnded = end;
    this.callDepth++;
    const action = this.onHeaders(headers, end);
    this.callDepth--;
    if (this.aborted) {
      this.iteration = Iteration.StopSingle;
      this.owner.afterAbort(this);
    } else if (action === HeadersAction.StopIteration) {
      this.iteration = Iteration.StopSingle;
    } else if (action > HeadersAction.ContinueAndEndStream) {
      this.iteration = Iteration.StopAll;
      this.streaming = action === HeadersAction.StopAllIterationAndWatermark;
    } else {
      this.headersPassed = true;
      this.sink.takeHeaders(headers, end && this.held === null);
    }
    return action;
  }

  receiveData(data: BodyBuffer, end: boolean): number {
    if (end) this.complete = true;
    return this.runData(data, end);
  }

  receiveTrailers(trailers: HeaderMap): number {
    this.trailers = trailers;
    this.complete = true;
    return this.runTrailers(trailers);
  }

  /** proxy_continue_stream, after the call into the VM has returned. */
  resume(): void {
    if (this.owner.isClosed(this)) return;
    if (this.headers === null) throw new Error("continued before headers came: Envoy would crash");
    // What came while everything was stopped has not been shown to the filter yet.
    const isUnseen = this.iteration === Iteration.StopAll;
    this.iteration = Iteration.Continue;
    const { held, trailers } = this;
    if (!this.headersPassed) {
      this.headersPassed = true;
      this.sink.takeHeaders(this.headers, this.complete && held === null && trailers === null);
    }
    if (held !== null) {
      const end = this.complete && trailers === null;
      if (isUnseen) this.runData(held, end);
      else this.sink.takeData(held, end);
    }
    if (trailers === null) return;
    if (isUnseen) this.runTrailers(trailers);
    else this.sink.takeTrailers(trailers);
  }

  /** Appends to what is held; used while the filter buffers, before its callback. */
  hold(data: BodyBuffer): void {
    if (data === this.held) return;
    this.held ??= new BodyBuffer();
    this.held.move(data);
    if (!this.streaming && this.held.length > this.limitBytes) this.owner.tooLarge(this);
  }

  /** What addDecodedData(data, streaming = false) does: a held body too long is an error now. */
  holdBuffered(data: BodyBuffer): void {
    this.streaming = false;
    this.hold(data);
  }

  private runData(data: BodyBuffer, end: boolean): number {
    if (this.owner.isClosed(this)) return NOT_CALLED;
    if (this.iteration === Iteration.StopAll) {
      this.hold(data);
      return NOT_CALLED;
    }
    if (this.filterEnded) return NOT_CALLED;
    this.filterEnded = end;
    this.callDepth++;
    const action = this.onData(data, end);
    this.callDepth--;
    if (this.aborted) this.owner.afterAbort(this);
    else if (action !== DataAction.Continue) this.stopData(action, data);
    else if (this.iteration === Iteration.StopSingle) {
      this.hold(data);
      this.resume();
    } else this.sink.takeData(data, end);
    return action;
  }

  private stopData(action: number, data: BodyBuffer): void {
    this.iteration = Iteration.StopSingle;
    if (action === DataAction.StopIterationNoBuffer) {
      // So that an end without data is passed on when the filter continues.
      if (this.complete && this.trailers === null) this.held ??= new BodyBuffer();
      return;
    }
    this.streaming = action === DataAction.StopIterationAndWatermark;
    this.hold(data);
  }

  private runTrailers(trailers: HeaderMap): number {
    if (this.owner.isClosed(this) || this.iteration === Iteration.StopAll) return NOT_CALLED;
    this.callDepth++;
    const action = this.onTrailers(trailers);
    this.callDepth--;
    this.filterEnded = true;
    if (this.aborted) this.owner.afterAbort(this);
    else if (action !== TrailersAction.Continue) this.iteration = Iteration.StopSingle;
    else if (this.iteration === Iteration.StopSingle) this.resume();
    else this.sink.takeTrailers(trailers);
    return action;
  }
}
