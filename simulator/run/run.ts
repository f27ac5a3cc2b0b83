// One run in virtual time: traffic arrives, a rule picks pods, their engines answer.
import { profile } from "../engine/profiles.js";
import { spread } from "../rules/gateways.js";
import type { Rule, Ticker } from "../rules/rule.js";
import type { TrafficRequest, TrafficSource } from "../traffic/traffic.js";
import { Random } from "../workloads/random.js";
import { arrivals } from "./arrivals.js";
import { Collector } from "./collector.js";
import { EventQueue } from "./event-queue.js";
import { GoodputCounter } from "./goodput.js";
import { newFlight, type Flight } from "./flight.js";
import type { RunOptions, RunResult } from "./run-options.js";
import { PodPool } from "./pod-pool.js";
import { Recorder, type PodSample } from "./recorder.js";
import { Routing, type RoutingListener } from "./routing.js";
import { ruleView } from "./view.js";
import { VirtualPod } from "./virtual-pod.js";

const SAMPLE_MS = 1000;
/** Part of the seed: what retries draw must not shift what others draw. */
const RETRIES = 5;

/** Runs it to the end of the last answer. */
export function run(options: RunOptions): RunResult {
  return new Run(options).run();
}

class Run implements RoutingListener {
  private readonly events = new EventQueue();
  private readonly pool: PodPool<Flight>;
  private readonly inFlight: number[];
  private readonly rule: Rule;
  private readonly routing: Routing;
  private readonly source: TrafficSource;
  private readonly collector: Collector;
  private readonly goodput: GoodputCounter | null;
  private readonly recorder: Recorder | null;
  private arrived = 0;
  private started = 0;
  /** Conversations that have begun or will, and have not ended. */
  private open: number;

  constructor(private readonly options: RunOptions) {
    const { traffic, load, conversations, seed } = options;
    this.collector = new Collector(load);
    this.goodput = traffic.hasCriticalities ? new GoodputCounter() : null;
    this.recorder = options.isRecorded ? new Recorder() : null;
    this.source = traffic.source(seed);
    this.open = conversations;
    this.pool = this.newPool();
    this.inFlight = this.pool.pods.map(() => 0);
    const view = ruleView(options, this.pool, this.events, this.inFlight);
    this.rule = spread(view, options.rule, {
      gateways: options.gateways ?? 1,
      shareLagMs: options.shareLagMs ?? null,
      seed,
    });
    const random = Random.from(seed, RETRIES);
    this.routing = new Routing(this.pool, this.rule, this.inFlight, random, this);
  }

  run(): RunResult {
    const { traffic, load, conversations, seed } = this.options;
    this.planNext(arrivals(traffic, load, conversations, seed));
    for (const ticker of this.rule.tickers ?? []) this.tickFrom(ticker.firstMs, ticker);
    this.sampleFrom(SAMPLE_MS);
    this.events.run();
    return {
      recording: this.recorder?.recording(this.collector.sortedTtftMs()) ?? null,
      figures: this.collector.figures(this.goodput?.figures()),
      requests: this.arrived,
      inFlightAtEnd: this.inFlight.reduce((sum, count) => sum + count, 0),
    };
  }

  private newPool(): PodPool<Flight> {
    const { traffic, pods: count, engine } = this.options;
    const base = engine ?? profile(traffic.profile);
    const pods = Array.from({ length: count }, (_, pod) => {
      const config = traffic.engineOf?.(base, pod) ?? base;
      return new VirtualPod<Flight>(addressOf(pod), config, this.events, (outcome, endMs) => {
        this.collector.stepEnded(outcome, endMs);
        this.routing.stepEnded(outcome, endMs);
      });
    });
    return new PodPool(pods, this.events, traffic.podEvents?.(count) ?? [], (lost, nowMs) =>
      this.routing.podLost(lost, nowMs),
    );
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

  private arrive(request: TrafficRequest, nowMs: number): void {
    this.routing.arrive(newFlight(this.arrived++, request, nowMs), nowMs);
  }

  onRouted(flight: Flight, nowMs: number): void {
    this.options.onRouted?.(flight, nowMs);
  }

  onFirstToken({ promptTokens, cachedTokens }: Flight): void {
    this.recorder?.prefilled(promptTokens, cachedTokens);
  }

  onAnswered(flight: Flight, endMs: number): void {
    const { number, arrivalMs, firstTokenMs, promptTokens, cachedTokens, traffic } = flight;
    this.goodput?.answered(flight);
    this.collector.finished(
      { number, arrivalMs, firstTokenMs, endMs },
      { promptTokens, cachedTokens, outputTokens: traffic.outputTokens },
    );
    const followUp = this.source.next(traffic);
    if (followUp === null) return this.conversationEnded(endMs);
    this.events.add(endMs + followUp.delayMs, (atMs) => this.arrive(followUp.request, atMs));
  }

  /** A conversation goes on only after an answer. */
  onFailed(flight: Flight, nowMs: number): void {
    this.goodput?.failed(flight);
    this.collector.failed();
    this.conversationEnded(nowMs);
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
      if (this.open > 0) this.sampleFrom(nowMs + SAMPLE_MS);
    });
  }

  /** Pods that are down leave a gap. */
  private podSamples(): PodSample[] {
    return this.pool.pods.flatMap(({ isUp, address, engine }, pod) =>
      isUp ? [{ name: address, kvUse: engine.stats().kvUse, inFlight: this.inFlight[pod]! }] : [],
    );
  }
}

function addressOf(pod: number): string {
  return `10.0.${pod >> 8}.${pod & 255}:8000`;
}
