// Agents: tools, their results, and contexts that grow to 100,000 tokens.
import { Random } from "../workloads/random.js";
import {
  type FollowUp,
  type Message,
  ownId,
  promptTokens,
  type Traffic,
  type TrafficRequest,
  type TrafficSource,
} from "./traffic.js";

/** What every task begins with: descriptions of some 30 tools, and the instructions. */
const TOOLS: Message = { role: "tools", id: 1, tokens: 6000 };
const INSTRUCTIONS: Message = { role: "system", id: 2, tokens: 2000 };
const TURNS = 16;
const TASK_TOKENS = { min: 200, max: 3000 };
/** A call of a tool, or the answer at the end. */
const CALL_TOKENS = { min: 50, max: 400 };
/** A file, a page, the output of a command: 5,800 on average, so 16 turns come to about 100,000. */
const RESULT_TOKENS = { min: 600, max: 11_000 };
/** Prompt and answer; a result that would exceed it is cut, as agents do. */
const CONTEXT_TOKENS_MAX = 100_000;
/** How long a tool takes: at least, and the mean of what comes on top. */
const TOOL_MS = { min: 200, more: 3000 };

export const AGENT_TRAFFIC: Traffic = {
  name: "agent",
  title: "agents of 16 turns: tools of 6,000 tokens, contexts that grow to 100,000",
  profile: "llama-3.1-8b-h100-v1",
  pods: 8,
  load: { ratePerS: 6 },
  seconds: 240,
  requests: 3000,
  turns: TURNS,
  source: (seed) => new Agents(seed),
};

class Agents implements TrafficSource {
  constructor(private readonly seed: number) {}

  first(conversation: number): TrafficRequest {
    const random = Random.from(this.seed, conversation, 0);
    const tokens = random.integer(TASK_TOKENS.min, TASK_TOKENS.max);
    return {
      messages: [TOOLS, INSTRUCTIONS, { role: "user", id: ownId(conversation, 0), tokens }],
      outputTokens: random.integer(CALL_TOKENS.min, CALL_TOKENS.max),
      answerId: ownId(conversation, 1),
      conversation,
      turn: 0,
    };
  }

  next(last: TrafficRequest): FollowUp | null {
    const { conversation } = last;
    const turn = last.turn + 1;
    if (turn === TURNS) return null;
    const random = Random.from(this.seed, conversation, turn);
    const result = random.integer(RESULT_TOKENS.min, RESULT_TOKENS.max);
    const outputTokens = random.integer(CALL_TOKENS.min, CALL_TOKENS.max);
    const used = promptTokens(last) + last.outputTokens + outputTokens;
    // So that the calls still to come fit, too, each with a result of a token.
    const reserved = (TURNS - 1 - turn) * (CALL_TOKENS.max + 1);
    const room = CONTEXT_TOKENS_MAX - used - reserved;
    const request: TrafficRequest = {
      messages: [
        ...last.messages,
        { role: "call", id: last.answerId, tokens: last.outputTokens },
        // Its id is the call's plus 1, by which the body tells which call it belongs to.
        { role: "tool", id: ownId(conversation, 2 * turn), tokens: Math.min(result, room) },
      ],
      outputTokens,
      answerId: ownId(conversation, 2 * turn + 1),
      conversation,
      turn,
    };
    return { delayMs: TOOL_MS.min + random.exponential(TOOL_MS.more), request };
  }
}
