// One request inside an engine: what it asked for, how far it is, which KV blocks it holds.

export interface EngineRequest<T> {
  /** For logs; the engine does not look at it. */
  id: string;
  promptTokens: number;
  /** How many tokens the answer will have, 1 or more: the engine "knows" the model's answer. */
  outputTokens: number;
  /**
   * Chained hashes of the full blocks of prompt and answer (block-hash.ts). May end with the
   * prompt: then the answer's blocks are held but cannot be hit by a later request.
   */
  blockHashes: ArrayLike<number>;
  /** Lower comes first, where the engine schedules by priority; 0 when absent, as in vLLM. */
  priority?: number;
  /** The LoRA adapter it runs with, in place of the model alone. */
  adapter?: string;
  /** The caller's own state, handed back with every event. */
  owner: T;
}

export type SequenceState = "waiting" | "running" | "finished" | "cancelled";

/** Times are the engine's clock in ms, -1 until they happened. */
export class Sequence<T> {
  state: SequenceState = "waiting";
  /** Tokens whose KV is computed: cached, prefilled, or fed back while decoding. */
  computedTokens = 0;
  generatedTokens = 0;
  /** Tokens that the step under way computes. */
  scheduledTokens = 0;
  /** Prompt tokens found in the prefix cache when first admitted; -1 before. */
  cachedTokens = -1;
  /** Blocks held, in order; the first `registeredBlocks` of them can be hit by others. */
  readonly blocks: number[] = [];
  registeredBlocks = 0;
  preemptions = 0;
  admittedMs = -1;
  firstTokenMs = -1;
  /** End of the last but one step that made a token; with `lastTokenMs` the inter-token latency. */
  previousTokenMs = -1;
  lastTokenMs = -1;

  constructor(
    readonly request: EngineRequest<T>,
    readonly arrivalMs: number,
  ) {}

  get owner(): T {
    return this.request.owner;
  }

  /** Prompt and answer so far: what must be computed before the next token. */
  get totalTokens(): number {
    return this.request.promptTokens + this.generatedTokens;
  }
}
