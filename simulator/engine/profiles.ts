// Named engines: constants that reproduce measured or studied deployments.
import {
  A10,
  derive,
  EAGER_PCIE,
  GRAPHS,
  type GpuFacts,
  H100,
  L20,
  LLAMA_3_1_8B,
  QWEN_32B,
  R1_DISTILL_QWEN_7B,
  SMALL_CARD,
} from "./derive.js";
import type { EngineConfig } from "./options.js";

/** A running sequence costs V0 this much of its CPU in a step, beside its KV: assumed. */
const V0_SEQUENCE_MS = 0.15;
/** The same of V1, as in `qwen3-32b-2xh100-v1`. */
const V1_SEQUENCE_MS = 0.06;

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

/**
 * QwQ-32B in a LeaderWorkerSet: tensor parallel 2 inside each of 2 nodes, pipeline parallel 2
 * across them, 4 x A10 in all, as the published guide deploys it; all else is assumed. A step
 * passes both stages one after the other, each half of the weights on half of the GPUs: as long as
 * the whole model on 2 GPUs, as if the stages never overlapped. Two GPUs that share a layer
 * exchange less than four do: 0.65 of the bandwidth, where 4 x A10 reach 0.53. KV has the memory of
 * all four.
 */
function lws(): EngineConfig {
  const { kvTokens } = derive(QWEN_32B, A10, 4, EAGER_PCIE);
  const pair = derive(QWEN_32B, A10, 2, { ...EAGER_PCIE, weights: 0.65 });
  return {
    scheduler: "v0",
    kvTokens,
    maxSequenceTokens: 8192,
    timing: {
      stepMs: pair.stepMs,
      prefillStepMs: 20,
      prefillTokenMs: pair.prefillTokenMs,
      sequenceMs: V0_SEQUENCE_MS,
      kvTokenMs: pair.kvTokenMs,
    },
  };
}

/**
 * DeepSeek-R1-Distill-Qwen-7B on one GPU with vLLM V0, a pod of the published benchmark of
 * generative inference services. It gives no latencies to fit to, so all is derived.
 */
function r1Distill7b(gpu: GpuFacts): EngineConfig {
  const { kvTokens, ...timing } = derive(R1_DISTILL_QWEN_7B, gpu, 1, SMALL_CARD);
  return {
    scheduler: "v0",
    kvTokens,
    maxSequenceTokens: 32_768,
    timing: { ...timing, prefillStepMs: 10, sequenceMs: V0_SEQUENCE_MS },
  };
}

/** Llama-3.1-8B on one H100 with vLLM V1, with its whole context of 128 K tokens. */
function llama8b(): EngineConfig {
  const { kvTokens, ...timing } = derive(LLAMA_3_1_8B, H100, 1, GRAPHS);
  return {
    scheduler: "v1",
    kvTokens,
    maxSequenceTokens: 131_072,
    timing: { ...timing, prefillStepMs: 0, sequenceMs: V1_SEQUENCE_MS },
  };
}

/** What `--profile` of the pods and `--engine` of the simulator accept. */
export const PROFILES: Readonly<Record<string, EngineConfig>> = {
  "qwq-32b-4xa10-v0": QWQ_32B_4XA10_V0,
  "qwq-32b-lws-tp2pp2-v0": lws(),
  "r1-distill-7b-a10-v0": r1Distill7b(A10),
  "r1-distill-7b-l20-v0": r1Distill7b(L20),
  "llama-3.1-8b-h100-v1": llama8b(),
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
