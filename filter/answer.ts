// What a pod's answer teaches: who served it, when its first byte came, what its usage says. Each
// request's load is given back once, however it ends.
import { BODY_READ_BYTES, MISPREDICTION_AGE_STEPS } from "./constants";
import { Bytes, ByteWriter, sameBytes, utf8 } from "./host/bytes";
import {
  BufferKind,
  getBuffer,
  getProperty,
  HeaderMap,
  nowMs,
  removeHeader,
  resultAt,
  resultSize,
  setHeader,
} from "./host/calls";
import { tokenEnds, tokensOf } from "./decide";
import { HeaderQuery } from "./host/header-query";
import { REASON_NAMES, REASONS } from "./pick/reason";
import { Pool } from "./pool";
import { endProbe, judgeEnd, judgeFirstToken, judgeHeaders } from "./response/verdict";
import { startsWithIgnoringCase } from "./request/classify";
import { RequestKind } from "./request/prompt-parser";
import { Root } from "./root";
import { NEVER, Phase, setDeadline, Stream } from "./stream-slots";

const enum Name {
  Status = 0,
  ContentType = 1,
  ContentEncoding = 2,
  Decision = 3,
}

/** The header that shows a decision to the client. */
export const DECISION = utf8("x-warmroute-decision");
const headers = new HeaderQuery([
  utf8(":status"),
  utf8("content-type"),
  utf8("content-encoding"),
  DECISION,
]);
const EVENTS = utf8("text/event-stream");
const JSON_TYPE = utf8("application/json");
const UPSTREAM_ADDRESS = utf8("upstream\0address");
const POD = utf8("pod=");
const REASON = utf8(";reason=");
const CACHED = utf8(";cached=");
const ETA = utf8(";eta=");
const NOBODY = utf8("-");
const reasonNames = new StaticArray<Bytes | null>(REASONS);
for (let i: u32 = 0; i < REASONS; i++) reasonNames[i] = utf8(REASON_NAMES[i]);
const decisionText = new ByteWriter(160);

/** `response.created` and `response.in_progress` say nothing of the prompt. */
const ANNOUNCING_EVENTS: u32 = 2;
/** A hit of less than this may be the pod's rounding to whole blocks. */
const CONFIRMABLE_TOKENS: u32 = 64;
/** A hit that falls short by more than this, and by a quarter, was mispredicted. */
const SHORTFALL_TOKENS: i32 = 512;

export function onAnswerHeaders(stream: Stream, root: Root): void {
  const isRead = stream.phase == Phase.Routed && stream.hold.isHeld;
  const isKnown = isRead && headers.read(HeaderMap.Response);
  // Whatever a pod says under our name is not ours, also where decisions are not shown.
  if (!isKnown || headers.has(Name.Decision)) removeHeader(HeaderMap.Response, DECISION);
  if (stream.pool == 0) return;
  const pool = changetype<Pool>(stream.pool);
  if (isRead) noteServer(stream, pool);
  // An answer of Envoy itself may come while the request is still held: nothing is decided then.
  if (root.config.debugHeaders && stream.phase >= Phase.Routed) showDecision(stream, pool);
}

/** Reads what came of the answer; `size` is this chunk's. */
export function onAnswerBody(stream: Stream, size: u32, isEnd: bool): void {
  if (!stream.hold.isHeld) return;
  const pool = changetype<Pool>(stream.pool);
  if (stream.readsAnswer) readAnswer(stream, size);
  if (size > 0) {
    // As of the last tick: a clock for each event would be a host call for each.
    pool.endpoints.at(stream.hold.endpoint).noteProgress(pool.tickedAtMs);
    if (!stream.hasFirstByte && isFirstToken(stream)) noteFirstByte(stream, pool, nowMs());
  }
  if (isEnd) finishAnswer(stream, pool, true);
}

/** Whether what has come shows that the prompt is prefilled. Headers alone come before prefill. */
function isFirstToken(stream: Stream): bool {
  if (!stream.answerIsEvents || !stream.readsAnswer) return true;
  // vLLM announces a response by two events before its engine has begun.
  if (stream.kind == RequestKind.Responses) return stream.usage.events > ANNOUNCING_EVENTS;
  return stream.usage.sawData;
}

/** Gives everything back. `isWhole`: the answer came to its end, so what it says counts. */
export function finishAnswer(stream: Stream, pool: Pool, isWhole: bool): void {
  if (!stream.hold.isHeld) return;
  if (isWhole && stream.readsAnswer) learn(stream, pool, nowMs());
  if (!isWhole) judgeEnd(stream, pool);
  endProbe(stream, pool);
  // A refused prompt was never prefilled.
  if (stream.status >= 400) forgetPrompt(stream, pool);
  clearOverdue(stream, pool);
  stream.hold.giveBack(pool.endpoints);
  setDeadline(stream, NEVER);
}

/** Its first byte is late: until it comes, its age is part of its pod's wait. */
export function markOverdue(stream: Stream, pool: Pool): void {
  if (stream.hasFirstByte || stream.isOverdue) return;
  stream.isOverdue = true;
  pool.endpoints.at(stream.hold.endpoint).noteOverdue(stream.routedAtMs);
}

function clearOverdue(stream: Stream, pool: Pool): void {
  if (!stream.isOverdue) return;
  stream.isOverdue = false;
  const endpoint = pool.endpoints.at(stream.hold.endpoint);
  endpoint.overdueCount -= 1;
  endpoint.overdueRoutedSumMs -= stream.routedAtMs;
}

/** Which pod answers, and whether its bytes are worth reading. */
function noteServer(stream: Stream, pool: Pool): void {
  const status = statusCode();
  if (status == 200 && stream.kind != 0) noteType(stream);
  // Our own answers and some of Envoy's have no upstream: no pod has seen the prompt. Where Envoy
  // answers for a pod that failed, that pod is the upstream, and the status 502 to 504.
  if (!getProperty(UPSTREAM_ADDRESS)) {
    stream.readsAnswer = false;
    forgetPrompt(stream, pool);
    return;
  }
  stream.status = status;
  const first = <i32>stream.hold.endpoint;
  const endpoint = pool.endpoints.at(first);
  const isFirst = sameBytes(resultAt, resultSize, endpoint.address, endpoint.addressSize);
  const server = isFirst ? first : pool.endpoints.find(resultAt, resultSize);
  judgeHeaders(stream, pool, server);
  if (!isFirst) moveTo(stream, pool, server);
}

/** Whether the answer's bytes are worth reading, and how they are to be read. */
function noteType(stream: Stream): void {
  if (headers.has(Name.ContentEncoding)) return;
  const type = headers.at(Name.ContentType);
  const size = headers.size(Name.ContentType);
  stream.answerIsEvents = startsWithIgnoringCase(type, size, EVENTS);
  stream.readsAnswer = stream.answerIsEvents || startsWithIgnoringCase(type, size, JSON_TYPE);
  if (stream.readsAnswer) stream.usage.reset(stream.answerIsEvents);
}

/** A retry was served elsewhere: load and prefix belong to that pod. */
function moveTo(stream: Stream, pool: Pool, server: i32): void {
  const backlogTokens = stream.hold.backlogTokens;
  const kvTokens = stream.hold.kvTokens;
  const prompt = stream.prompt;
  clearOverdue(stream, pool);
  const hasPrefix = stream.hasPrediction;
  forgetPrompt(stream, pool);
  stream.workTokens = 0;
  stream.matchedTokens = 0;
  stream.isPredicted = false;
  if (server < 0) {
    // Not a pod of the table: there is nobody whose load it is, nor whom it could speak for.
    endProbe(stream, pool);
    stream.hold.giveBack(pool.endpoints);
    setDeadline(stream, NEVER);
    return;
  }
  stream.hold.take(pool.endpoints, server, backlogTokens, kvTokens);
  // A status that refuses the prompt: the retry's pod has not prefilled it either.
  if (!hasPrefix || stream.status >= 400) return;
  tokensOf(prompt, pool);
  pool.insertChain(server, prompt, tokenEnds, nowMs(), true);
}

/**
 * Takes back what was inserted when the request was routed. What matched before stays: a pod that
 * failed once still has its cache, and one that is gone leaves the table.
 */
function forgetPrompt(stream: Stream, pool: Pool): void {
  if (!stream.hasPrediction) return;
  stream.hasPrediction = false;
  const routedAt = pool.touchStep(stream.routedAtMs);
  pool.withdrawChain(stream.hold.endpoint, stream.prompt, stream.matchedDepth, routedAt, nowMs());
}

function statusCode(): u16 {
  const at = headers.at(Name.Status);
  if (headers.size(Name.Status) != 3) return 0;
  let code: u32 = 0;
  for (let i: u32 = 0; i < 3; i++) code = code * 10 + (<u32>load<u8>(at + i) - 0x30);
  return <u16>code;
}

function readAnswer(stream: Stream, size: u32): void {
  for (let start: u32 = 0; start < size; start += BODY_READ_BYTES) {
    const bytes = min(size - start, BODY_READ_BYTES);
    if (!getBuffer(BufferKind.ResponseBody, start, bytes)) return;
    stream.usage.feed(resultAt, resultSize);
  }
}

function noteFirstByte(stream: Stream, pool: Pool, atMs: f64): void {
  stream.hasFirstByte = true;
  stream.firstByteMs = atMs;
  pool.endpoints.at(stream.hold.endpoint).noteProgress(atMs);
  judgeFirstToken(stream, pool);
  clearOverdue(stream, pool);
  stream.hold.releaseBacklog(pool.endpoints);
  setDeadline(stream, NEVER);
  // Of an answer that is not streamed the first byte comes with the last token. What was predicted
  // of another pod says nothing of this one.
  if (!stream.answerIsEvents || !stream.isPredicted) return;
  const seconds = (stream.firstByteMs - stream.routedAtMs) * 1e-3;
  pool.rates.learnDelay(stream.predictedSeconds, seconds);
}

/** What `usage` and the clock say of the pod's rates, and of what we believed it held. */
function learn(stream: Stream, pool: Pool, atMs: f64): void {
  const usage = stream.usage;
  const rates = pool.rates;
  const number = <u32>stream.hold.endpoint;
  const endpoint = pool.endpoints.at(number);
  // The first events of a response are not its first tokens.
  const isTokenStream = stream.kind != RequestKind.Responses;
  const isCounted = stream.prompt.promptTokens > 0;
  const isSameCache = stream.hold.isSameCache(pool.endpoints);
  if (usage.promptTokens > 0 && !isCounted) {
    rates.learnBytes(<f64>stream.prompt.promptBytes, <f64>usage.promptTokens);
  }
  const outputTokens = usage.outputTokens >= 0 ? <f64>usage.outputTokens : <f64>usage.events;
  if (stream.kind != RequestKind.Embeddings && outputTokens > 0) {
    rates.learnOutput(outputTokens);
    if (isSameCache) {
      const tokens = <u32>Math.min(outputTokens, 1e6);
      pool.charge(number, stream.prompt.lastHash, tokens, atMs);
    }
  }
  const matched = <i32>stream.matchedTokens;
  const cached = usage.cachedTokens;
  if (stream.workTokens > 0 && stream.hasFirstByte) {
    const isEmbedding = stream.kind == RequestKind.Embeddings;
    const isTimed = isEmbedding || (stream.answerIsEvents && isTokenStream);
    const missed = cached >= 0 ? <f64>(matched - cached) : 0;
    const work = Math.max(<f64>stream.workTokens + missed, 1);
    const seconds = (stream.firstByteMs - stream.routedAtMs) * 1e-3;
    if (isTimed) rates.learnPrefill(endpoint, seconds, work);
  }
  if (stream.answerIsEvents && stream.hasFirstByte && isTokenStream) {
    rates.learnDecode((atMs - stream.firstByteMs) * 1e-3, outputTokens);
  }
  if (!isSameCache) return;
  // Counted whether it was predicted or not: it also clears a pod that was taken to cache nothing.
  if (cached > 0) endpoint.confirmedHits += 1;
  if (stream.hasPrediction && cached >= 0) confirm(stream, pool, matched, cached);
}

function confirm(stream: Stream, pool: Pool, matched: i32, cached: i32): void {
  const number = <u32>stream.hold.endpoint;
  const endpoint = pool.endpoints.at(number);
  if (matched < <i32>CONFIRMABLE_TOKENS) return;
  endpoint.predictedHits += 1;
  // A prefix that is still being computed for another request is no sign of an eviction.
  const routed = pool.touchStep(stream.routedAtMs);
  if (stream.priorTouch == 0 || routed - stream.priorTouch < MISPREDICTION_AGE_STEPS) return;
  if (matched - cached <= max(SHORTFALL_TOKENS, matched / 4)) return;
  pool.forgetOlder(number, stream.priorTouch, nowMs());
}

function showDecision(stream: Stream, pool: Pool): void {
  const text = decisionText;
  text.clear();
  text.bytes(POD);
  const isRouted = stream.phase == Phase.Routed;
  if (isRouted) {
    const endpoint = pool.endpoints.at(stream.hold.endpoint);
    text.raw(endpoint.address, endpoint.addressSize);
  } else {
    text.bytes(NOBODY);
  }
  text.bytes(REASON);
  text.bytes(reasonNames[min<u32>(stream.reason, REASONS - 1)] as Bytes);
  text.bytes(CACHED);
  text.integer(isRouted ? stream.matchedTokens : 0);
  text.bytes(ETA);
  text.decimal(isRouted ? stream.predictedSeconds : 0);
  setHeader(HeaderMap.Response, DECISION, text.at, text.size);
}
