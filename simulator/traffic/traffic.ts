// What every traffic is made of: requests whose prompts are messages of named content, the same
// for every rule.
import type { Criticality } from "../../sidecar-metrics/src/models/model-policy.js";
import type { EngineConfig } from "../engine/options.js";

/** A message of a prompt, known by the name of its content. */
export interface Message {
  /** `tools`: those offered, first of all; `call`: an answer that calls one; `tool`: its result. */
  role: "tools" | "system" | "user" | "assistant" | "call" | "tool";
  /** Equal ids mean equal content; 1 to 2^53 - 1. */
  id: number;
  tokens: number;
}

export interface TrafficRequest {
  messages: Message[];
  /** Tokens of the answer; the rules are not told, and the body carries no `max_tokens`. */
  outputTokens: number;
  /** Names the content of the answer, where a later prompt holds it; 0: none does. */
  answerId: number;
  /** Which conversation it belongs to, and its turn in it, both from 0. */
  conversation: number;
  turn: number;
  /** False: the answer comes whole, at its end. True when absent. */
  isStreamed?: boolean;
  /** Name of the LoRA adapter that it asks for in place of the model. */
  adapter?: string;
  /** How urgent it is; absent: the run has no classes. */
  criticality?: Criticality;
  /** Who sends it, from 0; with `criticality`. */
  tenant?: number;
}

/** The next turn of a conversation. */
export interface FollowUp {
  /** From the end of the answer before it. */
  delayMs: number;
  request: TrafficRequest;
}

/**
 * One seed of a traffic. Each conversation has its own random numbers, so that its content does
 * not depend on the order in which answers end, which differs from rule to rule.
 */
export interface TrafficSource {
  /** The first request of the conversation with that number. */
  first(conversation: number): TrafficRequest;
  /** What the user says once the answer has come; null at the conversation's end. */
  next(request: TrafficRequest): FollowUp | null;
}

/**
 * How requests come: so many a second whatever happens, so many in flight all the time, or at the
 * times of a trace, replayed so many times as fast.
 */
export type Load = { ratePerS: number } | { concurrency: number } | { speed: number };

/** Something that happens to a pod. */
export interface PodEvent {
  atMs: number;
  pod: number;
  /**
   * `drain`: it ends what it has, and wants nothing new. `die`: it is gone, with all it was
   * computing. `start`: it serves, with an empty cache, and was restarted if it did before; a pod
   * whose first event this is was not there before.
   */
  kind: "drain" | "die" | "start";
}

export interface Traffic {
  name: string;
  /** One line for people. */
  title: string;
  /** The pods: a name of engine/profiles.ts, and how many. */
  profile: string;
  pods: number;
  load: Load;
  /** Of a trace: when each conversation begins, in ms from the start, in order. */
  arrivalsMs?: readonly number[];
  /** Of an open loop, unless the caller says how many requests. */
  seconds: number;
  /** Of a closed loop, unless the caller says otherwise. */
  requests: number;
  /** Requests of a conversation. */
  turns: number;
  /** Of an open loop: times the rate at that moment; its mean over the run should be 1. */
  rateFactor?: { readonly max: number; at(nowMs: number): number };
  /** The engine of one of the pods, made from the profile or what replaces it. */
  engineOf?(engine: EngineConfig, pod: number): EngineConfig;
  /** What happens to that many pods, in any order; pods that are not there are left out. */
  podEvents?(pods: number): PodEvent[];
  /** Its requests have a criticality and a tenant. */
  hasCriticalities?: boolean;
  /** LoRA adapters that all pods serve. */
  adapters?: readonly string[];
  source(seed: number): TrafficSource;
}

export function isStreamed(request: TrafficRequest): boolean {
  return request.isStreamed !== false;
}

/** Prompt tokens of a request. */
export function promptTokens(request: TrafficRequest): number {
  return request.messages.reduce((sum, { tokens }) => sum + tokens, 0);
}

/** Names of content that all conversations share: 1 to this. */
export const SHARED_IDS = 1_000_000;
/** Names of content that one conversation can have for itself. */
const OWN_IDS = 1000;

/** The name of content number `index` of a conversation. */
export function ownId(conversation: number, index: number): number {
  return SHARED_IDS + conversation * OWN_IDS + index + 1;
}

/** A request without a past or a future. */
export function single(
  conversation: number,
  messages: Message[],
  outputTokens: number,
): TrafficRequest {
  return { messages, outputTokens, answerId: 0, conversation, turn: 0 };
}

/** A source of requests that nothing follows. */
export function singles(first: (conversation: number) => TrafficRequest): TrafficSource {
  return { first, next: () => null };
}
