// Named engines: constants that reproduce measured or studied deployments.
import type { EngineConfig } from "./options.js";

/**
 * QwQ-32B on 4 x A10 (tensor parallel) with vLLM V0, one of the 5 pods of the published benchmark
 * of ACK Gateway with Inference Extension. Fitted so that random routing gives the mean TTFT and
 * the throughput of its standard route: prefill 2,600 tokens/s + 20 ms, decode 51.5 ms +
 * 0.33 ms per running sequence, 84,000 KV tokens. Prefix caching is off, V0's default.
 */
const QWQ_32B_4XA10_V0: EngineConfig = {
  scheduler: "v0",
  kvTokens: 84_000,
  maxSequenceTokens: 32_768,
  timing: {
    stepMs: 51.5,
    prefillStepMs: 20,
    prefillTokenMs: 1000 / 2600,
    sequenceMs: 0.33,
    kvTokenMs: 0,
  },
};

/**
 * Qwen3-32B on 2 x H100 with vLLM V1, the engine of the policy study: 62 µs per prefilled token,
 * step 12 ms + 60 µs per running sequence + 0.056 µs per KV token, 305,000 KV tokens.
 */
const QWEN3_32B_2XH100_V1: EngineConfig = {
  scheduler: "v1",
  kvTokens: 305_000,
  maxSequenceTokens: 40_960,
  timing: {
    stepMs: 12,
    prefillStepMs: 0,
    prefillTokenMs: 0.062,
    sequenceMs: 0.06,
    kvTokenMs: 0.000056,
  },
};

/** What `--profile` accepts. */
export const PROFILES: Readonly<Record<string, EngineConfig>> = {
  "qwq-32b-4xa10-v0": QWQ_32B_4XA10_V0,
  "qwen3-32b-2xh100-v1": QWEN3_32B_2XH100_V1,
};

export const PROFILE_DEFAULT = "qwen3-32b-2xh100-v1";

/** The profile of that name; throws with the names there are. */
export function profile(name: string): EngineConfig {
  const found = Object.hasOwn(PROFILES, name) ? PROFILES[name] : undefined;
  if (!found) {
    throw new RangeError(`no profile "${name}"; there are ${Object.keys(PROFILES).join(", ")}`);
  }
  return found;
}
