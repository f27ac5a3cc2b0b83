// What makes one engine differ from another: scheduler, KV size, limits and the cost of a step.
import { BLOCK_TOKENS_DEFAULT } from "./block-hash.js";

/** Costs in ms; a step costs the sum of its parts. */
export interface EngineTiming {
  /** Any step, V0: a step that decodes. */
  stepMs: number;
  /** V0 only: a step that prefills. V1 mixes both in one step and has only `stepMs`. */
  prefillStepMs: number;
  /** Each prompt token computed in the step. */
  prefillTokenMs: number;
  /** Each running sequence; V0: not in a step that prefills. */
  sequenceMs: number;
  /** Each KV token that the step reads; V0: not in a step that prefills. */
  kvTokenMs: number;
}

export interface EngineOptions {
  /** v0: prefill first, whole prompts. v1: prefill in chunks beside decoding. */
  scheduler: "v0" | "v1";
  /** KV cache in tokens, rounded down to blocks. */
  kvTokens: number;
  blockTokens: number;
  prefixCaching: boolean;
  /** vLLM's `max_num_seqs`. */
  maxRunning: number;
  /** vLLM's `max_num_batched_tokens`. */
  maxStepTokens: number;
  /** vLLM's `max_model_len`: prompt and answer together. */
  maxSequenceTokens: number;
  /** Share of blocks that admission leaves free, 0 to 1. V0 keeps 1 %, V1 nothing. */
  watermark: number;
  /**
   * V1: admit only when the whole prompt fits (vLLM's `scheduler_reserve_full_isl`), not just its
   * first chunk.
   */
  admitWholePrompt: boolean;
  /** vLLM's `--scheduling-policy priority`: by priority, then first come first served. */
  priorityScheduling: boolean;
  /** vLLM's `max_loras`: adapters that fit at once; 0: any number, and none is loaded. */
  maxAdapters: number;
  /** Loading an adapter: the step that first needs it takes so much longer. */
  adapterLoadMs: number;
  timing: EngineTiming;
}

/** The options that a caller gives; the rest are vLLM's defaults for the scheduler. */
export type EngineConfig = Pick<EngineOptions, "scheduler" | "kvTokens" | "timing"> &
  Partial<EngineOptions>;

export function engineOptions(config: EngineConfig): EngineOptions {
  const isV0 = config.scheduler === "v0";
  const options: EngineOptions = {
    blockTokens: BLOCK_TOKENS_DEFAULT,
    prefixCaching: !isV0,
    maxRunning: 256,
    maxStepTokens: 8192,
    maxSequenceTokens: 40960,
    watermark: isV0 ? 0.01 : 0,
    admitWholePrompt: true,
    priorityScheduling: false,
    maxAdapters: 0,
    adapterLoadMs: 0,
    ...config,
  };
  atLeast("kvTokens", options.kvTokens, options.blockTokens);
  atLeast("blockTokens", options.blockTokens, 1);
  atLeast("maxRunning", options.maxRunning, 1);
  atLeast("maxStepTokens", options.maxStepTokens, 1);
  atLeast("maxSequenceTokens", options.maxSequenceTokens, 2);
  atLeast("maxAdapters", options.maxAdapters, 0);
  atLeast("adapterLoadMs", options.adapterLoadMs, 0);
  if (!(options.watermark >= 0 && options.watermark < 1)) {
    throw new RangeError(`watermark is ${options.watermark}, allowed is 0 to below 1`);
  }
  for (const [name, value] of Object.entries(options.timing)) atLeast(name, value as number, 0);
  return options;
}

function atLeast(name: string, value: number, least: number): void {
  if (!(Number.isFinite(value) && value >= least)) {
    throw new RangeError(`${name} is ${value}, allowed is ${least} or more`);
  }
}
