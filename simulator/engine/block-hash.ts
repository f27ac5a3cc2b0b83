// Chained hashes of the full KV blocks of a sequence of tokens, as vLLM's prefix cache keys them.

/** Default of vLLM (`--block-size`) on NVIDIA GPUs. */
export const BLOCK_TOKENS_DEFAULT = 16;

const LOW_MULTIPLIER = 0x9e3779b1;
const HIGH_MULTIPLIER = 0x85ebca6b;
const HIGH_BITS_MASK = 0x1fffff;
const TWO_POW_32 = 4294967296;

/** A run of tokens that is known only by a name: the unit in which workloads describe prompts. */
export interface Segment {
  /** Equal ids mean equal tokens; 0 to 2^53 - 1. */
  id: number;
  tokens: number;
}

/**
 * Takes tokens one by one and keeps the hash of each full block. Hash i covers blocks 0 to i, so
 * equal hashes mean equal prefixes. 53 bits, so that it is a plain number: with a million blocks
 * the chance of any collision is 6 in 100,000.
 */
export class BlockHasher {
  readonly hashes: number[] = [];
  private low: number;
  private high: number;
  private fill = 0;

  /** `salt` separates what must share nothing: models, LoRA adapters, `cache_salt`. */
  constructor(
    private readonly blockTokens: number,
    salt = 0,
  ) {
    this.low = mixLow(0x2545f491, salt | 0);
    this.high = mixHigh(0x1b873593, Math.floor(salt / TWO_POW_32) | 0);
  }

  /** Adds one token; any number, of which the lower 32 bits count. */
  push(token: number): void {
    this.low = mixLow(this.low, token);
    this.high = mixHigh(this.high, token);
    if (++this.fill === this.blockTokens) this.closeBlock();
  }

  pushTokens(tokens: ArrayLike<number>): void {
    for (let i = 0; i < tokens.length; i++) this.push(tokens[i] as number);
  }

  /**
   * Adds a whole segment at the cost of its blocks, not of its tokens. Prefixes are equal only
   * where they are cut into the same segments.
   */
  pushSegment(segment: Segment): void {
    let offset = 0;
    while (offset < segment.tokens) {
      const count = Math.min(this.blockTokens - this.fill, segment.tokens - offset);
      this.low = mixLow(this.low, segment.id | 0);
      this.high = mixHigh(this.high, Math.floor(segment.id / TWO_POW_32) | 0);
      this.low = mixLow(this.low, offset);
      this.high = mixHigh(this.high, segment.id ^ Math.imul(offset, LOW_MULTIPLIER));
      this.low = mixLow(this.low, count);
      this.fill += count;
      offset += count;
      if (this.fill === this.blockTokens) this.closeBlock();
    }
  }

  private closeBlock(): void {
    // Both lanes are stirred into each other, else each would be a 32-bit hash of its own.
    this.low = mixLow(this.low, this.high ^ this.hashes.length);
    this.high = mixHigh(this.high, this.low);
    this.hashes.push((this.high & HIGH_BITS_MASK) * TWO_POW_32 + (this.low >>> 0));
    this.fill = 0;
  }
}

/** Hashes of the full blocks of `tokens`; the partial tail has none. */
export function hashTokens(
  tokens: ArrayLike<number>,
  blockTokens = BLOCK_TOKENS_DEFAULT,
  salt = 0,
): number[] {
  const hasher = new BlockHasher(blockTokens, salt);
  hasher.pushTokens(tokens);
  return hasher.hashes;
}

/** Hashes of the full blocks of segments that follow each other. */
export function hashSegments(
  segments: readonly Segment[],
  blockTokens = BLOCK_TOKENS_DEFAULT,
  salt = 0,
): number[] {
  const hasher = new BlockHasher(blockTokens, salt);
  for (const segment of segments) hasher.pushSegment(segment);
  return hasher.hashes;
}

function mixLow(state: number, value: number): number {
  let mixed = Math.imul(state ^ value, LOW_MULTIPLIER);
  mixed ^= mixed >>> 15;
  return Math.imul(mixed, 0xc2b2ae35);
}

function mixHigh(state: number, value: number): number {
  let mixed = Math.imul(state + value + 0x27d4eb2f, HIGH_MULTIPLIER);
  mixed ^= mixed >>> 13;
  return (mixed << 5) | (mixed >>> 27);
}
