// What the gateways of a run see of its pods.
import type { RuleView } from "../rules/rule.js";
import { truthOf } from "../rules/truth.js";
import { Random } from "../workloads/random.js";
import type { EventQueue } from "./event-queue.js";
import type { Flight } from "./flight.js";
import type { RunOptions } from "./run-options.js";
import type { PodPool } from "./pod-pool.js";

/** Part of the seed: what a rule draws must not shift what others draw. */
const RULE = 2;

/** The view of a gateway that is alone; `inFlight` is counted by pod, and read when asked. */
export function ruleView(
  options: RunOptions,
  pool: PodPool<Flight>,
  events: EventQueue,
  inFlight: readonly number[],
): RuleView {
  const { pods } = pool;
  const { metricsAgeMs, seed, traffic } = options;
  return {
    podCount: pods.length,
    addresses: pods.map(({ address }) => address),
    engine: pods[0]!.engine.options,
    random: Random.from(seed, RULE),
    metricsAgeMs,
    filterConfig: options.filterConfig ?? {},
    workers: options.workers ?? 1,
    gateway: 0,
    exchange: null,
    inFlight: (pod) => inFlight[pod]!,
    scraped: (pod) => pods[pod]!.metricsAt(events.nowMs - metricsAgeMs),
    adapters: traffic.adapters ?? [],
    hasCriticalities: traffic.hasCriticalities ?? false,
    engineOf: (pod) => pods[pod]!.engine.options,
    mayBePicked: (pod) => pool.mayBePicked(pod),
    epochOf: (pod) => pool.epochOf(pod),
    truthOf: (pod) => truthOf(pods[pod]!.engine),
  };
}
