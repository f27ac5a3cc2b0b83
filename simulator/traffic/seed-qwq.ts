// The published benchmark of ACK Gateway with Inference Extension: QwQ-32B, 60 requests in flight.
import { prefixed } from "./prefixed.js";
import type { Traffic } from "./traffic.js";

/** Its command: prefix 1,000 tokens, input 4,000 and output 3,000 with range ratio 0.2. */
const PREFIX_TOKENS = 1000;
const INPUT_TOKENS = { min: 800, max: 4000 };
const OUTPUT_TOKENS = { min: 600, max: 3000 };

export const SEED_QWQ: Traffic = {
  name: "seed-qwq",
  title: "the published benchmark: 5 pods of QwQ-32B on V0, 60 requests in flight",
  profile: "qwq-32b-4xa10-v0",
  pods: 5,
  load: { concurrency: 60 },
  seconds: 240,
  requests: 3000,
  turns: 1,
  source: (seed) => prefixed(seed, PREFIX_TOKENS, INPUT_TOKENS, OUTPUT_TOKENS),
};
