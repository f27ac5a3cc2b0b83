// Which KV blocks each sequence holds: prefix hits, growth by tokens, release in eviction order.
import { BlockPool } from "./block-pool.js";
import type { EngineOptions } from "./options.js";
import type { Sequence } from "./sequence.js";

export class KvManager {
  readonly pool: BlockPool;
  /** Blocks that admission leaves free. */
  readonly watermarkBlocks: number;
  private readonly blockTokens: number;
  private readonly prefixCaching: boolean;

  constructor(options: EngineOptions) {
    this.blockTokens = options.blockTokens;
    this.prefixCaching = options.prefixCaching;
    this.pool = new BlockPool(Math.floor(options.kvTokens / options.blockTokens));
    this.watermarkBlocks = Math.floor(this.pool.blockCount * options.watermark);
  }

  /** The longest sequence that admission lets in when it is alone. */
  get sequenceTokensMax(): number {
    return (this.pool.blockCount - this.watermarkBlocks) * this.blockTokens;
  }

  /** How many leading blocks of the sequence are cached. */
  cachedBlocks(sequence: Sequence<unknown>): number {
    if (!this.prefixCaching) return 0;
    const { blockHashes } = sequence.request;
    // The last token is always computed, else there would be nothing to sample from.
    const usable = Math.floor((sequence.totalTokens - 1) / this.blockTokens);
    const countMax = Math.min(usable, blockHashes.length);
    let count = 0;
    while (count < countMax && this.pool.find(blockHashes[count] as number) >= 0) count++;
    return count;
  }

  /** Whether the sequence, with its cached blocks, may come to `tokens` tokens by admission. */
  canAdmit(sequence: Sequence<unknown>, cachedBlocks: number, tokens: number): boolean {
    let needed = this.blocksFor(tokens) - cachedBlocks;
    for (let i = 0; i < cachedBlocks; i++) {
      const block = this.pool.find(sequence.request.blockHashes[i] as number);
      if (this.pool.isFree(block)) needed++;
    }
    return this.pool.freeCount - needed >= this.watermarkBlocks;
  }

  /** Gives the sequence its leading cached blocks. */
  attach(sequence: Sequence<unknown>, cachedBlocks: number): void {
    for (let i = 0; i < cachedBlocks; i++) {
      const block = this.pool.find(sequence.request.blockHashes[i] as number);
      this.pool.acquire(block);
      sequence.blocks.push(block);
    }
    sequence.registeredBlocks = cachedBlocks;
    sequence.computedTokens = cachedBlocks * this.blockTokens;
  }

  /** Takes the blocks for `tokens` tokens in all; false, and nothing taken: there is no room. */
  grow(sequence: Sequence<unknown>, tokens: number): boolean {
    const { blocks, request } = sequence;
    const missing = this.blocksFor(tokens) - blocks.length;
    if (missing > this.pool.freeCount) return false;
    for (let i = 0; i < missing; i++) blocks.push(this.pool.take());
    if (!this.prefixCaching) return true;
    // As in vLLM the content can be hit from now on, so that equal prompts in one step share it.
    const full = Math.min(Math.floor(tokens / this.blockTokens), request.blockHashes.length);
    for (let i = sequence.registeredBlocks; i < full; i++) {
      this.pool.register(blocks[i] as number, request.blockHashes[i] as number);
      sequence.registeredBlocks = i + 1;
    }
    return true;
  }

  release(sequence: Sequence<unknown>): void {
    // Tail first: the head of a prompt is shared by more requests and must be evicted last.
    for (let i = sequence.blocks.length - 1; i >= 0; i--) {
      this.pool.release(sequence.blocks[i] as number);
    }
    sequence.blocks.length = 0;
    sequence.registeredBlocks = 0;
    sequence.computedTokens = 0;
  }

  private blocksFor(tokens: number): number {
    return Math.ceil(tokens / this.blockTokens);
  }
}
