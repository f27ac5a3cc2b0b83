// The published guide to LeaderWorkerSet: QwQ-32B on groups of two nodes, ShareGPT's prompts.
import { Random } from "../workloads/random.js";
import { ownId, single, singles, type Traffic } from "./traffic.js";

/** Lengths of ShareGPT as vLLM's benchmark takes it: prompts of 4 to 1,024 tokens, means here. */
const LENGTHS = { min: 4, max: 1024, promptMean: 220, outputMean: 210 };

/**
 * The guide tells the mean TTFT only: 10,909 ms, and with the extension 7,336, a third less. Number
 * of groups, load and flags are assumed. At this load the two groups together are just full, so it
 * matters to whom a request goes, as it did there; the model's means are half as long.
 */
export const LWS: Traffic = {
  name: "lws",
  title: "2 groups of 2 nodes, QwQ-32B with TP 2 and PP 2, short prompts (most is assumed)",
  profile: "qwq-32b-lws-tp2pp2-v0",
  pods: 2,
  load: { concurrency: 380 },
  seconds: 240,
  requests: 3000,
  turns: 1,
  source: (seed) =>
    singles((conversation) => {
      const random = Random.from(seed, conversation);
      const length = (mean: number): number =>
        Math.min(LENGTHS.max, LENGTHS.min + Math.floor(random.exponential(mean - LENGTHS.min)));
      const tokens = length(LENGTHS.promptMean);
      return single(
        conversation,
        [{ role: "user", id: ownId(conversation, 0), tokens }],
        length(LENGTHS.outputMean),
      );
    }),
};
