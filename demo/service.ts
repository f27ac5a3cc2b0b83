// The service that the demo plays: its workloads, its pods, and why they have these sizes.
import { chats } from "../simulator/workloads/chats.js";
import { unique } from "../simulator/workloads/unique.js";
import { BLOCK_TOKENS_DEFAULT } from "../simulator/engine/block-hash.js";
import { workloadSize, type Workload } from "../simulator/workloads/workload.js";

export const POD_COUNT = 5;
export const MODEL = "warmroute-demo";
/** Length of a phase; four of them and their pauses take about two minutes. */
export const PHASE_SECONDS_DEFAULT = 26;
/** The timing of the pods: Qwen3-32B on two H100, vLLM V1, as in the policy study. */
export const ENGINE_PROFILE = "qwen3-32b-2xh100-v1";

/** All pods' KV over the working set of a phase: at most half, or every pod could keep it all. */
const KV_SHARE_OF_WORKING_SET = 0.5;
/** Room for a few of the longest requests, or a very short run would only wait for KV. */
const KV_TOKENS_MIN = 24_000;

export type WorkloadName = "chats" | "unique";

/** `chats`: assistants with system prompts, several turns. `unique`: prompts that share nothing. */
export function makeWorkload(name: WorkloadName, seed: number, seconds: number): Workload {
  if (name === "unique") {
    return unique({
      seed,
      seconds,
      requestsPerSecond: 12,
      promptTokens: { min: 1000, max: 6000 },
      outputTokens: { min: 30, max: 70 },
    });
  }
  return chats({
    seed,
    seconds,
    chatsPerSecond: 5,
    assistants: 50,
    // The ten most popular assistants have a third of the chats.
    popularity: { s: 0.8, v: 4 },
    systemTokens: { min: 2000, max: 4000 },
    turns: { min: 1, max: 5 },
    firstTokens: { min: 200, max: 1400 },
    nextTokens: { min: 100, max: 800 },
    outputTokens: { min: 30, max: 70 },
    // Users of a short demo read and type fast.
    gap: { minMs: 2000, meanMs: 2000 },
  });
}

/**
 * KV of one pod, so that all pods together hold at most half of the tokens that differ in a phase.
 * A real pod holds ten times as much and serves for hours; the ratio is what matters.
 */
export function kvTokensPerPod(workload: Workload): number {
  const { distinctTokens } = workloadSize(workload);
  const fair = Math.floor(
    (distinctTokens * KV_SHARE_OF_WORKING_SET) / POD_COUNT / BLOCK_TOKENS_DEFAULT,
  );
  return Math.max(KV_TOKENS_MIN, fair * BLOCK_TOKENS_DEFAULT);
}

/** What the pods are, for their command line. */
export function podArguments(kvTokens: number): string[] {
  const what = ["--model", MODEL, "--profile", ENGINE_PROFILE, "--kv-tokens", String(kvTokens)];
  // Otherwise, as in vLLM, usage does not tell how much was cached.
  return [...what, "--prompt-tokens-details"];
}
