// Gives the conversations of any traffic a criticality and a tenant; all else stays as it is.
import { CRITICALITIES } from "../../sidecar-metrics/src/models/model-policy.js";
import { Random } from "../workloads/random.js";
import type { Traffic, TrafficRequest } from "./traffic.js";

type RateFactor = NonNullable<Traffic["rateFactor"]>;

/** Part of the seed: what it draws must not shift what others draw. */
const CRITICALITY = 7;
/** Tenant 0 sends this share of the conversations, the others the rest, each as much. */
const LARGE_TENANT_SHARE = 0.5;
const SMALL_TENANTS = 9;

/**
 * In an open loop the load rises to the full rate in the first minute, from this share of it. Idle
 * pods with empty caches take a sudden load without a wait until all of them are full at once.
 */
const RAMP = { ms: 60_000, from: 0.2 };

/** A third of the conversations each, drawn for itself: critical ones come in no order. */
export function withCriticalities(traffic: Traffic): Traffic {
  return {
    ...traffic,
    hasCriticalities: true,
    rateFactor: risingTo(traffic.rateFactor),
    source: (seed) => {
      const source = traffic.source(seed);
      const named = (request: TrafficRequest): TrafficRequest => ({
        ...request,
        ...drawn(seed, request.conversation),
      });
      return {
        first: (conversation) => named(source.first(conversation)),
        next: (request) => {
          const followUp = source.next(request);
          return followUp && { ...followUp, request: named(followUp.request) };
        },
      };
    },
  };
}

function risingTo(factor: RateFactor = { max: 1, at: () => 1 }): RateFactor {
  const share = (nowMs: number): number => RAMP.from + (1 - RAMP.from) * (nowMs / RAMP.ms);
  return { max: factor.max, at: (nowMs) => factor.at(nowMs) * Math.min(1, share(nowMs)) };
}

function drawn(seed: number, conversation: number): Partial<TrafficRequest> {
  const random = Random.from(seed, conversation, CRITICALITY);
  const criticality = CRITICALITIES[random.integer(0, CRITICALITIES.length - 1)]!;
  const isLarge = random.unit() < LARGE_TENANT_SHARE;
  return { criticality, tenant: isLarge ? 0 : random.integer(1, SMALL_TENANTS) };
}
