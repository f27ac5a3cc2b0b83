// What a routing rule is told, and what it answers.
import type { EngineOptions } from "../engine/options.js";
import type { Random } from "../workloads/random.js";
import type { PodMetrics } from "../run/virtual-pod.js";
import type { TrafficRequest } from "../traffic/traffic.js";
import type { Exchange } from "./exchange.js";
import type { PodTruth } from "./truth.js";

/** The pods as one gateway sees them. */
export interface RuleView {
  readonly podCount: number;
  /** `ip:port` of each pod. */
  readonly addresses: readonly string[];
  /** The engine of the pods; where they differ, of the first one. */
  readonly engine: EngineOptions;
  /** Requests have a criticality, and name it as their objective. */
  readonly hasCriticalities: boolean;
  /** LoRA adapters that the pods serve. */
  readonly adapters: readonly string[];
  /** Chance of the rule's own: its draws change nothing for others. */
  readonly random: Random;
  /** How old scraped metrics are. */
  readonly metricsAgeMs: number;
  /** Further keys of the filter's configuration. */
  readonly filterConfig: Readonly<Record<string, unknown>>;
  /** Of the filter: worker threads of the gateway, each with a VM of its own. */
  readonly workers: number;
  /** Number of this gateway, from 0. */
  readonly gateway: number;
  /** What gateways tell each other; null: nothing, or there is only one. */
  readonly exchange: Exchange | null;
  /** This gateway's requests at the pod whose answers have not ended: exact, and now. */
  inFlight(pod: number): number;
  /** The pod's metrics as they were scraped, some time ago. */
  scraped(pod: number): PodMetrics;
  engineOf(pod: number): EngineOptions;
  /** False for a pod known to be gone, not ready or draining: no rule may pick it. */
  mayBePicked(pod: number): boolean;
  /** Another number means that the pod has started anew, with an empty cache. */
  epochOf(pod: number): number;
  /** What no gateway knows: only for rules that are limits, not peers. */
  truthOf(pod: number): PodTruth;
}

/** A request as a rule meets it. */
export interface RoutedRequest {
  /** Counts from 0 in the order of arrival. */
  readonly number: number;
  readonly traffic: TrafficRequest;
  readonly promptTokens: number;
  /** Where it went, at last; -1 before that. */
  pod: number;
  /** Pods it was sent to: more than 1 when a pod was dead or died. */
  attempts: number;
  /** Prompt tokens that the pod found cached; known at the first token. */
  cachedTokens: number;
}

/** What `pick` returns for a request that the rule keeps for a while. */
export const HELD = -2;

/** Ends a hold: the request goes to that pod, or with -1 is refused. */
export type Release = (request: RoutedRequest, pod: number, nowMs: number) => void;

export interface Rule {
  /** The pod for a request; -1: the request is refused; HELD: it is released later. */
  pick(request: RoutedRequest, nowMs: number): number;
  /** Given once, before the first request, for rules that hold. */
  onRelease?(release: Release): void;
  /** Asked when the picked pod fails the request: the pod to try next; -1: any other. */
  second?(request: RoutedRequest): number;
  /** The pod `request.pod` has taken the request; it is another one than picked after a retry. */
  onAccepted?(request: RoutedRequest, nowMs: number): void;
  /** The answer's first byte; of one that is not streamed it comes with the last. */
  onFirstToken?(request: RoutedRequest, nowMs: number): void;
  onFinish?(request: RoutedRequest, nowMs: number): void;
  /** The request ends without an answer, or with a part of one; the last call for it. */
  onFail?(request: RoutedRequest, nowMs: number): void;
  /** What it does by the clock, besides. */
  readonly tickers?: readonly Ticker[];
}

/** Called at `firstMs` and then once a period, while requests are under way. */
export interface Ticker {
  readonly firstMs: number;
  readonly periodMs: number;
  tick(nowMs: number): void;
}

/** The pods that may be picked, in order. */
export function pickablePods(view: RuleView): number[] {
  return view.addresses.map((_, pod) => pod).filter((pod) => view.mayBePicked(pod));
}

/** Of equal pods a random one, so that no pod is preferred for its number; -1 where none may be. */
export function least(view: RuleView, costOf: (pod: number) => number): number {
  let best = -1;
  let bestCost = Infinity;
  let equals = 0;
  for (let pod = 0; pod < view.podCount; pod++) {
    if (!view.mayBePicked(pod)) continue;
    const cost = costOf(pod);
    if (best < 0 || cost < bestCost) {
      [best, bestCost, equals] = [pod, cost, 1];
    } else if (cost === bestCost && view.random.integer(0, equals++) === 0) {
      best = pod;
    }
  }
  return best;
}
