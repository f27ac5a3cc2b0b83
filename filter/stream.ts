// The state machine of one HTTP stream; the only file that knows the order of Envoy's callbacks.
import { DECISION, finishAnswer, markOverdue, onAnswerBody, onAnswerHeaders } from "./answer";
import { BODY_READ_BYTES } from "./constants";
import { decide, DRAIN_STEP_MS, endHere, refuse } from "./decide";
import { continueRequest, HeaderMap, nowNs, removeHeader, setEffectiveContext } from "./host/calls";
import { countDecision } from "./metrics";
import { modelListBytes, sendModelList } from "./models/local-reply";
import { Criticality } from "./models/section";
import { Reason } from "./pick/reason";
import { Pool } from "./pool";
import {
  asksForModels,
  encodedKind,
  hasLength,
  hasObjective,
  kindToHold,
  namesDestination,
  namesModel,
  targetMs,
} from "./request/classify";
import { allRoots, dropClosedRoots, findRoot, Root } from "./root";
import { beginBody, criticality, readBody, routePrompt } from "./route-prompt";
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
import { endWait, stillWaits } from "./waiting";

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
  const isRead = headers.read(HeaderMap.Request);
  const kind = isEnd ? <u8>0 : kindToHold(headers);
  const encoded = isEnd ? <u8>0 : encodedKind(headers);
  const isForList = asksForModels(headers);
  stream.hasLength = hasLength(headers);
  stream.hasObjective = hasObjective(headers);
  stream.targetMs = targetMs(headers, root.config.ttftTargetMs);
  dropForged(root, isRead);
  if (root.pools.length == 0) return Action.Continue;
  const pool = unchecked(root.pools[0]);
  stream.pool = changetype<usize>(pool);
  const startNs = nowNs();
  const atMs = <f64>startNs / 1e6;
  pool.serve(atMs);
  if (isForList && answerModelList(stream, root)) return Action.Pause;
  if (encoded != 0 && root.needsBodies) {
    stream.kind = encoded;
    refuse(stream, Reason.Encoded);
    return Action.Pause;
  }
  if (kind == 0 || !root.wantsBodies(atMs))
    return routeUnread(stream, root, Reason.NoPrompt, startNs);
  if (!root.mayHold()) return routeUnread(stream, root, Reason.Stalled, startNs);
  stream.kind = kind;
  beginBody(stream, pool);
  stream.phase = Phase.Held;
  stream.heldAtMs = atMs;
  if (!root.isAllowProven) setDeadline(stream, stream.heldAtMs + <f64>root.config.stallGuardMs);
  return Action.Pause;
}

/** `size` is the total that Envoy has buffered, not this chunk. */
export function onRequestBody(contextId: u32, size: u32, isEnd: bool): Action {
  const stream = findStream(contextId);
  if (stream == null || stream.phase != Phase.Held) return Action.Continue;
  if (stream.isWaiting) return Action.Pause;
  const root = rootOf(stream);
  root.proveAllow();
  stream.bodySeen = size;
  const sizeMax = root.config.maxBodyBytes;
  // Envoy reads some 16 KiB at a time. Whole pages save calls, and little waits for the end.
  if (!isEnd && size < sizeMax && size - stream.bodyRead < BODY_READ_BYTES) return Action.Pause;
  const startNs = nowNs();
  const isTooLong = readBody(stream, size, sizeMax);
  if (isEnd || isTooLong) return onBodyRead(stream, root, startNs, isEnd);
  stream.busyNs += nowNs() - startNs;
  return Action.Pause;
}

/** With trailers the end never comes with the body. */
export function onRequestTrailers(contextId: u32): Action {
  const stream = findStream(contextId);
  if (stream == null || stream.phase != Phase.Held) return Action.Continue;
  const root = rootOf(stream);
  const startNs = nowNs();
  readBody(stream, stream.bodySeen, root.config.maxBodyBytes);
  return onBodyRead(stream, root, startNs, true);
}

export function onResponseHeaders(contextId: u32, isEnd: bool): void {
  const stream = findStream(contextId);
  if (stream == null) {
    removeHeader(HeaderMap.Response, DECISION);
    return;
  }
  onAnswerHeaders(stream, rootOf(stream));
  if (isEnd) onAnswerBody(stream, 0, true);
}

export function onResponseBody(contextId: u32, size: u32, isEnd: bool): void {
  const stream = findStream(contextId);
  if (stream != null) onAnswerBody(stream, size, isEnd);
}

export function onResponseTrailers(contextId: u32): void {
  removeHeader(HeaderMap.ResponseTrailers, DECISION);
  const stream = findStream(contextId);
  if (stream != null) onAnswerBody(stream, 0, true);
}

/** The stream is over, in whatever way; what it still holds is given back. */
export function onStreamDelete(contextId: u32): void {
  const stream = findStream(contextId);
  if (stream == null) return;
  const root = rootOf(stream);
  endWait(stream);
  if (stream.pool != 0) finishAnswer(stream, changetype<Pool>(stream.pool), false);
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
    if (stream.isWaiting) releaseWaiting(stream, root, rootContextId, atMs);
    else if (stream.phase == Phase.Held) releaseStalled(stream, root, rootContextId);
    else lookAfter(stream, changetype<Pool>(stream.pool), atMs);
    slot = nextDue(<u32>slot + 1, atMs);
  }
}

/** First on every path: only this filter names a destination, and the model. */
function dropForged(root: Root, isRead: bool): void {
  const headers = root.requestHeaders;
  const hasDestination = !isRead || namesDestination(headers);
  const hasModel = root.modelHeader.size > 0 && (!isRead || namesModel(headers));
  if (hasDestination) removeHeader(HeaderMap.Request, root.destinationHeader);
  if (hasModel) removeHeader(HeaderMap.Request, root.modelHeader);
}

/** More streams than are followed: nothing is kept of this one, and no destination is set. */
function passUnfollowed(): Action {
  const roots = allRoots();
  for (let i = 0; i < roots.length; i++) {
    const name = unchecked(roots[i]).destinationHeader;
    if (name.size > 0) removeHeader(HeaderMap.Request, name);
    const model = unchecked(roots[i]).modelHeader;
    if (model.size > 0) removeHeader(HeaderMap.Request, model);
  }
  countDecision(Reason.Busy, true);
  return Action.Continue;
}

/** A request whose body tells nothing goes by load, or as the cluster's own policy decides. */
function routeUnread(stream: Stream, root: Root, reason: Reason, startNs: u64): Action {
  stream.kind = 0;
  stream.criticality = criticality(stream, root, <u8>Criticality.Standard);
  return decide(stream, root, reason, startNs) ? Action.Continue : Action.Pause;
}

/** All of the body that is held has come: the request goes on, or waits for the first table. */
function onBodyRead(stream: Stream, root: Root, startNs: u64, hasEnded: bool): Action {
  stream.isWhole = hasEnded;
  // What is longer than the bound is not held on for a table: more of it would be held.
  if (hasEnded && root.awaitsTable(<f64>startNs / 1e6)) {
    stream.isWaiting = true;
    setDeadline(stream, 0);
    return Action.Pause;
  }
  return routePrompt(stream, root, startNs, hasEnded) ? Action.Continue : Action.Pause;
}

/** What it waited for has come, or will not in time: the body is read with the key of now. */
function releaseWaiting(stream: Stream, root: Root, rootContextId: u32, atMs: f64): void {
  if (root.awaitsTable(atMs) || stillWaits(stream, atMs)) return;
  const isRead = stream.waitUntilMs > 0;
  endWait(stream);
  stream.isWaiting = false;
  setDeadline(stream, Infinity);
  setEffectiveContext(stream.contextId);
  const pool = unchecked(root.pools[0]);
  if (isRead || pool.table.hasKey) {
    beginBody(stream, pool);
    readBody(stream, stream.bodySeen, root.config.maxBodyBytes);
  }
  if (routePrompt(stream, root, nowNs(), true)) continueRequest();
  setEffectiveContext(rootContextId);
}

/** The list of models, where the sidecar has given one; false: a pod is to answer. */
function answerModelList(stream: Stream, root: Root): bool {
  if (modelListBytes(root.pools) == 0) return false;
  endHere(stream, Reason.ModelList);
  sendModelList(root.pools);
  return true;
}

/** The body did not come: the request goes on by load. What comes later changes nothing. */
function releaseStalled(stream: Stream, root: Root, rootContextId: u32): void {
  if (root.isAllowProven) {
    setDeadline(stream, Infinity);
    return;
  }
  root.noteStall();
  setEffectiveContext(stream.contextId);
  if (routeUnread(stream, root, Reason.Stalled, nowNs()) == Action.Continue) continueRequest();
  setEffectiveContext(rootContextId);
}

/** An answer is overdue; before, the prompt of one that is not streamed counts as prefilled. */
function lookAfter(stream: Stream, pool: Pool, atMs: f64): void {
  if (stream.wantsStream || !stream.hold.isUnprefilled) {
    setDeadline(stream, Infinity);
    markOverdue(stream, pool);
    return;
  }
  const endpoint = pool.endpoints.at(stream.hold.endpoint);
  const isPast = atMs >= stream.routedAtMs + stream.predictedSeconds * 1e3;
  const isSeenRunning = endpoint.scrapedAtMs > stream.routedAtMs && endpoint.waiting == 0;
  if (isPast || isSeenRunning) {
    stream.hold.releaseBacklog(pool.endpoints);
    setDeadline(stream, stream.overdueAtMs);
  } else {
    setDeadline(stream, atMs + DRAIN_STEP_MS);
  }
}
