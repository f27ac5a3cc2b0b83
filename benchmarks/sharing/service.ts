// The service that the gateways stand in front of: its workload, its pods, and why these sizes.
import { BLOCK_TOKENS_DEFAULT } from "../../simulator/engine/block-hash.js";
import { groups } from "../../simulator/workloads/groups.js";
import type { Workload } from "../../simulator/workloads/workload.js";

export const POD_COUNT = 5;
export const POOL = "bench";
export const MODEL = "warmroute-bench";
/** Three gateways, their sidecars, the pods and the load keep two cores about half busy. */
export const RATE_DEFAULT = 20;
/** Of a run: until then the pods' caches fill and new processes compile their code. */
const WARM_SHARE = 1 / 3;

const GROUPS = 40;
const SHARED_TOKENS = 4000;
const QUESTION_TOKENS = 400;
const OUTPUT_TOKENS = 30;
/** All pods' KV over all shared prompts: each prompt fits once, not once for every gateway. */
const KV_OVER_SHARED = 1.5;
/** The timing of the pods: Qwen3-32B on two H100, vLLM V1, as in the policy study. */
const ENGINE_PROFILE = "qwen3-32b-2xh100-v1";

/** Seconds at a run's begin that are not counted. */
export function warmSeconds(seconds: number): number {
  return seconds * WARM_SHARE;
}

/** Questions on long prompts, single turns; Poisson arrivals. */
export function makeWorkload(seed: number, seconds: number, requestsPerSecond: number): Workload {
  return groups({
    ...{ seed, seconds, requestsPerSecond },
    groups: GROUPS,
    sharedTokens: SHARED_TOKENS,
    questionTokens: QUESTION_TOKENS,
    outputTokens: OUTPUT_TOKENS,
  });
}

/** What the pods are, for their command line. */
export function podArguments(): string[] {
  const fair = (GROUPS * SHARED_TOKENS * KV_OVER_SHARED) / POD_COUNT / BLOCK_TOKENS_DEFAULT;
  const kvTokens = Math.ceil(fair) * BLOCK_TOKENS_DEFAULT;
  const what = ["--model", MODEL, "--profile", ENGINE_PROFILE, "--kv-tokens", String(kvTokens)];
  // Otherwise, as in vLLM, usage does not tell how much was cached.
  return [...what, "--prompt-tokens-details"];
}

/** Pods whose own time is next to nothing, for what is about the gateways alone. */
export function instantPodArguments(): string[] {
  const timing = ["--step-ms", "1", "--prefill-us-per-token", "0", "--sequence-us", "0"];
  return ["--model", MODEL, ...timing, "--kv-token-ns", "0", "--prompt-tokens-details"];
}

/** Printed first: what a reader needs to judge the tables. */
export function introduction(rate: number): string {
  const pods = `${POD_COUNT} simulated vLLM V1 pods (${ENGINE_PROFILE}), prefix caching on;`;
  const prompts = `${rate} requests/s, Poisson: ${GROUPS} prompts of ${SHARED_TOKENS} tokens,`;
  const rest = `each with a question of ${QUESTION_TOKENS}, answer ${OUTPUT_TOKENS}, streamed.`;
  const kv = `All pods' KV together holds ${KV_OVER_SHARED} times the ${GROUPS} prompts.`;
  return [pods, prompts, rest, kv].join("\n");
}
