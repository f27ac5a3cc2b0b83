// Chats with assistants: a shared system prompt each, several turns, popular and rare assistants.
import { Random, drawShare, zipfShares } from "./random.js";
import { poissonArrivals, type Conversation, type Turn, type Workload } from "./workload.js";

/** Both ends belong to it; a draw is uniform between them. */
export interface Range {
  min: number;
  max: number;
}

/** The shape of a service with assistants. All sizes in tokens, all times in ms. */
export interface ChatOptions {
  seed: number;
  seconds: number;
  /** New chats a second; each brings `turns` requests. */
  chatsPerSecond: number;
  assistants: number;
  /** Popularity of the assistants falls as 1 / (v + rank)^s; s = 0: all alike. */
  popularity: { s: number; v: number };
  systemTokens: Range;
  turns: Range;
  firstTokens: Range;
  nextTokens: Range;
  outputTokens: Range;
  /** From one turn's planned time to the next's: at least `minMs`, plus exponential `meanMs`. */
  gap: { minMs: number; meanMs: number };
}

/** Draws the chats that start within `seconds`; turns planned after the end are left out. */
export function chats(options: ChatOptions): Workload {
  const random = Random.from(options.seed);
  const draw = (range: Range) => random.integer(range.min, range.max);
  const sharedTokens = Array.from({ length: options.assistants }, () => draw(options.systemTokens));
  const { s, v } = options.popularity;
  const shares = zipfShares(options.assistants, s, v);
  const conversations: Conversation[] = [];
  for (const startMs of poissonArrivals(random, options.chatsPerSecond, options.seconds)) {
    const shared = drawShare(random, shares);
    const turns: Turn[] = [];
    let plannedMs = startMs;
    const turnCount = draw(options.turns);
    for (let index = 0; index < turnCount; index++) {
      const promptTokens = draw(index === 0 ? options.firstTokens : options.nextTokens);
      const outputTokens = draw(options.outputTokens);
      // Drawn for the turns that are left out too, so that a longer run begins as a shorter one.
      if (plannedMs < options.seconds * 1000) turns.push({ plannedMs, promptTokens, outputTokens });
      plannedMs += options.gap.minMs + random.exponential(options.gap.meanMs);
    }
    conversations.push({ shared, turns });
  }
  return { name: "chats", sharedTokens, conversations };
}
