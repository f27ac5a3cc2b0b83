// Prompts that share nothing, single turns: the workload on which routing by prefix gains nothing.
import type { Range } from "./chats.js";
import { Random } from "./random.js";
import { poissonArrivals, type Conversation, type Workload } from "./workload.js";

/** The shape of the prompts. Sizes in tokens. */
export interface UniqueOptions {
  seed: number;
  seconds: number;
  requestsPerSecond: number;
  promptTokens: Range;
  outputTokens: Range;
}

/** Draws single requests, each with a prompt of its own. */
export function unique(options: UniqueOptions): Workload {
  const random = Random.from(options.seed);
  const draw = (range: Range) => random.integer(range.min, range.max);
  const conversations: Conversation[] = [];
  for (const plannedMs of poissonArrivals(random, options.requestsPerSecond, options.seconds)) {
    const promptTokens = draw(options.promptTokens);
    const outputTokens = draw(options.outputTokens);
    conversations.push({ shared: -1, turns: [{ plannedMs, promptTokens, outputTokens }] });
  }
  return { name: "unique", sharedTokens: [], conversations };
}
