// What no gateway can know, for the rules that are limits: the pods' caches and all lengths.
import type { Engine } from "../engine/engine.js";
import type { Sequence } from "../engine/sequence.js";
import { engineRequest } from "../run/flight.js";
import type { RoutedRequest } from "./rule.js";

/** One pod's state now. */
export interface PodTruth {
  /** Prompt tokens of the request that the pod's cache holds. */
  cachedTokens(request: RoutedRequest): number;
  /** Tokens to be computed before a request that comes now: prompts, and answers preempted. */
  backlogTokens(): number;
  /** Ms until so many KV tokens are free, if every running answer goes on at `stepMs` a token. */
  roomMs(tokens: number, stepMs: number): number;
}

export function truthOf(engine: Engine<RoutedRequest>): PodTruth {
  return {
    cachedTokens: (request) => engine.cachedTokens(engineRequest(request, engine.options)),
    backlogTokens: () => {
      let tokens = 0;
      for (const sequence of engine.running) tokens += uncomputed(sequence);
      for (const sequence of engine.waiting) {
        tokens += sequence.totalTokens - engine.cachedTokens(sequence.request);
      }
      return tokens;
    },
    roomMs: (tokens, stepMs) => roomMs(engine, tokens, stepMs),
  };
}

/** 0 for a sequence that decodes. */
function uncomputed({ totalTokens, computedTokens, generatedTokens }: Sequence<unknown>): number {
  return generatedTokens > 0 && totalTokens - computedTokens <= 1
    ? 0
    : totalTokens - computedTokens;
}

/** Answers end in the order of what is left of them, and give back what nobody else holds. */
function roomMs(engine: Engine<RoutedRequest>, tokens: number, stepMs: number): number {
  const { blockCount, usedBlocks } = engine.stats();
  let missing = tokens - (blockCount - usedBlocks) * engine.options.blockTokens;
  if (missing <= 0) return 0;
  const lefts = engine.running.map(({ request, generatedTokens }) => ({
    tokens: request.outputTokens - generatedTokens,
    held: generatedTokens + (request.promptTokens - Math.max(0, request.owner.cachedTokens)),
  }));
  lefts.sort((a, b) => a.tokens - b.tokens);
  let at = 0;
  for (const [ended, left] of lefts.entries()) {
    // Until then all that still run grow, and what this one grew it gives back, too.
    missing += (left.tokens - at) * (lefts.length - ended) - (left.held + left.tokens);
    at = left.tokens;
    if (missing <= 0) break;
  }
  return at * stepMs;
}
