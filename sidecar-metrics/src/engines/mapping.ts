// What an engine's metrics page is read for: the form of the mapping tables in this folder.

/** Figures of one pod that are plain sums over the series of a name. */
export type Figure =
  | "waiting"
  | "running"
  | "kvUsage"
  | "promptTokens"
  | "generatedTokens"
  | "prefixQueryTokens"
  | "prefixHitTokens"
  | "startTimeSeconds";

export interface EngineMapping {
  /** For each figure the names it has had, newest first: the first one on the page counts. */
  names: Record<Figure, readonly string[]>;
  /** Names whose HELP text says "blocks" in versions that count blocks, not tokens. */
  maybeInBlocks: readonly string[];
  /** The series whose labels, not its value, tell the size of the KV cache. */
  info: {
    name: string;
    blockSizeLabel: string;
    blocksLabel: string;
    /** The capacity in tokens itself: right also for models with several kinds of attention. */
    tokensLabel: string;
    prefixCachingLabel: string;
    /** One engine of a data-parallel pod: the capacities of different ones add up. */
    engineLabel: string;
  };
  /**
   * The series whose labels name the LoRA adapters that have requests. Its value is the time at
   * which it was true: each combination of labels stays on the page, and the newest counts.
   */
  lora: {
    name: string;
    runningLabel: string;
    waitingLabel: string;
    /** How many adapters one batch may have, which is how many slots there are. */
    limitLabel: string;
  };
  modelLabel: string;
}
