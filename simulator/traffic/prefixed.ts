// Requests that share one system prompt and nothing else: what benchmarks of random prompts send.
import { Random } from "../workloads/random.js";
import { ownId, single, singles, type TrafficSource } from "./traffic.js";

const PREFIX_ID = 1;

/** Tokens, both bounds included. */
interface Range {
  min: number;
  max: number;
}

/** `prefixTokens` in common, then a user's own `inputTokens`; uniform lengths. */
export function prefixed(
  seed: number,
  prefixTokens: number,
  inputTokens: Range,
  outputTokens: Range,
): TrafficSource {
  return singles((conversation) => {
    const random = Random.from(seed, conversation);
    const tokens = random.integer(inputTokens.min, inputTokens.max);
    return single(
      conversation,
      [
        { role: "system", id: PREFIX_ID, tokens: prefixTokens },
        { role: "user", id: ownId(conversation, 0), tokens },
      ],
      random.integer(outputTokens.min, outputTokens.max),
    );
  });
}
