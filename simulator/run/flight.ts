// A request on its way, and what the engine of its pod is given of it.
import { CRITICALITIES } from "../../sidecar-metrics/src/models/model-policy.js";
import { hashSegments } from "../engine/block-hash.js";
import type { EngineOptions } from "../engine/options.js";
import type { EngineRequest } from "../engine/sequence.js";
import type { RoutedRequest } from "../rules/rule.js";
import { promptTokens, type TrafficRequest } from "../traffic/traffic.js";

/** Times in virtual ms, -1 until they happened. */
export interface Flight extends RoutedRequest {
  arrivalMs: number;
  firstTokenMs: number;
}

export function newFlight(number: number, traffic: TrafficRequest, nowMs: number): Flight {
  return {
    number,
    traffic,
    promptTokens: promptTokens(traffic),
    pod: -1,
    attempts: 0,
    cachedTokens: 0,
    arrivalMs: nowMs,
    firstTokenMs: -1,
  };
}

export function engineRequest<T extends RoutedRequest>(
  flight: T,
  engine: EngineOptions,
): EngineRequest<T> {
  const { promptTokens, traffic } = flight;
  const { outputTokens, adapter, criticality } = traffic;
  return {
    id: String(flight.number),
    promptTokens,
    outputTokens,
    blockHashes: engine.prefixCaching ? blockHashes(traffic, engine.blockTokens) : [],
    ...(adapter === undefined ? {} : { adapter }),
    ...(criticality === undefined ? {} : { priority: CRITICALITIES.indexOf(criticality) }),
    owner: flight,
  };
}

function blockHashes(traffic: TrafficRequest, blockTokens: number): number[] {
  const { messages, answerId, outputTokens, adapter } = traffic;
  const answer = answerId > 0 ? [{ id: answerId, tokens: outputTokens }] : [];
  return hashSegments([...messages, ...answer], blockTokens, adapterSalt(adapter));
}

/** Adapters share no KV, neither with each other nor with the model alone: FNV-1a of the name. */
function adapterSalt(adapter: string | undefined): number {
  let hash = 0;
  for (const char of adapter ?? "") {
    hash = Math.imul((hash || 0x811c9dc5) ^ char.charCodeAt(0), 0x01000193) >>> 0;
  }
  return hash;
}
