// The usage at the end of an answer, as different servers give it, and what it says.
import type { WorldConfig } from "./invariants-config.js";
import type { RequestDraw } from "./invariants-prompts.js";
import type { UsageSaid } from "./reference-types.js";

export interface Usage {
  prompt_tokens: number;
  /** Null is unknown: vLLM's word for nothing cached, too. */
  prompt_tokens_details: { cached_tokens: number } | null;
  completion_tokens?: number;
  total_tokens?: number;
}

/** As vLLM gives it, or a server that says 0 where vLLM says null, or one that says nothing. */
export function usageOf(
  style: WorldConfig["usage"],
  { kind, outputTokens }: RequestDraw,
  promptTokens: number,
  cachedTokens: number,
): Usage | null {
  if (style === "none") return null;
  const isUnknown = style === "plain" || (style === "details" && cachedTokens === 0);
  const details = isUnknown ? null : { cached_tokens: style === "zeros" ? 0 : cachedTokens };
  const prompt = { prompt_tokens: promptTokens, prompt_tokens_details: details };
  if (kind === "embeddings") return { ...prompt, total_tokens: promptTokens };
  return { ...prompt, completion_tokens: outputTokens };
}

/** What can be learned from it; without a figure each event counts as a token. */
export function saidOf(usage: Usage | null, { kind }: RequestDraw, events: number): UsageSaid {
  const outputTokens = kind === "embeddings" ? 0 : (usage?.completion_tokens ?? events);
  if (usage === null) return { outputTokens };
  const { prompt_tokens: promptTokens, prompt_tokens_details: details } = usage;
  if (details === null) return { outputTokens, promptTokens };
  return { outputTokens, promptTokens, cachedTokens: details.cached_tokens };
}
