// Requests of other kinds: answers that are not streamed, and LoRA adapters.
import { drawShare, Random, zipfShares } from "../workloads/random.js";
import { STUDY, zipfRequest } from "./study.js";
import { ownId, single, singles, type Traffic } from "./traffic.js";

/** Part of the seed: the content is that of `zipf`, whatever is drawn here. */
const STREAMED = 1;

export const HALF_STREAMED_TRAFFIC: Traffic = {
  ...STUDY,
  name: "half-streamed",
  title: "zipf, but half of the answers come whole, at their end",
  load: { ratePerS: 30 },
  source: (seed) =>
    singles((conversation) => ({
      ...zipfRequest(seed, conversation),
      isStreamed: Random.from(seed, conversation, STREAMED).unit() < 0.5,
    })),
};

const ADAPTERS = Array.from({ length: 24 }, (_, i) => `adapter-${i}`);
const ADAPTER_SHARES = zipfShares(ADAPTERS.length, 1, 1);
/** vLLM's `--max-loras`: each takes GPU memory, whether it is used or not. */
const ADAPTERS_MAX = 4;
/**
 * From disk: 100 MB of rank 16 for all layers, read and copied to the GPU while the engine waits.
 * The filter's own default, `adapterLoadMs`.
 */
const ADAPTER_LOAD_MS = 500;
/** Each adapter has a few system prompts of its own. */
const PROMPTS_EACH = 3;
const PROMPT_TOKENS = 1500;

export const LORA_TRAFFIC: Traffic = {
  name: "lora",
  title: "24 LoRA adapters, few of them popular, 4 at once on a pod, 500 ms to load one",
  profile: "llama-3.1-8b-h100-v1",
  pods: 8,
  load: { ratePerS: 30 },
  seconds: 240,
  requests: 3000,
  turns: 1,
  adapters: ADAPTERS,
  engineOf: (engine) => ({
    ...engine,
    maxAdapters: ADAPTERS_MAX,
    adapterLoadMs: ADAPTER_LOAD_MS,
  }),
  source: (seed) =>
    singles((conversation) => {
      const random = Random.from(seed, conversation);
      const adapter = drawShare(random, ADAPTER_SHARES);
      const prompt = 1 + adapter * PROMPTS_EACH + random.integer(0, PROMPTS_EACH - 1);
      const question = random.integer(100, 1000);
      const request = single(
        conversation,
        [
          { role: "system", id: prompt, tokens: PROMPT_TOKENS },
          { role: "user", id: ownId(conversation, 0), tokens: question },
        ],
        random.integer(100, 400),
      );
      return { ...request, adapter: ADAPTERS[adapter]! };
    }),
};
