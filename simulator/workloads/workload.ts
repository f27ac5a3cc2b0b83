// What every workload is made of: shared prompts, conversations, turns; sizes in tokens, no text.

/** A request of a conversation. */
export interface Turn {
  /** When the client means to send it, since the start of the run. */
  plannedMs: number;
  /** New prompt tokens of this turn; what came before it in the conversation comes on top. */
  promptTokens: number;
  /** Tokens of the answer, asked for with `max_tokens`. */
  outputTokens: number;
}

/** Requests that belong together: each one repeats the earlier turns and their answers. */
export interface Conversation {
  /** Which shared prompt it starts with; -1: none. */
  shared: number;
  turns: Turn[];
}

/** A workload's shape. Two texts of one shape differ in every word and in nothing else. */
export interface Workload {
  name: string;
  /** Tokens of each shared prompt. */
  sharedTokens: number[];
  /** In the order of their first turn. */
  conversations: Conversation[];
}

/** Sums over a workload that tell how large it is and how much of it can be reused. */
export interface WorkloadSize {
  requests: number;
  /** Prompt tokens of all requests together, repeated parts counted each time. */
  promptTokens: number;
  outputTokens: number;
  /** Working set: all prompts, each shared part once; what a cache would need to forget nothing. */
  distinctTokens: number;
  /** Of the working set, what some request can find cached: sent or generated before it. */
  reusedTokens: number;
}

/** Adds up a workload. Shared prompts that no conversation uses do not count. */
export function workloadSize(workload: Workload): WorkloadSize {
  const size = {
    requests: 0,
    promptTokens: 0,
    outputTokens: 0,
    distinctTokens: 0,
    reusedTokens: 0,
  };
  const sharedUses = new Map<number, number>();
  for (const { shared, turns } of workload.conversations) {
    let contextTokens = sharedTokensOf(workload, shared);
    if (shared >= 0) sharedUses.set(shared, (sharedUses.get(shared) ?? 0) + turns.length);
    for (const [index, turn] of turns.entries()) {
      const turnTokens = turn.promptTokens + turn.outputTokens;
      size.requests += 1;
      size.promptTokens += contextTokens + turn.promptTokens;
      size.outputTokens += turn.outputTokens;
      size.distinctTokens += turn.promptTokens;
      if (index < turns.length - 1) {
        // The last answer is left out: no prompt ever holds it.
        size.distinctTokens += turn.outputTokens;
        size.reusedTokens += turnTokens;
      }
      contextTokens += turnTokens;
    }
  }
  for (const [shared, uses] of sharedUses) {
    const tokens = sharedTokensOf(workload, shared);
    size.distinctTokens += tokens;
    if (uses > 1) size.reusedTokens += tokens;
  }
  return size;
}

/** Tokens of the shared prompt, 0 for -1. */
export function sharedTokensOf(workload: Workload, shared: number): number {
  return shared < 0 ? 0 : (workload.sharedTokens[shared] ?? 0);
}

/** Poisson arrivals at `perSecond` over `seconds`, in ms since the start. */
export function* poissonArrivals(
  random: { exponential(mean: number): number },
  perSecond: number,
  seconds: number,
): Generator<number> {
  const gapMsMean = 1000 / perSecond;
  const endMs = seconds * 1000;
  for (let atMs = random.exponential(gapMsMean); atMs < endMs;) {
    yield atMs;
    atMs += random.exponential(gapMsMean);
  }
}
