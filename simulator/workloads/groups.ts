// Groups of questions on one long prompt each, single turns: documents that many people ask about.
import { Random } from "./random.js";
import { poissonArrivals, type Conversation, type Workload } from "./workload.js";

/** The shape of the groups. Sizes in tokens. */
export interface GroupOptions {
  seed: number;
  seconds: number;
  requestsPerSecond: number;
  groups: number;
  sharedTokens: number;
  questionTokens: number;
  outputTokens: number;
}

/** Draws requests whose group is uniform among all groups. */
export function groups(options: GroupOptions): Workload {
  const random = Random.from(options.seed);
  const conversations: Conversation[] = [];
  for (const plannedMs of poissonArrivals(random, options.requestsPerSecond, options.seconds)) {
    const { questionTokens: promptTokens, outputTokens } = options;
    const shared = random.integer(0, options.groups - 1);
    conversations.push({ shared, turns: [{ plannedMs, promptTokens, outputTokens }] });
  }
  const sharedTokens = new Array<number>(options.groups).fill(options.sharedTokens);
  return { name: "groups", sharedTokens, conversations };
}
