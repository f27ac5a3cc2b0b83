// The pick: the pod with the least marginal delay, seconds for us and α of what the others lose.
import { ENDPOINTS_MAX } from "../constants";
import { Config } from "../config";
import { Endpoint, Endpoints, MISSING } from "../load/endpoint";
import { Rates } from "../load/rates";
import { hasEndpoint } from "../models/adapters";
import {
  adapterDelay,
  decodeDelay,
  prefillDelay,
  pressureDelay,
  queueDelay,
  spaceDelay,
} from "./delay";

/** What is asked: the prompt, what each pod holds of it, and the hour. */
export class PickQuery {
  nowMs: f64 = 0;
  promptTokens: f64 = 0;
  /** The client's bound on the answer, 0 when it gave none. */
  maxOutputTokens: u32 = 0;
  /** u16 for each endpoint number: how many checkpoints it holds, from the first. */
  readonly depths: usize = heap.alloc(ENDPOINTS_MAX * 2);
  /** u32 for each checkpoint: tokens from the start of the prompt. */
  tokenEnds: usize = 0;
  /** Chooses among equals: the prompt's own hash, so that equal prompts meet. */
  tieSeed: u64 = 0;
  /** The bitmap of the pods that hold the request's LoRA adapter; 0: it needs none. */
  adapterBits: usize = 0;
  /** When the first token is wanted, from now; 0: whenever it comes. */
  targetSeconds: f64 = 0;
}

/** What comes out. Endpoint numbers; -1 for none. */
export class PickAnswer {
  first: i32 = -1;
  second: i32 = -1;
  /** Predicted seconds to the first token on the first, without the harm to others. */
  firstDelay: f64 = 0;
  /** The least of these over all pods; with a target the waits in it times what they were wrong by. */
  leastDelay: f64 = 0;
  /** The same of the wait before its own prefill: how far behind all pods are. */
  leastWait: f64 = 0;
  /** Tokens of the prompt that the first holds, and the most that any holds. */
  matchedTokens: f64 = 0;
  matchedTokensMax: f64 = 0;
  /**
   * Nothing but a few prompts of ours was ahead on the first, and none of them queued for room: its
   * first byte teaches a rate of prefill. A queue would teach the pace at which answers end.
   */
  isClear: bool = false;
}

/**
 * Gateways that share do not see each other's newest requests, and would all take the same pod for
 * the best. So costs are equal that differ by less than this much of our own prefill, times the
 * share of requests that are others'. Simulated with 3 and 10 gateways (docs/decisions/0007).
 */
const UNSEEN_SHARE: f64 = 0.5;

/** Two steps of vLLM's default budget: behind more, decode steps in between count as prefill. */
const CLEAR_TOKENS_MAX: f64 = 16384;

const costs: usize = heap.alloc(ENDPOINTS_MAX * 8);
const delays: usize = heap.alloc(ENDPOINTS_MAX * 8);
/** Of each delay what comes before the request's own prefill. */
const waits: usize = heap.alloc(ENDPOINTS_MAX * 8);
/** Of the pods weighed so far. */
let leastWait: f64 = 0;
const clear: usize = heap.alloc(ENDPOINTS_MAX);

/** Weighs every pod that may be picked. Without one, `first` is -1. */
export function pick(
  query: PickQuery,
  endpoints: Endpoints,
  rates: Rates,
  config: Config,
  answer: PickAnswer,
): void {
  answer.first = -1;
  answer.second = -1;
  const outputTokens =
    query.maxOutputTokens > 0
      ? Math.min(rates.outputTokens, <f64>query.maxOutputTokens)
      : rates.outputTokens;
  let least = Infinity;
  let leastDelay = Infinity;
  leastWait = Infinity;
  let told: f64 = 0;
  let inFlight: f64 = 0;
  const count = endpoints.pickableCount;
  const most = mostMatched(query, endpoints);
  answer.matchedTokensMax = most;
  for (let i: u32 = 0; i < count; i++) {
    const number = endpoints.pickableAt(i);
    const endpoint = endpoints.at(number);
    told += <f64>endpoint.sharedInFlight;
    inFlight += endpoint.inFlightOfAll;
    const cost = weigh(query, endpoint, most, outputTokens, rates, config, number);
    store<f64>(costs + ((<usize>number) << 3), cost);
    least = Math.min(least, cost);
    leastDelay = Math.min(leastDelay, load<f64>(delays + ((<usize>number) << 3)));
  }
  if (count == 0) return;
  const factor = rates.delayFactor;
  answer.leastWait = leastWait * factor;
  answer.leastDelay = query.targetSeconds > 0 ? leastCorrected(endpoints, factor) : leastDelay;
  if (answer.leastDelay <= query.targetSeconds) {
    least = keepWithin(query.targetSeconds, endpoints, factor);
  }
  const own = Math.max(query.promptTokens - most, 1) * rates.prefillSecondsPerToken;
  // Behind a queue one request more or less changes little, and where it goes should be exact.
  const spreads = told > 0 && leastDelay < 2 * own;
  const unseen = spreads ? ((UNSEEN_SHARE * told) / inFlight) * own : 0;
  choose(query, endpoints, least + Math.max(config.slackMs * 1e-3, unseen), spreads, answer);
  answer.firstDelay = load<f64>(delays + ((<usize>answer.first) << 3));
  answer.matchedTokens = matchedTokens(query, endpoints.at(answer.first), answer.first);
  answer.isClear = load<u8>(clear + answer.first) != 0;
}

/**
 * Seconds to the first token on a pod, its wait times what waits were wrong by of late. The prefill
 * behind it is not: a factor from the last overload would refuse requests on idle pods for ever.
 */
// @ts-ignore: decorator
@inline
function corrected(number: u32, factor: f64): f64 {
  const place = (<usize>number) << 3;
  return load<f64>(delays + place) + (factor - 1) * load<f64>(waits + place);
}

function leastCorrected(endpoints: Endpoints, factor: f64): f64 {
  let least = Infinity;
  for (let i: u32 = 0; i < endpoints.pickableCount; i++) {
    least = Math.min(least, corrected(endpoints.pickableAt(i), factor));
  }
  return least;
}

/** Leaves the choice to the pods that meet the target; returns the least cost among them. */
function keepWithin(targetSeconds: f64, endpoints: Endpoints, factor: f64): f64 {
  let least = Infinity;
  for (let i: u32 = 0; i < endpoints.pickableCount; i++) {
    const number = endpoints.pickableAt(i);
    const place = (<usize>number) << 3;
    if (corrected(number, factor) > targetSeconds) store<f64>(costs + place, Infinity);
    else least = Math.min(least, load<f64>(costs + place));
  }
  return least;
}

// @ts-ignore: decorator
@inline
function matchedTokens(query: PickQuery, endpoint: Endpoint, number: u32): f64 {
  const depth = <u32>load<u16>(query.depths + ((<usize>number) << 1));
  if (depth == 0 || endpoint.isCacheOff) return 0;
  return <f64>load<u32>(query.tokenEnds + ((<usize>(depth - 1)) << 2));
}

/** The tokens of the deepest match. */
function mostMatched(query: PickQuery, endpoints: Endpoints): f64 {
  let most: f64 = 0;
  for (let i: u32 = 0; i < endpoints.pickableCount; i++) {
    const number = endpoints.pickableAt(i);
    most = Math.max(most, matchedTokens(query, endpoints.at(number), number));
  }
  return most;
}

function weigh(
  query: PickQuery,
  endpoint: Endpoint,
  matchedMax: f64,
  outputTokens: f64,
  rates: Rates,
  config: Config,
  number: u32,
): f64 {
  const perToken = rates.prefillOf(endpoint);
  const isFresh = query.nowMs - endpoint.scrapedAtMs <= <f64>config.metricsMaxAgeMs;
  const waiting = isFresh && endpoint.waiting != MISSING ? <f64>endpoint.waiting : 0;
  const running = isFresh && endpoint.running != MISSING ? <f64>endpoint.running : 0;
  // Requests of others show in the pod's own count; ours at that moment are taken off. What other
  // gateways told of theirs is part of that count, so the larger of the two stands for both.
  const oursThen = isFresh ? <f64>endpoint.inFlightAt(endpoint.scrapedAtMs) : 0;
  const others = Math.max(waiting + running - oursThen, 0);
  const unseen = Math.max(others - <f64>endpoint.sharedInFlight, 0);
  const inFlight = endpoint.inFlightOfAll + unseen;
  const matched = matchedTokens(query, endpoint, number);
  // At least one token is always computed.
  const own = Math.max(query.promptTokens - matched, 1) * perToken;
  const queue = queueDelay(
    endpoint.backlogTokensOfAll,
    // Of those that wait, ours and those that were told of are in the backlog already.
    Math.min(unseen, Math.max(waiting - endpoint.unprefilledOfAll, 0)),
    rates.promptTokens,
    perToken,
  );
  let wait = queue + waitForSpace(query, endpoint, isFresh, inFlight, outputTokens, rates, config);
  wait += endpoint.overdueMs(query.nowMs) * 1e-3;
  leastWait = Math.min(leastWait, wait);
  if (query.adapterBits != 0) {
    wait += adapterDelay(
      hasEndpoint(query.adapterBits, number),
      endpoint.isAtAdapterLimit,
      config.adapterLoadMs * 1e-3,
      rates.outputTokens,
      rates.secondsPerOutputToken,
    );
  }
  store<f64>(delays + ((<usize>number) << 3), wait + own);
  store<f64>(waits + ((<usize>number) << 3), wait);
  const isShort = waiting == 0 && endpoint.backlogTokensOfAll <= CLEAR_TOKENS_MAX;
  store<u8>(clear + number, <u8>(unseen == 0 && wait == queue && isShort));
  return (
    wait +
    pressureDelay(
      isFresh ? <f64>endpoint.kvUse : 0,
      inFlight,
      rates.outputTokens,
      rates.secondsPerOutputToken,
      config.alpha,
    ) +
    prefillDelay(own, (matchedMax - matched) * perToken, config.alpha, inFlight) +
    decodeDelay(
      outputTokens,
      config.decodeUsPerSequence * 1e-6,
      config.decodeNsPerKvToken * 1e-9,
      query.promptTokens,
      config.alpha,
      inFlight,
    )
  );
}

/** Room counts what the running answers will still grow by: half an answer each, on average. */
function waitForSpace(
  query: PickQuery,
  endpoint: Endpoint,
  isFresh: bool,
  inFlight: f64,
  outputTokens: f64,
  rates: Rates,
  config: Config,
): f64 {
  const isKnown = isFresh && endpoint.kvUse == endpoint.kvUse;
  const isSized = endpoint.capacityTokens > 0;
  if (!isKnown && !isSized) return 0;
  const capacity = <f64>(isSized ? endpoint.capacityTokens : config.defaultCapacityTokens);
  const held = endpoint.kvTokensOfAll;
  // What waits for prefill is not in the pod's figure yet; without a figure ours stands in.
  const used = isKnown ? <f64>endpoint.kvUse * capacity + endpoint.backlogTokensOfAll : held;
  // Tokens that are held are some request's, also where the page lacks the count.
  const running = isKnown && endpoint.kvUse > 0 ? Math.max(inFlight, 1) : inFlight;
  return spaceDelay(
    query.promptTokens + outputTokens + (inFlight * rates.outputTokens) / 2,
    Math.max(capacity - used, 0),
    running,
    rates.outputTokens,
    rates.promptTokens + rates.outputTokens,
    rates.secondsPerOutputToken,
  );
}

/**
 * Within the slack: the deeper match, then the fewer in flight, then rendezvous. With `spreads` the
 * count does not matter: other gateways see the same one.
 */
function choose(
  query: PickQuery,
  endpoints: Endpoints,
  bound: f64,
  spreads: bool,
  answer: PickAnswer,
): void {
  const count = endpoints.pickableCount;
  for (let i: u32 = 0; i < count; i++) {
    const number = <i32>endpoints.pickableAt(i);
    if (load<f64>(costs + ((<usize>number) << 3)) > bound) continue;
    if (answer.first < 0 || isBetter(query, endpoints, number, answer.first, spreads)) {
      answer.first = number;
    }
  }
  // A NaN can only come from a bug; any pod is better than none.
  if (answer.first < 0) answer.first = <i32>endpoints.pickableAt(0);
  let least = Infinity;
  for (let i: u32 = 0; i < count; i++) {
    const number = <i32>endpoints.pickableAt(i);
    const cost = load<f64>(costs + ((<usize>number) << 3));
    if (number == answer.first || !(cost <= least)) continue;
    // Equals are spread, as the first choice is, or every retry of a cold pool would go to one pod.
    const isEqual = cost == least && answer.second >= 0;
    if (isEqual && rendezvous(query.tieSeed, number) < rendezvous(query.tieSeed, answer.second)) {
      continue;
    }
    least = cost;
    answer.second = number;
  }
}

function isBetter(query: PickQuery, endpoints: Endpoints, a: i32, b: i32, spreads: bool): bool {
  const matchedA = matchedTokens(query, endpoints.at(a), a);
  const matchedB = matchedTokens(query, endpoints.at(b), b);
  if (matchedA != matchedB) return matchedA > matchedB;
  const inFlightA = endpoints.at(a).inFlightOfAll;
  const inFlightB = endpoints.at(b).inFlightOfAll;
  if (!spreads && inFlightA != inFlightB) return inFlightA < inFlightB;
  return rendezvous(query.tieSeed, a) > rendezvous(query.tieSeed, b);
}

/** MurmurHash3's 64-bit finaliser over seed and number: fair among pods, stable when one leaves. */
export function rendezvous(seed: u64, number: u32): u64 {
  let hash = seed ^ (<u64>(number + 1) * 0x9e3779b97f4a7c15);
  hash ^= hash >> 33;
  hash *= 0xff51afd7ed558ccd;
  hash ^= hash >> 33;
  hash *= 0xc4ceb9fe1a85ec53;
  return hash ^ (hash >> 33);
}
