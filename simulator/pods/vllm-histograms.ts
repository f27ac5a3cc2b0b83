// vLLM's histograms: names, texts and buckets in the order of its page, and what each one counts.
import type { StepOutcome } from "../engine/engine.js";
import type { Sequence } from "../engine/sequence.js";
import { Histogram, type Labels } from "./exposition.js";

const TTFT_BOUNDS_S = [
  0.001, 0.005, 0.01, 0.02, 0.04, 0.06, 0.08, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10, 20, 40, 80,
  160, 640, 2560,
];
const TOKEN_BOUNDS_S = [
  0.01, 0.025, 0.05, 0.075, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.75, 1, 2.5, 5, 7.5, 10, 20, 40, 80,
];
const REQUEST_BOUNDS_S = [
  0.3, 0.5, 0.8, 1, 1.5, 2, 2.5, 5, 10, 15, 20, 30, 40, 50, 60, 120, 240, 480, 960, 1920, 7680,
];
const STEP_TOKEN_BOUNDS = [1, 8, 16, 32, 64, 128, 256, 512, 1024, 2048, 4096, 8192, 16384];
const CHOICE_BOUNDS = [1, 2, 5, 10, 20];

/** Name without `vllm:`, help, buckets; `lengths`: 1, 2, 5, 10, ... up to the context length. */
type Definition = readonly [string, string, readonly number[] | "lengths"];

const DEFINITIONS: readonly Definition[] = [
  ["request_prompt_tokens", "Number of prefill tokens processed.", "lengths"],
  ["request_generation_tokens", "Number of generation tokens processed.", "lengths"],
  ["iteration_tokens_total", "Histogram of number of tokens per engine_step.", STEP_TOKEN_BOUNDS],
  [
    "request_max_num_generation_tokens",
    "Histogram of maximum number of requested generation tokens.",
    "lengths",
  ],
  ["request_params_n", "Histogram of the n request parameter.", CHOICE_BOUNDS],
  ["request_params_max_tokens", "Histogram of the max_tokens request parameter.", "lengths"],
  ["time_to_first_token_seconds", "Histogram of time to first token in seconds.", TTFT_BOUNDS_S],
  [
    "time_per_output_token_seconds",
    "Histogram of time per output token in seconds.",
    TOKEN_BOUNDS_S,
  ],
  ["inter_token_latency_seconds", "Histogram of inter-token latency in seconds.", TOKEN_BOUNDS_S],
  [
    "request_time_per_output_token_seconds",
    "Histogram of time_per_output_token_seconds per request.",
    TOKEN_BOUNDS_S,
  ],
  ["e2e_request_latency_seconds", "Histogram of e2e request latency in seconds.", REQUEST_BOUNDS_S],
  [
    "request_queue_time_seconds",
    "Histogram of time spent in WAITING phase for request.",
    REQUEST_BOUNDS_S,
  ],
  [
    "request_inference_time_seconds",
    "Histogram of time spent in RUNNING phase for request.",
    REQUEST_BOUNDS_S,
  ],
  [
    "request_prefill_time_seconds",
    "Histogram of time spent in PREFILL phase for request.",
    REQUEST_BOUNDS_S,
  ],
  [
    "request_decode_time_seconds",
    "Histogram of time spent in DECODE phase for request.",
    REQUEST_BOUNDS_S,
  ],
];

/** V0 has `time_per_output_token_seconds` only; V1 renamed it and still shows both. */
const ONLY_IN_V1 = ["inter_token_latency_seconds", "request_time_per_output_token_seconds"];

/** What the API knows of a request and the engine does not. */
export interface RequestFacts {
  adapter: string | null;
  choices: number;
  /** null: the client set no limit. */
  maxTokens: number | null;
}

export class VllmHistograms<T extends { facts: RequestFacts }> {
  private readonly byName = new Map<string, Histogram>();
  private readonly ofTokens: Histogram[];

  constructor(labels: Labels, isV1: boolean, contextTokens: number) {
    const lengths = lengthBounds(contextTokens);
    for (const [name, help, bounds] of DEFINITIONS) {
      if (!isV1 && ONLY_IN_V1.includes(name)) continue;
      const chosen = bounds === "lengths" ? lengths : bounds;
      this.byName.set(name, new Histogram(`vllm:${name}`, help, chosen, labels));
    }
    this.ofTokens = ["time_per_output_token_seconds", "inter_token_latency_seconds"]
      .map((name) => this.byName.get(name))
      .filter((histogram) => histogram !== undefined);
  }

  recordStep(outcome: StepOutcome<T>): void {
    let promptTokens = 0;
    for (const sequence of outcome.first) {
      promptTokens += sequence.request.promptTokens;
      const ttftS = (sequence.firstTokenMs - sequence.arrivalMs) / 1000;
      this.observe("time_to_first_token_seconds", ttftS);
    }
    this.observe("iteration_tokens_total", promptTokens + outcome.generatedTokens);
    for (const sequence of outcome.tokens) {
      if (sequence.previousTokenMs < 0) continue;
      const latencyS = (sequence.lastTokenMs - sequence.previousTokenMs) / 1000;
      for (const histogram of this.ofTokens) histogram.observe(latencyS);
    }
  }

  recordFinish(sequence: Sequence<T>): void {
    const { arrivalMs, admittedMs, firstTokenMs, lastTokenMs, generatedTokens } = sequence;
    const { choices, maxTokens } = sequence.owner.facts;
    const decodeS = (lastTokenMs - firstTokenMs) / 1000;
    this.observe("e2e_request_latency_seconds", (lastTokenMs - arrivalMs) / 1000);
    this.observe("request_queue_time_seconds", (admittedMs - arrivalMs) / 1000);
    this.observe("request_inference_time_seconds", (lastTokenMs - admittedMs) / 1000);
    this.observe("request_prefill_time_seconds", (firstTokenMs - admittedMs) / 1000);
    this.observe("request_decode_time_seconds", decodeS);
    this.observe(
      "request_time_per_output_token_seconds",
      decodeS / Math.max(1, generatedTokens - 1),
    );
    this.observe("request_prompt_tokens", sequence.request.promptTokens);
    this.observe("request_generation_tokens", generatedTokens);
    this.observe("request_max_num_generation_tokens", generatedTokens);
    this.observe("request_params_n", choices);
    if (maxTokens !== null) this.observe("request_params_max_tokens", maxTokens);
  }

  render(createdSeconds: number | null): string {
    let text = "";
    for (const histogram of this.byName.values()) text += histogram.render(createdSeconds);
    return text;
  }

  private observe(name: string, value: number): void {
    this.byName.get(name)?.observe(value);
  }
}

/** 1, 2, 5, 10, ... up to `most`, as vLLM's `build_1_2_5_buckets`. */
export function lengthBounds(most: number): number[] {
  const bounds: number[] = [];
  for (let power = 1; ; power *= 10) {
    for (const mantissa of [1, 2, 5]) {
      if (mantissa * power > most) return bounds;
      bounds.push(mantissa * power);
    }
  }
}
