// The way of each request: to the pod that the rule picks, to others where that one fails it, and
// through its answer to its end.
import type { StepOutcome } from "../engine/engine.js";
import { HELD, type Rule } from "../rules/rule.js";
import { isStreamed } from "../traffic/traffic.js";
import type { Random } from "../workloads/random.js";
import { engineRequest, type Flight } from "./flight.js";
import type { PodPool } from "./pod-pool.js";

/** As `numRetries` of manifests/base: to the second address, then to any other pod. */
const RETRIES_MAX = 2;

/** Is told what becomes of requests; each ends once. */
export interface RoutingListener {
  onRouted(flight: Flight, nowMs: number): void;
  /** The engine has made the first token, which a client sees now only if it streams. */
  onFirstToken(flight: Flight): void;
  onAnswered(flight: Flight, endMs: number): void;
  onFailed(flight: Flight, nowMs: number): void;
}

export class Routing {
  constructor(
    private readonly pool: PodPool<Flight>,
    private readonly rule: Rule,
    /** By pod, counted here: requests routed there that have not ended. */
    private readonly inFlight: number[],
    /** Draws the pod of a retry. */
    private readonly random: Random,
    private readonly listener: RoutingListener,
  ) {
    rule.onRelease?.((request, pod, nowMs) => this.picked(request as Flight, pod, nowMs));
  }

  arrive(flight: Flight, nowMs: number): void {
    const { promptTokens, traffic } = flight;
    // No rule is asked where no pod would take the prompt: the error comes at once, from any.
    const isTaken = this.pool.pods.some(
      ({ engine }) => engine.refusal(promptTokens, traffic.outputTokens) === null,
    );
    const pod = isTaken ? this.rule.pick(flight, nowMs) : -1;
    if (pod !== HELD) this.picked(flight, pod, nowMs);
  }

  private picked(flight: Flight, picked: number, nowMs: number): void {
    // A rule that names no pod: the client gets an error.
    if (!this.pool.pods[picked]) return this.listener.onFailed(flight, nowMs);
    this.routeTo(flight, picked);
    this.listener.onRouted(flight, nowMs);
    this.send(flight, nowMs);
  }

  /** A pod's step has ended. */
  stepEnded({ first, finished }: StepOutcome<Flight>, endMs: number): void {
    for (const { owner, cachedTokens } of first) {
      owner.firstTokenMs = endMs;
      owner.cachedTokens = Math.max(0, cachedTokens);
      this.listener.onFirstToken(owner);
      if (isStreamed(owner.traffic)) this.rule.onFirstToken?.(owner, endMs);
    }
    for (const { owner } of finished) this.finish(owner, endMs);
  }

  /** A pod died: a stream has its headers already, so Envoy cannot ask another pod any more. */
  podLost(lost: readonly Flight[], nowMs: number): void {
    for (const flight of lost) {
      if (isStreamed(flight.traffic)) this.fail(flight, nowMs);
      else this.retry(flight, nowMs);
    }
  }

  private routeTo(flight: Flight, pod: number): void {
    if (flight.pod >= 0) this.inFlight[flight.pod]!--;
    flight.pod = pod;
    flight.attempts++;
    this.inFlight[pod]!++;
  }

  /** To the pod it is routed to, or where that one is dead, to others. */
  private send(flight: Flight, nowMs: number): void {
    const pod = this.pool.pods[flight.pod]!;
    if (!pod.isUp) return this.retry(flight, nowMs);
    const { promptTokens, traffic } = flight;
    // A prompt that the pod cannot take: the client gets its error, no other pod is asked.
    if (pod.engine.refusal(promptTokens, traffic.outputTokens) !== null) {
      return this.fail(flight, nowMs);
    }
    this.rule.onAccepted?.(flight, nowMs);
    pod.submit(engineRequest(flight, pod.engine.options), nowMs);
  }

  /** The pod has failed the request before a byte of an answer came. */
  private retry(flight: Flight, nowMs: number): void {
    const next = flight.attempts > RETRIES_MAX ? -1 : this.otherPod(flight);
    if (next < 0) return this.fail(flight, nowMs);
    this.routeTo(flight, next);
    this.send(flight, nowMs);
  }

  /** The rule's second choice, then any other; -1: there is none. */
  private otherPod(flight: Flight): number {
    const { pool, random } = this;
    const second = flight.attempts === 1 ? (this.rule.second?.(flight) ?? -1) : -1;
    if (second >= 0) return second;
    const others = pool.pods
      .map((_, pod) => pod)
      .filter((pod) => pod !== flight.pod && pool.mayBePicked(pod));
    return others[random.integer(0, others.length - 1)] ?? -1;
  }

  private finish(flight: Flight, endMs: number): void {
    if (!isStreamed(flight.traffic)) this.rule.onFirstToken?.(flight, endMs);
    this.rule.onFinish?.(flight, endMs);
    this.inFlight[flight.pod]!--;
    this.listener.onAnswered(flight, endMs);
  }

  private fail(flight: Flight, nowMs: number): void {
    this.rule.onFail?.(flight, nowMs);
    this.inFlight[flight.pod]!--;
    this.listener.onFailed(flight, nowMs);
  }
}
