// The state machine of one HTTP stream; the only file that knows the order of Envoy's callbacks.
import { finishAnswer, markOverdue, onAnswerBody, onAnswerHeaders } from "./answer";
import { BODY_READ_BYTES } from "./constants";
import { decide, DRAIN_STEP_MS, UNDECIDED } from "./decide";
import {
  BufferKind,
  continueRequest,
  getBuffer,
  HeaderMap,
  nowNs,
  removeHeader,
  resultAt,
  resultSize,
  setEffectiveContext,
} from "./host/calls";
import { countDecision } from "./metrics";
import { Reason } from "./pick/reason";
import { Pool } from "./pool";
import { kindToHold, namesDestination } from "./request/classify";
import { ParseStatus, RequestKind } from "./request/prompt-parser";
import { allRoots, dropClosedRoots, findRoot, Root } from "./root";
import {
  closeStream,
  findStream,
  nextDue,
  openStream,
  Phase,
  setDeadline,
  Stream,
  streamAt,
} from "./stream-slots";

/** What a callback tells Envoy. */
export const enum Action {
  Continue = 0,
  /** For headers: wait for the body. For a body: buffer it and wait for more. */
  Pause = 1,
}

// @ts-ignore: decorator
@inline
function rootOf(stream: Stream): Root {
  return changetype<Root>(stream.root);
}

export function onStreamCreate(contextId: u32, rootContextId: u32): void {
  const root = findRoot(rootContextId);
  if (root != null && openStream(contextId, changetype<usize>(root)) != null) root.streams += 1;
}

export function onRequestHeaders(contextId: u32, isEnd: bool): Action {
  const stream = findStream(contextId);
  if (stream == null) return passUnfollowed();
  const root = rootOf(stream);
  const headers = root.requestHeaders;
  headers.read(HeaderMap.Request);
  const kind = isEnd ? <u8>0 : kindToHold(headers);
  // First on every path: only this filter names a destination.
  if (namesDestination(headers)) removeHeader(HeaderMap.Request, root.destinationHeader);
  const pool = root.pool;
  if (pool == null) return Action.Continue;
  const startNs = nowNs();
  pool.serve(<f64>startNs / 1e6);
  stream.kind = kind;
  if (stream.kind == 0 || !pool.canDecide || !root.mayHold()) {
    const isUnheld = stream.kind != 0 && pool.canDecide;
    stream.kind = 0;
    decide(stream, root, isUnheld ? Reason.Stalled : Reason.NoPrompt, startNs);
    return Action.Continue;
  }
  stream.prompt.reset(<RequestKind>stream.kind, pool.table.key0, pool.table.key1);
  stream.phase = Phase.Held;
  stream.heldAtMs = <f64>startNs / 1e6;
  if (!root.isAllowProven) setDeadline(stream, stream.heldAtMs + <f64>root.config.stallGuardMs);
  return Action.Pause;
}

/** `size` is the total that Envoy has buffered, not this chunk. */
export function onRequestBody(contextId: u32, size: u32, isEnd: bool): Action {
  const stream = findStream(contextId);
  if (stream == null || stream.phase != Phase.Held) return Action.Continue;
  const root = rootOf(stream);
  root.proveAllow();
  stream.bodySeen = size;
  const sizeMax = root.config.maxBodyBytes;
  // Envoy reads some 16 KiB at a time. Whole pages save calls, and little waits for the end.
  if (!isEnd && size < sizeMax && size - stream.bodyRead < BODY_READ_BYTES) return Action.Pause;
  const startNs = nowNs();
  const isTooLong = readBody(stream, size, sizeMax);
  if (isEnd || isTooLong) {
    decideByPrompt(stream, root, startNs, !isTooLong);
    return Action.Continue;
  }
  stream.busyNs += nowNs() - startNs;
  return Action.Pause;
}

/** With trailers the end never comes with the body. */
export function onRequestTrailers(contextId: u32): Action {
  const stream = findStream(contextId);
  if (stream != null && stream.phase == Phase.Held) {
    const root = rootOf(stream);
    const startNs = nowNs();
    readBody(stream, stream.bodySeen, root.config.maxBodyBytes);
    decideByPrompt(stream, root, startNs, true);
  }
  return Action.Continue;
}

export function onResponseHeaders(contextId: u32, isEnd: bool): void {
  const stream = findStream(contextId);
  if (stream == null) return;
  onAnswerHeaders(stream, rootOf(stream));
  if (isEnd) onAnswerBody(stream, rootOf(stream), 0, true);
}

export function onResponseBody(contextId: u32, size: u32, isEnd: bool): void {
  const stream = findStream(contextId);
  if (stream != null) onAnswerBody(stream, rootOf(stream), size, isEnd);
}

export function onResponseTrailers(contextId: u32): void {
  const stream = findStream(contextId);
  if (stream != null) onAnswerBody(stream, rootOf(stream), 0, true);
}

/** The stream is over, in whatever way; what it still holds is given back. */
export function onStreamDelete(contextId: u32): void {
  const stream = findStream(contextId);
  if (stream == null) return;
  const root = rootOf(stream);
  const pool = root.pool;
  if (pool != null) finishAnswer(stream, pool, false);
  closeStream(stream);
  root.streams -= 1;
  if (root.isClosed) dropClosedRoots();
}

/** Looks after the streams whose time has come; `rootContextId` is the context of the tick. */
export function tickStreams(rootContextId: u32, atMs: f64): void {
  let slot = nextDue(0, atMs);
  while (slot >= 0) {
    const stream = streamAt(slot);
    const root = rootOf(stream);
    const pool = root.pool;
    if (pool == null) setDeadline(stream, Infinity);
    else if (stream.phase == Phase.Held) releaseStalled(stream, root, rootContextId);
    else lookAfter(stream, pool, atMs);
    slot = nextDue(<u32>slot + 1, atMs);
  }
}

/** More streams than are followed: nothing is kept of this one, and no destination is set. */
function passUnfollowed(): Action {
  const roots = allRoots();
  for (let i = 0; i < roots.length; i++) {
    const name = unchecked(roots[i]).destinationHeader;
    if (name.size > 0) removeHeader(HeaderMap.Request, name);
  }
  countDecision(Reason.Busy, true);
  return Action.Continue;
}

/** Reads what is new of the body; true when it is longer than what is held. */
function readBody(stream: Stream, size: u32, sizeMax: u32): bool {
  const end = min(size, sizeMax);
  while (stream.bodyRead < end) {
    const bytes = min(end - stream.bodyRead, BODY_READ_BYTES);
    if (!getBuffer(BufferKind.RequestBody, stream.bodyRead, bytes)) break;
    stream.prompt.feed(resultAt, resultSize);
    stream.bodyRead += resultSize;
  }
  return size >= sizeMax;
}

/** `isWhole`: all of the body was read, so JSON that has not ended by now never does. */
function decideByPrompt(stream: Stream, root: Root, startNs: u64, isWhole: bool): void {
  const prompt = stream.prompt;
  const status = prompt.finish();
  stream.wantsStream = prompt.isStream;
  const endsEarly = isWhole && status == ParseStatus.Partial && stream.bodyRead > 0;
  const isBad = endsEarly || status == ParseStatus.Malformed || status == ParseStatus.TooDeep;
  decide(stream, root, isBad ? Reason.BadJson : UNDECIDED, startNs);
}

/** The body did not come: the request goes on by load. What comes later changes nothing. */
function releaseStalled(stream: Stream, root: Root, rootContextId: u32): void {
  if (root.isAllowProven) {
    setDeadline(stream, Infinity);
    return;
  }
  root.noteStall();
  setEffectiveContext(stream.contextId);
  stream.kind = 0;
  decide(stream, root, Reason.Stalled, nowNs());
  continueRequest();
  setEffectiveContext(rootContextId);
}

/** A streamed answer is overdue; the prompt of one that is not streamed counts as prefilled. */
function lookAfter(stream: Stream, pool: Pool, atMs: f64): void {
  if (stream.wantsStream) {
    setDeadline(stream, Infinity);
    markOverdue(stream, pool);
    return;
  }
  const endpoint = pool.endpoints.at(stream.hold.endpoint);
  const isPast = atMs >= stream.routedAtMs + stream.predictedSeconds * 1e3;
  const isSeenRunning = endpoint.scrapedAtMs > stream.routedAtMs && endpoint.waiting == 0;
  if (isPast || isSeenRunning) {
    stream.hold.releaseBacklog(pool.endpoints);
    setDeadline(stream, Infinity);
  } else {
    setDeadline(stream, atMs + DRAIN_STEP_MS);
  }
}
