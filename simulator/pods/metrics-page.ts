// The /metrics page of a pod with vLLM's names and labels, for V0 and for V1.
import type { Engine, EngineStats, StepOutcome } from "../engine/engine.js";
import type { Sequence } from "../engine/sequence.js";
import { counter, gauge, type Labels } from "./exposition.js";
import { processFamilies } from "./process-families.js";
import { VllmHistograms, type RequestFacts } from "./vllm-histograms.js";

export interface MetricsOptions {
  model: string;
  adapters: readonly string[];
  /** Null: as many as there are adapters. */
  maxLoras: number | null;
  startSeconds: number;
}

const REASONS = ["stop", "length", "abort"] as const;

/** Listens to the engine and renders the page on demand. */
export class MetricsPage<T extends { facts: RequestFacts }> {
  private readonly isV1: boolean;
  private readonly labels: Labels;
  /** V1's page also says since when each counter counts; V0 turned that off. */
  private readonly createdSeconds: number | null;
  private readonly histograms: VllmHistograms<T>;
  private readonly finishedBy = { stop: 0, length: 0, abort: 0 };

  constructor(
    private readonly engine: Engine<T>,
    private readonly options: MetricsOptions,
  ) {
    const { model, startSeconds } = options;
    this.isV1 = engine.options.scheduler === "v1";
    this.labels = this.isV1 ? { engine: "0", model_name: model } : { model_name: model };
    this.createdSeconds = this.isV1 ? startSeconds : null;
    this.histograms = new VllmHistograms(this.labels, this.isV1, engine.sequenceTokensMax);
  }

  recordStep(outcome: StepOutcome<T>): void {
    this.histograms.recordStep(outcome);
  }

  recordFinish(sequence: Sequence<T>, reason: "stop" | "length"): void {
    this.finishedBy[reason]++;
    this.histograms.recordFinish(sequence);
  }

  recordAbort(): void {
    this.finishedBy.abort++;
  }

  render(nowSeconds: number): string {
    const stats = this.engine.stats();
    return (
      processFamilies(this.options.startSeconds, nowSeconds) +
      this.loadFamilies(stats) +
      (this.isV1 ? this.cacheFamiliesV1(stats) : this.cacheFamiliesV0(stats)) +
      this.counterFamilies(stats) +
      this.histograms.render(this.createdSeconds) +
      this.loraFamily(nowSeconds) +
      this.cacheConfig()
    );
  }

  private loadFamilies(stats: EngineStats): string {
    const running = "Number of requests in model execution batches.";
    const waiting = "Number of requests waiting to be processed.";
    return (
      gauge("vllm:num_requests_running", running, this.one(stats.running)) +
      gauge("vllm:num_requests_waiting", waiting, this.one(stats.waiting))
    );
  }

  private cacheFamiliesV1(stats: EngineStats): string {
    const use = "KV-cache usage. 1 means 100 percent usage.";
    const queries = "Prefix cache queries, in terms of number of queried tokens.";
    const hits = "Prefix cache hits, in terms of number of cached tokens.";
    return (
      gauge("vllm:kv_cache_usage_perc", use, this.one(stats.kvUse)) +
      this.count("vllm:prefix_cache_queries", queries, stats.prefixQueries) +
      this.count("vllm:prefix_cache_hits", hits, stats.prefixHits)
    );
  }

  private cacheFamiliesV0(stats: EngineStats): string {
    const { prefixCaching } = this.engine.options;
    const share = stats.prefixQueries === 0 ? 0 : stats.prefixHits / stats.prefixQueries;
    const swapped = "Number of requests swapped to CPU.";
    const gpu = "GPU KV-cache usage. 1 means 100 percent usage.";
    const cpu = "CPU KV-cache usage. 1 means 100 percent usage.";
    const rate = "GPU prefix cache block hit rate.";
    return (
      gauge("vllm:num_requests_swapped", swapped, this.one(0)) +
      gauge("vllm:gpu_cache_usage_perc", gpu, this.one(stats.kvUse)) +
      gauge("vllm:cpu_cache_usage_perc", cpu, this.one(0)) +
      // -1 where prefix caching is off.
      gauge("vllm:gpu_prefix_cache_hit_rate", rate, this.one(prefixCaching ? share : -1))
    );
  }

  private counterFamilies(stats: EngineStats): string {
    const preemptions = "Cumulative number of preemption from the engine.";
    const prompt = "Number of prefill tokens processed.";
    const generation = "Number of generation tokens processed.";
    const success = "Count of successfully processed requests.";
    const reasons = REASONS.map(
      (reason) => [{ ...this.labels, finished_reason: reason }, this.finishedBy[reason]] as const,
    );
    return (
      this.count("vllm:num_preemptions", preemptions, stats.preemptions) +
      this.count("vllm:prompt_tokens", prompt, stats.promptTokens) +
      this.count("vllm:generation_tokens", generation, stats.generationTokens) +
      counter("vllm:request_success", success, reasons, this.createdSeconds)
    );
  }

  /** Only where adapters are served; its value is the time, as in vLLM. */
  private loraFamily(nowSeconds: number): string {
    const { adapters, maxLoras } = this.options;
    if (adapters.length === 0) return "";
    const names = (sequences: readonly Sequence<T>[]): string =>
      [...new Set(sequences.map((s) => s.owner.facts.adapter).filter((name) => name))].join(",");
    const labels = {
      max_lora: String(maxLoras ?? adapters.length),
      running_lora_adapters: names(this.engine.running),
      waiting_lora_adapters: names(this.engine.waiting),
    };
    const help = "Running stats on lora requests.";
    return gauge("vllm:lora_requests_info", help, [[labels, nowSeconds]]);
  }

  private cacheConfig(): string {
    const { options, kv } = this.engine;
    const config: Record<string, string> = {
      block_size: String(options.blockTokens),
      cache_dtype: "auto",
      calculate_kv_scales: "False",
      cpu_offload_gb: "0",
      enable_prefix_caching: options.prefixCaching ? "True" : "False",
      gpu_memory_utilization: "0.9",
      is_attention_free: "False",
      num_cpu_blocks: "None",
      num_gpu_blocks: String(kv.pool.blockCount),
      num_gpu_blocks_override: "None",
      prefix_caching_hash_algo: this.isV1 ? "sha256" : "builtin",
      sliding_window: "None",
      swap_space: "4.0",
      swap_space_bytes: "4294967296.0",
    };
    if (this.isV1) config["engine"] = "0";
    const help = "Information of the LLMEngine CacheConfig";
    return gauge("vllm:cache_config_info", help, [[config, 1]]);
  }

  private count(name: string, help: string, value: number): string {
    return counter(name, help, this.one(value), this.createdSeconds);
  }

  private one(value: number): [[Labels, number]] {
    return [[this.labels, value]];
  }
}
