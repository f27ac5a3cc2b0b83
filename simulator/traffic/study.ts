// The four kinds of traffic of the policy study, on 8 pods of Qwen3-32B with vLLM V1.
import { drawShare, Random, zipfShares } from "../workloads/random.js";
import { prefixed } from "./prefixed.js";
import {
  ownId,
  single,
  singles,
  type FollowUp,
  type Traffic,
  type TrafficRequest,
  type TrafficSource,
} from "./traffic.js";

/** What the study has in common. */
export const STUDY = {
  profile: "qwen3-32b-2xh100-v1",
  pods: 8,
  seconds: 240,
  requests: 3000,
  turns: 1,
} as const;

const GROUPS = { count: 150, systemTokens: 6000, questions: 5, questionTokens: 1200 };
const GROUPS_OUTPUT_TOKENS = 1000;

export const GROUPS_TRAFFIC: Traffic = {
  ...STUDY,
  name: "groups",
  title: "150 system prompts of 6,000 tokens, 5 questions of 1,200 on each",
  load: { ratePerS: 12 },
  source: (seed) =>
    singles((conversation) => {
      const random = Random.from(seed, conversation);
      const group = random.integer(0, GROUPS.count - 1);
      const question = random.integer(0, GROUPS.questions - 1);
      const questionId = 1 + GROUPS.count + group * GROUPS.questions + question;
      return single(
        conversation,
        [
          { role: "system", id: 1 + group, tokens: GROUPS.systemTokens },
          { role: "user", id: questionId, tokens: GROUPS.questionTokens },
        ],
        GROUPS_OUTPUT_TOKENS,
      );
    }),
};

const ZIPF_SHARES = zipfShares(200, 1.2, 4);

export const ZIPF_TRAFFIC: Traffic = {
  ...STUDY,
  name: "zipf",
  title: "200 system prompts of 4,000 tokens, few of them popular, questions of their own",
  load: { ratePerS: 30 },
  source: (seed) => singles((conversation) => zipfRequest(seed, conversation)),
};

/** A request of `zipf`; other traffic is made of it, too. */
export function zipfRequest(seed: number, conversation: number): TrafficRequest {
  const random = Random.from(seed, conversation);
  const system = 1 + drawShare(random, ZIPF_SHARES);
  const question = random.integer(200, 1199);
  return single(
    conversation,
    [
      { role: "system", id: system, tokens: 4000 },
      { role: "user", id: ownId(conversation, 0), tokens: question },
    ],
    random.integer(100, 499),
  );
}

export const RANDOM_TRAFFIC: Traffic = {
  ...STUDY,
  name: "random",
  title: "one system prompt of 1,000 tokens, and 800 to 4,000 that nobody shares",
  load: { ratePerS: 15 },
  source: (seed) => prefixed(seed, 1000, { min: 800, max: 3999 }, { min: 200, max: 1199 }),
};

const CHAT_TURNS = 8;

export const CHAT_TRAFFIC: Traffic = {
  ...STUDY,
  name: "chat",
  title: "chats of 8 turns on one system prompt of 800 tokens, some 10 s between turns",
  load: { ratePerS: 20 },
  turns: CHAT_TURNS,
  source: (seed) => new Chats(seed),
};

class Chats implements TrafficSource {
  constructor(private readonly seed: number) {}

  first(conversation: number): TrafficRequest {
    const random = Random.from(this.seed, conversation, 0);
    const tokens = random.integer(200, 3199);
    return {
      messages: [
        { role: "system", id: 1, tokens: 800 },
        { role: "user", id: ownId(conversation, 0), tokens },
      ],
      outputTokens: random.integer(100, 599),
      answerId: ownId(conversation, 1),
      conversation,
      turn: 0,
    };
  }

  next({ conversation, messages, ...last }: TrafficRequest): FollowUp | null {
    const turn = last.turn + 1;
    if (turn === CHAT_TURNS) return null;
    const random = Random.from(this.seed, conversation, turn);
    const question = random.integer(100, 999);
    const request: TrafficRequest = {
      messages: [
        ...messages,
        { role: "assistant", id: last.answerId, tokens: last.outputTokens },
        { role: "user", id: ownId(conversation, 2 * turn), tokens: question },
      ],
      outputTokens: random.integer(100, 599),
      answerId: ownId(conversation, 2 * turn + 1),
      conversation,
      turn,
    };
    return { delayMs: 2000 + random.exponential(8000), request };
  }
}
