// A second, slow and obvious prefix cache to compare with: prefixes as text, lists searched whole.

interface NaiveBlock {
  id: number;
  users: number;
  /** The whole prefix that ends with this block, or null. */
  content: string | null;
  /** When the content came, to find the oldest of equal ones. */
  since: number;
}

export interface NaiveHolder {
  tokens: readonly number[];
  blocks: NaiveBlock[];
  computed: number;
}

export class NaiveCache {
  private readonly blocks: NaiveBlock[];
  /** Least recently used first. */
  private free: NaiveBlock[];
  private registrations = 0;

  constructor(
    blockCount: number,
    private readonly blockTokens: number,
  ) {
    this.blocks = Array.from({ length: blockCount }, (_, id) => {
      return { id, users: 0, content: null, since: 0 };
    });
    this.free = [...this.blocks];
  }

  get freeCount(): number {
    return this.free.length;
  }

  get cachedCount(): number {
    return this.blocks.filter((block) => block.content !== null).length;
  }

  hits(tokens: readonly number[]): number {
    let count = 0;
    while ((count + 1) * this.blockTokens < tokens.length && this.find(tokens, count)) count++;
    return count;
  }

  attach(holder: NaiveHolder, count: number): void {
    for (let i = 0; i < count; i++) {
      const block = this.find(holder.tokens, i) as NaiveBlock;
      this.free = this.free.filter((other) => other !== block);
      block.users++;
      holder.blocks.push(block);
    }
    holder.computed = count * this.blockTokens;
  }

  grow(holder: NaiveHolder, tokens: number): boolean {
    const needed = Math.ceil(tokens / this.blockTokens) - holder.blocks.length;
    if (needed > this.free.length) return false;
    for (let i = 0; i < needed; i++) {
      const block = this.free.shift() as NaiveBlock;
      block.content = null;
      block.users = 1;
      holder.blocks.push(block);
    }
    holder.blocks.forEach((block, i) => {
      if ((i + 1) * this.blockTokens > tokens || block.content !== null) return;
      block.content = this.prefix(holder.tokens, i);
      block.since = ++this.registrations;
    });
    return true;
  }

  release(holder: NaiveHolder): void {
    for (const block of holder.blocks.reverse()) {
      if (--block.users === 0) this.free.push(block);
    }
    holder.blocks = [];
    holder.computed = 0;
  }

  private find(tokens: readonly number[], index: number): NaiveBlock | undefined {
    const content = this.prefix(tokens, index);
    const equal = this.blocks.filter((block) => block.content === content);
    return equal.sort((a, b) => a.since - b.since)[0];
  }

  private prefix(tokens: readonly number[], index: number): string {
    return tokens.slice(0, (index + 1) * this.blockTokens).join(" ");
  }
}
