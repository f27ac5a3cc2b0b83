// Numbers that look random, from a seed (xorshift64*), for the specs of this folder.

export class Random {
  constructor(private state: u64) {}

  next(): u64 {
    this.state ^= this.state >> 12;
    this.state ^= this.state << 25;
    this.state ^= this.state >> 27;
    return this.state * 0x2545f4914f6cdd1d;
  }

  /** From 0 to limit - 1. */
  below(limit: u32): u32 {
    return <u32>((this.next() >> 32) % limit);
  }

  /** True in `count` of `total` cases. */
  chance(count: u32, total: u32): bool {
    return this.below(total) < count;
  }
}
