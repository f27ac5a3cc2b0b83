// The other published benchmark of the extension: DeepSeek-R1-Distill-Qwen-7B, 200 in flight.
import { prefixed } from "./prefixed.js";
import type { Traffic } from "./traffic.js";

/** Its command: prefix 10 tokens, input 1,550 and output 1,800 with range ratio 0.2. */
const PREFIX_TOKENS = 10;
const INPUT_TOKENS = { min: 310, max: 1550 };
const OUTPUT_TOKENS = { min: 360, max: 1800 };

/**
 * It names neither the number of pods (5 assumed, as in the first benchmark) nor a latency. Its GPU
 * is the A10 recommended there for the clusters on which the benchmark runs.
 */
export const SEED_R1_7B: Traffic = {
  name: "seed-r1-7b",
  title: "the second published benchmark: 5 pods of a 7B on an A10 each, 200 requests in flight",
  profile: "r1-distill-7b-a10-v0",
  pods: 5,
  load: { concurrency: 200 },
  seconds: 240,
  requests: 3000,
  turns: 1,
  source: (seed) => prefixed(seed, PREFIX_TOKENS, INPUT_TOKENS, OUTPUT_TOKENS),
};
