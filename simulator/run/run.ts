// One run in virtual time: traffic arrives, a rule picks pods, their engines answer.
import type { StepOutcome } from "../engine/engine.js";
import { profile } from "../engine/profiles.js";
import type { EngineConfig } from "../engine/options.js";
import { spread } from "../rules/gateways.js";
import type { RoutedRequest, Rule, RuleView, Ticker } from "../rules/rule.js";
import {
  isStreamed,
  promptTokens,
  type FollowUp,
  type Load,
  type Traffic,
  type TrafficRequest,
  type TrafficSource,
} from "../traffic/traffic.js";
import { Random } from "../workloads/random.js";
import { arrivals } from "./arrivals.js";
import { Collector } from "./collector.js";
import { engineRequest, type Flight } from "./flight.js";
import { EventQueue } from "./event-queue.js";
import type { Figures } from "./figures.js";
import { PodPool } from "./pod-pool.js";
import { Recorder, type PodSample, type Recording } from "./recorder.js";
import { VirtualPod } from "./virtual-pod.js";

const KV_SAMPLE_MS = 1000;
/** Parts of the seed: what one draws must not shift what another draws. */
const RULE = 2;
const RETRIES = 5;
/** As `numRetries` of manifests/base: to the second address, then to any other pod. */
const RETRIES_MAX = 2;

export interface RunOptions {
  traffic: Traffic;
  load: Load;
  pods: number;
  /** In place of the traffic's profile. */
  engine?: EngineConfig | undefined;
  /** First requests of conversations. */
  conversations: number;
  seed: number;
  metricsAgeMs: number;
  /** Of the rule `warmroute`: further keys of its configuration. */
  filterConfig?: Record<string, unknown>;
  /** Of the rule `warmroute`: VMs of a gateway. 1 when absent. */
  workers?: number;
  /** Gateways before the pods, each with a rule of its own. 1 when absent. */
  gateways?: number;
  /** How late a gateway knows what another one told; absent: each is alone. */
  shareLagMs?: number | undefined;
  rule: (view: RuleView) => Rule;
  /** Whether the run is recorded over time, for a report. */
  isRecorded?: boolean;
  /** Told now and then which share of the conversations has ended. */
  onProgress?: (share: number) => void;
  /** Sees each request that was routed; for tests. */
  onRouted?: (request: RoutedRequest, nowMs: number) => void;
}

export interface RunResult {
  figures: Figures;
  /** Requests that arrived; each was answered or refused. */
  requests: number;
  /** Requests that were still in flight when nothing was left to happen: 0, or there is a bug. */
  inFlightAtEnd: number;
  recording: Recording | null;
}

/** Runs it to the end of the last answer. */
export function run(options: RunOptions): RunResult {
  return new Run(options).run();
}

class Run {
  private readonly events = new EventQueue();
  private readonly pods: VirtualPod<Flight>[];
  private readonly pool: PodPool<Flight>;
  private readonly retryRandom: Random;
  private readonly inFlight: number[];
  private readonly source: TrafficSource;
  private readonly rule: Rule;
  private readonly collector: Collector;
  private readonly recorder: Recorder | null;
  private arrived = 0;
  private started = 0;
  /** Conversations that have begun or will, and have not ended. */
  private open: number;

  constructor(private readonly options: RunOptions) {
    const { traffic, seed } = options;
    this.collector = new Collector(options.load);
    this.recorder = options.isRecorded ? new Recorder() : null;
    const base = options.engine ?? profile(traffic.profile);
    this.pods = Array.from({ length: options.pods }, (_, pod) => {
      const config = traffic.engineOf?.(base, pod) ?? base;
      return new VirtualPod<Flight>(addressOf(pod), config, this.events, (outcome, endMs) =>
        this.onStep(outcome, endMs),
      );
    });
    const podEvents = traffic.podEvents?.(options.pods) ?? [];
    this.pool = new PodPool(this.pods, this.events, podEvents, (lost, nowMs) =>
      this.onLost(lost, nowMs),
    );
    this.retryRandom = Random.from(seed, RETRIES);
    this.inFlight = this.pods.map(() => 0);
    this.source = traffic.source(seed);
    this.open = options.conversations;
    this.rule = spread(this.view(), options.rule, {
      gateways: options.gateways ?? 1,
      shareLagMs: options.shareLagMs ?? null,
      seed,
    });
  }

  run(): RunResult {
    this.planArrivals();
    for (const ticker of this.rule.tickers ?? []) this.tickFrom(ticker.firstMs, ticker);
    this.sampleFrom(KV_SAMPLE_MS);
    this.events.run();
    return {
      recording: this.recorder?.recording(this.collector.sortedTtftMs()) ?? null,
      figures: this.collector.figures(),
      requests: this.arrived,
      inFlightAtEnd: this.inFlight.reduce((sum, count) => sum + count, 0),
    };
  }

  private view(): RuleView {
    const { pods, pool, events } = this;
    const { metricsAgeMs, seed } = this.options;
    return {
      podCount: pods.length,
      addresses: pods.map(({ address }) => address),
      engine: pods[0]!.engine.options,
      random: Random.from(seed, RULE),
      metricsAgeMs,
      filterConfig: this.options.filterConfig ?? {},
      workers: this.options.workers ?? 1,
      gateway: 0,
      exchange: null,
      inFlight: (pod) => this.inFlight[pod]!,
      scraped: (pod) => pods[pod]!.metricsAt(events.nowMs - metricsAgeMs),
      adapters: this.options.traffic.adapters ?? [],
      engineOf: (pod) => pods[pod]!.engine.options,
      mayBePicked: (pod) => pool.mayBePicked(pod),
      epochOf: (pod) => pool.epochOf(pod),
    };
  }

  private planArrivals(): void {
    const { load, conversations, seed, traffic } = this.options;
    this.planNext(arrivals(traffic, load, conversations, seed));
  }

  /** One after the other: a trace may hold millions. */
  private planNext(times: Iterator<number>): void {
    const next = times.next();
    if (next.done) return;
    this.events.add(next.value, (nowMs) => {
      this.planNext(times);
      this.startNext(nowMs);
    });
  }

  private startNext(nowMs: number): void {
    if (this.started === this.options.conversations) return;
    this.arrive(this.source.first(this.started++), nowMs);
  }

  private arrive(traffic: TrafficRequest, nowMs: number): void {
    const flight: Flight = {
      number: this.arrived++,
      traffic,
      promptTokens: promptTokens(traffic),
      pod: -1,
      attempts: 0,
      cachedTokens: 0,
      arrivalMs: nowMs,
      firstTokenMs: -1,
    };
    // No rule is asked where no pod would take the prompt: the error comes at once, from any.
    const isTaken = this.pods.some(
      ({ engine }) => engine.refusal(flight.promptTokens, traffic.outputTokens) === null,
    );
    const picked = isTaken ? this.rule.pick(flight, nowMs) : -1;
    // A rule that names no pod: the client gets an error.
    if (!this.pods[picked]) return this.refuse(flight, nowMs);
    this.routeTo(flight, picked);
    this.options.onRouted?.(flight, nowMs);
    this.send(flight, nowMs);
  }

  private routeTo(flight: Flight, pod: number): void {
    if (flight.pod >= 0) this.inFlight[flight.pod]!--;
    flight.pod = pod;
    flight.attempts++;
    this.inFlight[pod]!++;
  }

  /** To the pod it is routed to, or where that one is dead, to others. */
  private send(flight: Flight, nowMs: number): void {
    const pod = this.pods[flight.pod]!;
    if (!pod.isUp) return this.retry(flight, nowMs);
    const { traffic } = flight;
    // A prompt that the pod cannot take: the client gets its error, no other pod is asked.
    if (pod.engine.refusal(flight.promptTokens, traffic.outputTokens) !== null) {
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
    const { pool, retryRandom } = this;
    const second = flight.attempts === 1 ? (this.rule.second?.(flight) ?? -1) : -1;
    if (second >= 0) return second;
    const others = this.pods
      .map((_, pod) => pod)
      .filter((pod) => pod !== flight.pod && pool.mayBePicked(pod));
    return others[retryRandom.integer(0, others.length - 1)] ?? -1;
  }

  /** A pod died: a stream has its headers already, so Envoy cannot ask another pod any more. */
  private onLost(lost: Flight[], nowMs: number): void {
    for (const flight of lost) {
      if (isStreamed(flight.traffic)) this.fail(flight, nowMs);
      else this.retry(flight, nowMs);
    }
  }

  private fail(flight: Flight, nowMs: number): void {
    this.rule.onFail?.(flight, nowMs);
    this.refuse(flight, nowMs);
  }

  private refuse(flight: Flight, nowMs: number): void {
    this.collector.refused();
    this.end(flight, nowMs, null);
  }

  private onStep(outcome: StepOutcome<Flight>, endMs: number): void {
    this.collector.stepEnded(outcome, endMs);
    for (const { owner, cachedTokens } of outcome.first) {
      owner.firstTokenMs = endMs;
      owner.cachedTokens = Math.max(0, cachedTokens);
      this.recorder?.prefilled(owner.promptTokens, owner.cachedTokens);
      if (isStreamed(owner.traffic)) this.rule.onFirstToken?.(owner, endMs);
    }
    for (const { owner } of outcome.finished) this.finish(owner, endMs);
  }

  private finish(flight: Flight, endMs: number): void {
    const { number, arrivalMs, firstTokenMs, cachedTokens, traffic } = flight;
    if (!isStreamed(traffic)) this.rule.onFirstToken?.(flight, endMs);
    this.rule.onFinish?.(flight, endMs);
    const { outputTokens } = traffic;
    this.collector.finished(
      { number, arrivalMs, firstTokenMs, endMs },
      { promptTokens: flight.promptTokens, cachedTokens, outputTokens },
    );
    this.end(flight, endMs, this.source.next(traffic));
  }

  /** Gives back what the request holds; a conversation goes on only after an answer. */
  private end(flight: Flight, nowMs: number, followUp: FollowUp | null): void {
    if (flight.pod >= 0) this.inFlight[flight.pod]!--;
    if (followUp === null) return this.conversationEnded(nowMs);
    this.events.add(nowMs + followUp.delayMs, (atMs) => this.arrive(followUp.request, atMs));
  }

  private conversationEnded(nowMs: number): void {
    this.open--;
    if ("concurrency" in this.options.load) this.startNext(nowMs);
  }

  private tickFrom(atMs: number, ticker: Ticker): void {
    this.events.add(atMs, (nowMs) => {
      ticker.tick(nowMs);
      if (this.open > 0) this.tickFrom(nowMs + ticker.periodMs, ticker);
    });
  }

  private sampleFrom(atMs: number): void {
    this.events.add(atMs, (nowMs) => {
      this.collector.sampleKvUse(this.pool.kvUses());
      this.recorder?.sample(nowMs, this.podSamples());
      this.options.onProgress?.(1 - this.open / this.options.conversations);
      if (this.open > 0) this.sampleFrom(nowMs + KV_SAMPLE_MS);
    });
  }

  /** Pods that are down leave a gap. */
  private podSamples(): PodSample[] {
    return this.pods.flatMap(({ isUp, address, engine }, pod) =>
      isUp ? [{ name: address, kvUse: engine.stats().kvUse, inFlight: this.inFlight[pod]! }] : [],
    );
  }
}

function addressOf(pod: number): string {
  return `10.0.${pod >> 8}.${pod & 255}:8000`;
}
