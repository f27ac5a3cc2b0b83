// Several gateways before the same pods: each has a rule of its own, and requests come to them at
// random, as a load balancer in front would spread them.
import { Random } from "../workloads/random.js";
import { Exchange } from "./exchange.js";
import type { Release, RoutedRequest, Rule, RuleView, Ticker } from "./rule.js";

/** Part of the seed: which gateway a request comes to. */
const GATEWAY = 3;
/** Part of the seed: the further gateways' own chance. */
const RULE = 4;

/** How many gateways there are, and what they tell each other. */
export interface GatewayOptions {
  gateways: number;
  /** How late a gateway knows what another one has told; null: each is alone. */
  shareLagMs: number | null;
  seed: number;
}

/** One rule for all of them; with one gateway that is `make` of the view as it is. */
export function spread(
  view: RuleView,
  make: (view: RuleView) => Rule,
  { gateways, shareLagMs, seed }: GatewayOptions,
): Rule {
  if (gateways === 1) return make(view);
  const exchange = shareLagMs === null ? null : new Exchange(gateways, shareLagMs, view.addresses);
  return new SeveralGateways(view, make, gateways, exchange, seed);
}

class SeveralGateways implements Rule {
  readonly tickers: Ticker[];
  private readonly rules: Rule[];
  /** By gateway, then by pod. */
  private readonly inFlight: number[][];
  /** By the request's number, where it went; only of those in flight. */
  private readonly ways = new Map<number, { gateway: number; pod: number }>();
  private readonly random: Random;

  constructor(
    view: RuleView,
    make: (view: RuleView) => Rule,
    gateways: number,
    exchange: Exchange | null,
    seed: number,
  ) {
    this.random = Random.from(seed, GATEWAY);
    this.inFlight = Array.from({ length: gateways }, () => view.addresses.map(() => 0));
    this.rules = this.inFlight.map((inFlight, gateway) =>
      make({
        ...view,
        random: Random.from(seed, RULE, gateway),
        inFlight: (pod) => inFlight[pod]!,
        gateway,
        exchange,
      }),
    );
    this.tickers = this.rules.flatMap(({ tickers }) => tickers ?? []);
  }

  pick(request: RoutedRequest, nowMs: number): number {
    const gateway = this.random.integer(0, this.rules.length - 1);
    const pod = this.rules[gateway]!.pick(request, nowMs);
    if (pod >= 0) this.take(request, gateway, pod);
    return pod;
  }

  onRelease(release: Release): void {
    for (const [gateway, rule] of this.rules.entries()) {
      rule.onRelease?.((request, pod, nowMs) => {
        if (pod >= 0) this.take(request, gateway, pod);
        release(request, pod, nowMs);
      });
    }
  }

  second(request: RoutedRequest): number {
    const { gateway } = this.ways.get(request.number)!;
    return this.rules[gateway]!.second?.(request) ?? -1;
  }

  onAccepted(request: RoutedRequest, nowMs: number): void {
    const way = this.ways.get(request.number)!;
    const inFlight = this.inFlight[way.gateway]!;
    inFlight[way.pod]!--;
    inFlight[request.pod]!++;
    way.pod = request.pod;
    this.rules[way.gateway]!.onAccepted?.(request, nowMs);
  }

  onFirstToken(request: RoutedRequest, nowMs: number): void {
    const { gateway } = this.ways.get(request.number)!;
    this.rules[gateway]!.onFirstToken?.(request, nowMs);
  }

  onFinish(request: RoutedRequest, nowMs: number): void {
    this.end(request).onFinish?.(request, nowMs);
  }

  onFail(request: RoutedRequest, nowMs: number): void {
    this.end(request).onFail?.(request, nowMs);
  }

  private take({ number }: RoutedRequest, gateway: number, pod: number): void {
    this.ways.set(number, { gateway, pod });
    this.inFlight[gateway]![pod]!++;
  }

  /** Gives back what the request holds; the rule that routed it. */
  private end({ number }: RoutedRequest): Rule {
    const { gateway, pod } = this.ways.get(number)!;
    this.ways.delete(number);
    this.inFlight[gateway]![pod]!--;
    return this.rules[gateway]!;
  }
}
