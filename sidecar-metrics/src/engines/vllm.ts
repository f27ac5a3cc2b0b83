// Where vLLM keeps its load: the names of V1 (0.8 and later) first, then those of V0.
import type { EngineMapping } from "./mapping.js";

export const VLLM: EngineMapping = {
  names: {
    waiting: ["vllm:num_requests_waiting"],
    running: ["vllm:num_requests_running"],
    // 0.9.2 to 0.11 show both names with one value, so they are alternatives, never a sum.
    kvUsage: ["vllm:kv_cache_usage_perc", "vllm:gpu_cache_usage_perc"],
    promptTokens: ["vllm:prompt_tokens_total", "vllm:prompt_tokens"],
    generatedTokens: ["vllm:generation_tokens_total", "vllm:generation_tokens"],
    prefixQueryTokens: [
      "vllm:prefix_cache_queries_total",
      "vllm:prefix_cache_queries",
      "vllm:gpu_prefix_cache_queries_total",
      "vllm:gpu_prefix_cache_queries",
    ],
    prefixHitTokens: [
      "vllm:prefix_cache_hits_total",
      "vllm:prefix_cache_hits",
      "vllm:gpu_prefix_cache_hits_total",
      "vllm:gpu_prefix_cache_hits",
    ],
    startTimeSeconds: ["process_start_time_seconds"],
  },
  // The first V1 releases counted blocks under these names, later ones tokens; only HELP tells.
  maybeInBlocks: [
    "vllm:gpu_prefix_cache_queries_total",
    "vllm:gpu_prefix_cache_queries",
    "vllm:gpu_prefix_cache_hits_total",
    "vllm:gpu_prefix_cache_hits",
  ],
  info: {
    name: "vllm:cache_config_info",
    blockSizeLabel: "block_size",
    blocksLabel: "num_gpu_blocks",
    tokensLabel: "kv_cache_size_tokens",
    prefixCachingLabel: "enable_prefix_caching",
    engineLabel: "engine",
  },
  lora: {
    name: "vllm:lora_requests_info",
    runningLabel: "running_lora_adapters",
    waitingLabel: "waiting_lora_adapters",
    limitLabel: "max_lora",
  },
  modelLabel: "model_name",
};
