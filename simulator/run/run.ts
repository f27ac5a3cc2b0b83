// One run in virtual time: traffic arrives, a rule picks pods, their engines answer.
import type { StepOutcome } from "../engine/engine.js";
import { profile } from "../engine/profiles.js";
import { hashSegments } from "../engine/block-hash.js";
import type { RoutedRequest, Rule, RuleView } from "../rules/rule.js";
import {
  promptTokens,
  type Load,
  type Traffic,
  type TrafficRequest,
  type TrafficSource,
} from "../traffic/traffic.js";
import { Random } from "../workloads/random.js";
import { EventQueue } from "./event-queue.js";
import { Collector, type Figures } from "./figures.js";
import { VirtualPod } from "./virtual-pod.js";

/** Spacing of the first requests of a closed loop: they come at once, but not as one. */
const START_GAP_MS = 0.1;
const KV_SAMPLE_MS = 1000;
/** Parts of the seed: what one draws must not shift what another draws. */
const ARRIVALS = 1;
const RULE = 2;

export interface RunOptions {
  traffic: Traffic;
  load: Load;
  pods: number;
  /** First requests of conversations. */
  conversations: number;
  seed: number;
  metricsAgeMs: number;
  /** Of the rule `warmroute`: further keys of its configuration. */
  filterConfig?: Record<string, unknown>;
  rule: (view: RuleView) => Rule;
  /** Sees each request that was routed; for tests. */
  onRouted?: (request: RoutedRequest, nowMs: number) => void;
}

export interface RunResult {
  figures: Figures;
  /** Requests that arrived; each was answered or refused. */
  requests: number;
  /** Requests that were still in flight when nothing was left to happen: 0, or there is a bug. */
  inFlightAtEnd: number;
}

/** A request on its way. */
interface Flight extends RoutedRequest {
  arrivalMs: number;
  firstTokenMs: number;
}

/** Runs it to the end of the last answer. */
export function run(options: RunOptions): RunResult {
  return new Run(options).run();
}

class Run {
  private readonly events = new EventQueue();
  private readonly pods: VirtualPod<Flight>[];
  private readonly inFlight: number[];
  private readonly source: TrafficSource;
  private readonly rule: Rule;
  private readonly collector = new Collector();
  private arrived = 0;
  private started = 0;
  /** Conversations that have begun or will, and have not ended. */
  private open: number;

  constructor(private readonly options: RunOptions) {
    const { traffic, seed } = options;
    const config = profile(traffic.profile);
    this.pods = Array.from(
      { length: options.pods },
      (_, pod) =>
        new VirtualPod<Flight>(addressOf(pod), config, this.events, (outcome, endMs) =>
          this.onStep(outcome, endMs),
        ),
    );
    this.inFlight = this.pods.map(() => 0);
    this.source = traffic.source(seed);
    this.open = options.conversations;
    this.rule = options.rule(this.view());
  }

  run(): RunResult {
    this.planArrivals();
    const { tickMs } = this.rule;
    if (tickMs !== undefined && tickMs > 0) this.tickFrom(0, tickMs);
    this.sampleFrom(KV_SAMPLE_MS);
    this.events.run();
    return {
      figures: this.collector.figures(),
      requests: this.arrived,
      inFlightAtEnd: this.inFlight.reduce((sum, count) => sum + count, 0),
    };
  }

  private view(): RuleView {
    const { pods, events } = this;
    const { metricsAgeMs, seed } = this.options;
    return {
      podCount: pods.length,
      addresses: pods.map(({ address }) => address),
      engine: pods[0]!.engine.options,
      random: Random.from(seed, RULE),
      metricsAgeMs,
      filterConfig: this.options.filterConfig ?? {},
      inFlight: (pod) => this.inFlight[pod]!,
      scraped: (pod) => pods[pod]!.metricsAt(events.nowMs - metricsAgeMs),
    };
  }

  private planArrivals(): void {
    const { load, conversations, seed, traffic } = this.options;
    if ("concurrency" in load) {
      const first = Math.min(load.concurrency, conversations);
      for (let i = 0; i < first; i++) {
        this.events.add(i * START_GAP_MS, (nowMs) => this.startNext(nowMs));
      }
      return;
    }
    if ("speed" in load) return this.planTraced(0, load.speed);
    const random = Random.from(seed, ARRIVALS);
    const gapMsMean = (1000 * traffic.turns) / load.ratePerS;
    let atMs = 0;
    for (let i = 0; i < conversations; i++) {
      atMs += random.exponential(gapMsMean);
      this.events.add(atMs, (nowMs) => this.startNext(nowMs));
    }
  }

  /** One after the other: a trace may hold millions. */
  private planTraced(index: number, speed: number): void {
    if (index === this.options.conversations) return;
    this.events.add(this.options.traffic.arrivalsMs![index]! / speed, (nowMs) => {
      this.startNext(nowMs);
      this.planTraced(index + 1, speed);
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
      cachedTokens: 0,
      arrivalMs: nowMs,
      firstTokenMs: -1,
    };
    const { outputTokens } = traffic;
    // No rule is asked where no pod would take the prompt: the error comes at once, from any.
    const isTaken = this.pods.some(
      ({ engine }) => engine.refusal(flight.promptTokens, outputTokens) === null,
    );
    const picked = isTaken ? this.rule.pick(flight, nowMs) : -1;
    const pod = this.pods[picked];
    // A rule that names no pod, or one that cannot take the prompt: the client gets an error.
    if (!pod || pod.engine.refusal(flight.promptTokens, outputTokens) !== null) {
      this.collector.refused();
      this.conversationEnded(nowMs);
      return;
    }
    flight.pod = picked;
    this.inFlight[picked]!++;
    this.options.onRouted?.(flight, nowMs);
    pod.submit(
      {
        id: String(flight.number),
        promptTokens: flight.promptTokens,
        outputTokens,
        blockHashes: pod.engine.options.prefixCaching ? blockHashes(traffic) : [],
        owner: flight,
      },
      nowMs,
    );
  }

  private onStep(outcome: StepOutcome<Flight>, endMs: number): void {
    for (const { owner, cachedTokens } of outcome.first) {
      owner.firstTokenMs = endMs;
      owner.cachedTokens = Math.max(0, cachedTokens);
      this.rule.onFirstToken?.(owner, endMs);
    }
    for (const { owner } of outcome.finished) this.finish(owner, endMs);
  }

  private finish(flight: Flight, endMs: number): void {
    const { arrivalMs, firstTokenMs, cachedTokens, traffic } = flight;
    this.inFlight[flight.pod]!--;
    this.rule.onFinish?.(flight, endMs);
    const { outputTokens } = traffic;
    this.collector.finished(
      { arrivalMs, firstTokenMs, endMs },
      { promptTokens: flight.promptTokens, cachedTokens, outputTokens },
    );
    const followUp = this.source.next(traffic);
    if (followUp === null) return this.conversationEnded(endMs);
    this.events.add(endMs + followUp.delayMs, (nowMs) => this.arrive(followUp.request, nowMs));
  }

  private conversationEnded(nowMs: number): void {
    this.open--;
    if ("concurrency" in this.options.load) this.startNext(nowMs);
  }

  private tickFrom(atMs: number, periodMs: number): void {
    this.events.add(atMs, (nowMs) => {
      this.rule.tick!(nowMs);
      if (this.open > 0) this.tickFrom(nowMs + periodMs, periodMs);
    });
  }

  private sampleFrom(atMs: number): void {
    this.events.add(atMs, (nowMs) => {
      this.collector.sampleKvUse(this.pods.map(({ engine }) => engine.stats().kvUse));
      if (this.open > 0) this.sampleFrom(nowMs + KV_SAMPLE_MS);
    });
  }
}

function addressOf(pod: number): string {
  return `10.0.${pod >> 8}.${pod & 255}:8000`;
}

function blockHashes({ messages, answerId, outputTokens }: TrafficRequest): number[] {
  const answer = answerId > 0 ? [{ id: answerId, tokens: outputTokens }] : [];
  return hashSegments([...messages, ...answer]);
}
