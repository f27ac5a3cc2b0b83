// One decision: what the prompt matches where, which pod answers first, and what is noted of it.
import { Config, RoutingStrategy } from "./config";
import {
  ADDRESS_BYTES_MAX,
  OVERDUE_FACTOR,
  OVERDUE_SLACK_MS,
  REPEAT_JOURNAL_STEPS,
} from "./constants";
import { HeaderMap, nowNs, setHeader } from "./host/calls";
import { count, countDecision, Counter, isTimed, recordDecision } from "./metrics";
import { refusal, sendRefusal } from "./models/local-reply";
import { resolution } from "./models/resolve";
import { Criticality } from "./models/section";
import { Rates } from "./load/rates";
import { ADMITTED, admit, isTooLate, retryAfterSeconds } from "./pick/admission";
import { fallBack, Reason } from "./pick/reason";
import { pick, PickAnswer, PickQuery, rendezvous } from "./pick/pick";
import { Pool } from "./pool";
import { CHECKPOINTS_MAX, PromptState, RequestKind } from "./request/prompt-parser";
import { Root } from "./root";
import { NEVER, Phase, setDeadline, Stream } from "./stream-slots";

/** No reason yet: the prompt decides. */
export const UNDECIDED: i32 = -1;
/** An answer that is not streamed is looked at this often, for its backlog. */
export const DRAIN_STEP_MS: f64 = 50;

/** Of the mean length; few answers are longer. */
const LONG_ANSWER: f64 = 4;

const query = new PickQuery();
const answer = new PickAnswer();
export const tokenEnds: usize = heap.alloc(CHECKPOINTS_MAX * 4);
const destination: usize = heap.alloc(2 * ADDRESS_BYTES_MAX + 2);
/** Stands in for a prompt's hash where there is none, so that equals are spread. */
let turn: u64 = 0;

/**
 * Routes a stream by its pool. `given` is a reason that the prompt is not to be used, or UNDECIDED.
 * Sets the destination header, or leaves it absent so that the cluster's own policy decides. False:
 * the request was answered instead, and must stop.
 */
export function decide(stream: Stream, root: Root, given: i32, startNs: u64): bool {
  const pool = changetype<Pool>(stream.pool);
  const nowMs = <f64>startNs / 1e6;
  // The model may have led to another pool than the headers.
  pool.serve(nowMs);
  pool.health.refresh(nowMs);
  const reason = reasonBefore(stream, pool, root.config, given);
  stream.reason = reason;
  if (!fallBack(reason)) {
    stream.phase = Phase.Passed;
    setDeadline(stream, NEVER);
    pool.own.count(reason);
    countDecision(reason, true);
    return true;
  }
  const usesPrefix = reason == Reason.Cold;
  ask(stream, pool, nowMs, usesPrefix);
  pool.neighbourhood.refresh(nowMs);
  const endpoints = pool.endpoints;
  if (usesPrefix) {
    const prompt = stream.prompt;
    const count = prompt.checkpointCount;
    const bits = endpoints.pickableBits;
    pool.index.match(prompt.hashes(), count, bits, endpoints.limit, query.depths);
  } else {
    memory.fill(query.depths, 0, <usize>endpoints.limit * 2);
  }
  pick(query, endpoints, pool.rates, root.config, answer);
  if (!isAdmitted(stream, root.config)) return false;
  if (usesPrefix) stream.reason = reasonAfter();
  probe(stream, pool, nowMs);
  take(stream, root, pool, nowMs);
  if (usesPrefix && stream.kind != RequestKind.Embeddings) insert(stream, pool, nowMs);
  setDestination(root, pool);
  note(stream, pool, nowMs, startNs);
  return true;
}

/** Answers the request in a pod's place; nothing follows it any more. */
export function refuse(stream: Stream, reason: Reason): void {
  endHere(stream, reason);
  sendRefusal(reason, stream.kind);
  refusal.retryAfterSeconds = 0;
}

/** The filter answers this request itself: it is counted, and no pod's. */
export function endHere(stream: Stream, reason: Reason): void {
  stream.phase = Phase.Passed;
  stream.reason = reason;
  stream.isWaiting = false;
  setDeadline(stream, NEVER);
  changetype<Pool>(stream.pool).own.count(reason);
  countDecision(reason, false);
}

/** False: the pods are too busy for such a request, and it was answered. */
function isAdmitted(stream: Stream, config: Config): bool {
  const targetMs = stream.targetMs;
  const isGraded = changetype<Pool>(stream.pool).models.isGraded;
  const reason = admit(stream.criticality, isGraded, answer, targetMs, config);
  if (reason == ADMITTED) {
    if (isTooLate(answer, targetMs)) count(Counter.TargetsMissed, 1);
    return true;
  }
  refusal.retryAfterSeconds = retryAfterSeconds(reason, answer, targetMs, config);
  refuse(stream, <Reason>reason);
  return false;
}

/** The reason as far as it is known before the pick; Cold stands for "the prompt decides". */
function reasonBefore(stream: Stream, pool: Pool, config: Config, given: i32): i32 {
  if (pool.tableAtMs == 0) return Reason.NoTable;
  if (pool.endpoints.pickableCount == 0) return Reason.NoEndpoint;
  if (given != UNDECIDED) return given;
  if (stream.prompt.checkpointCount == 0) return Reason.NoPrompt;
  if (pool.strategyFor(config) == RoutingStrategy.Default) return Reason.Default;
  if (!isKeyInForce(stream.prompt, pool)) return Reason.NoKey;
  return Reason.Cold;
}

/** The key may have come, or changed, since the prompt's first byte was hashed. */
function isKeyInForce(prompt: PromptState, pool: Pool): bool {
  const table = pool.table;
  return table.hasKey && prompt.k0 == table.key0 && prompt.k1 == table.key1;
}

function reasonAfter(): i32 {
  if (answer.matchedTokensMax == 0) return Reason.Cold;
  return answer.matchedTokens >= answer.matchedTokensMax ? Reason.Prefix : Reason.Load;
}

function ask(stream: Stream, pool: Pool, nowMs: f64, usesPrefix: bool): void {
  const prompt = stream.prompt;
  query.nowMs = nowMs;
  query.tokenEnds = tokenEnds;
  turn += 1;
  query.tieSeed = rendezvous(turn, 0);
  query.maxOutputTokens = stream.kind == RequestKind.Embeddings ? 1 : 0;
  query.promptTokens = 0;
  query.adapterBits = 0;
  query.targetSeconds = <f64>stream.targetMs * 1e-3;
  if (stream.kind == 0) return;
  query.adapterBits = resolution.adapterBits;
  const promptTokens = tokensOf(prompt, pool);
  query.promptTokens = promptTokens > 0 ? promptTokens : pool.rates.promptTokens;
  if (promptTokens > 0) pool.rates.learnPrompt(promptTokens);
  if (prompt.maxOutputTokens > 0) query.maxOutputTokens = prompt.maxOutputTokens;
  if (usesPrefix) query.tieSeed = prompt.lastHash;
}

/** Tokens of the whole prompt; tokens up to each checkpoint go to `tokenEnds`. */
export function tokensOf(prompt: PromptState, pool: Pool): f64 {
  const bytes = <f64>prompt.promptBytes;
  const exact = <f64>prompt.promptTokens;
  const perByte = exact > 0 ? exact / bytes : 1 / pool.rates.bytesPerToken;
  const ends = prompt.ends();
  for (let i: usize = 0; i < <usize>prompt.checkpointCount; i++) {
    store<u32>(tokenEnds + (i << 2), <u32>(<f64>load<u32>(ends + (i << 2)) * perByte));
  }
  // A message without text has a checkpoint, but no tokens.
  return bytes == 0 ? 0 : Math.max(Math.floor(bytes * perByte), 1);
}

/** Where an ejected pod is due to be tried, this request is it; its retry goes to the best one. */
function probe(stream: Stream, pool: Pool, nowMs: f64): void {
  if (stream.kind == 0 || !stream.isWhole) return;
  const isCritical = stream.criticality == <u8>Criticality.Critical;
  const number = pool.health.claimProbe(nowMs, isCritical);
  if (number < 0) return;
  stream.reason = Reason.Probe;
  stream.probed = number;
  answer.second = answer.first;
  answer.first = number;
  answer.matchedTokens = 0;
  answer.isClear = false;
  store<u16>(query.depths + ((<usize>number) << 1), 0);
}

function take(stream: Stream, root: Root, pool: Pool, nowMs: f64): void {
  const first = <u32>answer.first;
  const endpoint = pool.endpoints.at(first);
  endpoint.noteRouted(nowMs);
  const uncached = <u32>Math.max(query.promptTokens - answer.matchedTokens, 0);
  const bound = query.maxOutputTokens > 0 ? <f64>query.maxOutputTokens : Infinity;
  const outputTokens = stream.kind == 0 ? 0 : Math.min(pool.rates.outputTokens, bound);
  stream.workTokens = answer.isClear ? <u32>endpoint.backlogTokensOfAll + uncached : 0;
  stream.hold.take(pool.endpoints, first, uncached, uncached + <u32>outputTokens);
  stream.second = answer.second;
  stream.phase = Phase.Routed;
  stream.routedAtMs = nowMs;
  stream.predictedSeconds = answer.firstDelay;
  stream.promptTokens = <u32>query.promptTokens;
  stream.matchedTokens = <u32>answer.matchedTokens;
  const predictedMs = answer.firstDelay * 1e3;
  const firstByteMs = predictedMs + (stream.wantsStream ? 0 : answerMs(pool.rates));
  // A pod waits for the rest of a body, and an upgraded connection for its client: neither is late.
  const isAwaited = stream.isWhole && stream.kind != 0;
  const overdueMs = OVERDUE_FACTOR * firstByteMs + OVERDUE_SLACK_MS;
  stream.overdueAtMs = isAwaited ? nowMs + overdueMs : NEVER;
  stream.isPredicted = stream.probed < 0;
  const drainAtMs = nowMs + Math.min(predictedMs, DRAIN_STEP_MS);
  setDeadline(stream, stream.wantsStream ? stream.overdueAtMs : drainAtMs);
}

/** An answer that is not streamed comes whole: as long as it may get, or much longer than usual. */
function answerMs(rates: Rates): f64 {
  const bound = <f64>query.maxOutputTokens;
  const tokens = bound > 0 ? bound : LONG_ANSWER * rates.outputTokens;
  return tokens * rates.secondsPerOutputToken * 1e3;
}

function insert(stream: Stream, pool: Pool, nowMs: f64): void {
  const prompt = stream.prompt;
  const first = <u32>answer.first;
  const hashes = prompt.hashes();
  const count = prompt.checkpointCount;
  const depth = <u32>load<u16>(query.depths + ((<usize>first) << 1));
  stream.matchedDepth = <u16>depth;
  stream.priorTouch = 0;
  if (depth > 0) {
    stream.priorTouch = pool.index.touchedAt(
      first,
      load<u64>(hashes + ((<usize>(depth - 1)) << 3)),
    );
  }
  const sinceTouch = pool.touchStep(nowMs) - stream.priorTouch;
  const isNews = depth < count || sinceTouch >= REPEAT_JOURNAL_STEPS;
  stream.hasPrediction = true;
  pool.insertChain(first, prompt, tokenEnds, nowMs, isNews);
}

/** `ip:port`, and the next best for a retry. */
function setDestination(root: Root, pool: Pool): void {
  const first = pool.endpoints.at(answer.first);
  memory.copy(destination, first.address, first.addressSize);
  let size = <u32>first.addressSize;
  if (answer.second >= 0) {
    const second = pool.endpoints.at(answer.second);
    store<u8>(destination + size, 0x2c);
    memory.copy(destination + size + 1, second.address, second.addressSize);
    size += 1 + <u32>second.addressSize;
  }
  setHeader(HeaderMap.Request, root.destinationHeader, destination, size);
}

function note(stream: Stream, pool: Pool, nowMs: f64, startNs: u64): void {
  const matched = stream.matchedTokens;
  const tokens = stream.kind == 0 ? 0 : stream.promptTokens;
  pool.own.count(stream.reason);
  pool.noteDecision(nowMs, answer.first, stream.reason, tokens, matched, answer.firstDelay * 1e3);
  pool.neighbourhood.showLoad(nowMs);
  countDecision(stream.reason, false);
  count(Counter.PromptTokens, tokens);
  count(Counter.MatchedTokens, matched);
  if (isTimed()) recordDecision(stream.busyNs + nowNs() - startNs);
}
