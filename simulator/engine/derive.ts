// Engines worked out from data sheets: a decode step reads the weights, prefill computes them.
import type { EngineConfig } from "./options.js";

/** A model as its config.json has it; weights and KV in 16 bits. */
export interface ModelFacts {
  parameters: number;
  layers: number;
  kvHeads: number;
  headSize: number;
}

/** A GPU as its data sheet has it: dense 16-bit FLOPS, without sparsity. */
export interface GpuFacts {
  memoryBytes: number;
  bytesPerS: number;
  flopsPerS: number;
}

const BYTES_PER_NUMBER = 2;
const FLOPS_PER_PARAMETER = 2;
const GIB = 2 ** 30;

export const R1_DISTILL_QWEN_7B: ModelFacts = {
  parameters: 7.62e9,
  layers: 28,
  kvHeads: 4,
  headSize: 128,
};
export const LLAMA_3_1_8B: ModelFacts = {
  parameters: 8.03e9,
  layers: 32,
  kvHeads: 8,
  headSize: 128,
};
/** QwQ-32B, Qwen2.5-32B and Qwen3-32B alike. */
export const QWEN_32B: ModelFacts = {
  parameters: 32.8e9,
  layers: 64,
  kvHeads: 8,
  headSize: 128,
};

export const A10: GpuFacts = { memoryBytes: 22.5 * GIB, bytesPerS: 600e9, flopsPerS: 125e12 };
export const L20: GpuFacts = { memoryBytes: 45 * GIB, bytesPerS: 864e9, flopsPerS: 119.5e12 };
export const H100: GpuFacts = { memoryBytes: 80 * GIB, bytesPerS: 3350e9, flopsPerS: 989e12 };

/** How much of the data sheet is reached, 0 to 1 each. */
export interface Utilisation {
  /** Of the bandwidth, while weights are read. */
  weights: number;
  /** Of the bandwidth, while the KV cache is read. */
  kv: number;
  /** Of the FLOPS, in prefill. */
  prefill: number;
  /** vLLM's `--gpu-memory-utilization`. */
  memory: number;
  /** Of each GPU, what neither weights nor KV have: activations, CUDA graphs, the runtime. */
  reservedBytes: number;
}

/** With CUDA graphs, and NVLink or a GPU alone: what `qwen3-32b-2xh100-v1` comes to. */
export const GRAPHS: Utilisation = {
  weights: 0.8,
  kv: 0.7,
  prefill: 0.53,
  memory: 0.9,
  reservedBytes: 4.5e9,
};
/** A card of 24 or 48 GB computes smaller steps and keeps fewer graphs. */
export const SMALL_CARD: Utilisation = { ...GRAPHS, reservedBytes: 1.5e9 };
/**
 * `--enforce-eager` and all-reduce over PCIe: what the published benchmark's `qwq-32b-4xa10-v0`
 * was fitted to, 51.5 ms a step and 2,600 prompt tokens a second.
 */
export const EAGER_PCIE: Utilisation = {
  weights: 0.53,
  kv: 0.7,
  prefill: 0.34,
  memory: 0.95,
  reservedBytes: 1e9,
};
const KV_TOKENS_STEP = 1000;

/** Costs of an engine on `gpus` GPUs that share each layer; `sequenceMs` is not in the sheets. */
export function derive(
  model: ModelFacts,
  gpu: GpuFacts,
  gpus: number,
  use: Utilisation,
): Pick<EngineConfig, "kvTokens"> & {
  stepMs: number;
  prefillTokenMs: number;
  kvTokenMs: number;
} {
  const weightBytes = model.parameters * BYTES_PER_NUMBER;
  const kvBytes = 2 * model.layers * model.kvHeads * model.headSize * BYTES_PER_NUMBER;
  const bytesPerMs = (gpus * gpu.bytesPerS) / 1000;
  const flopsPerMs = (gpus * gpu.flopsPerS) / 1000;
  const kvSpace = gpus * (gpu.memoryBytes * use.memory - use.reservedBytes) - weightBytes;
  return {
    kvTokens: Math.floor(kvSpace / kvBytes / KV_TOKENS_STEP) * KV_TOKENS_STEP,
    stepMs: weightBytes / (bytesPerMs * use.weights),
    prefillTokenMs: (model.parameters * FLOPS_PER_PARAMETER) / (flopsPerMs * use.prefill),
    kvTokenMs: kvBytes / (bytesPerMs * use.kv),
  };
}
