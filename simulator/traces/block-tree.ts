// The prompts of a trace as one tree of blocks, cut into messages where prompts part.
import type { Message } from "../traffic/traffic.js";

/** Nodes of all prompts; a Map holds no more than 2^24. */
export const BLOCKS_MAX = 8_000_000;
/** Distinct hashes times models; with a node's number in front it must fit 53 bits. */
const HASHES_MAX = 2 ** 26;
const NOBODY = -1;

type Hash = number | string;
type Content = Pick<Message, "id" | "tokens">;

/**
 * A hash means its content together with all that comes before it, as in vLLM's cache: the same
 * hash behind another beginning is another block.
 */
export class BlockTree {
  /** Of each node the one before it; -1: a first block. */
  private readonly parents: number[] = [];
  /** Whether a message ends behind the node: prompts part there, or one ends. */
  private readonly isCut: boolean[] = [];
  /** Whether anything follows the node. */
  private readonly hasChild: boolean[] = [];
  private readonly children = new Map<number, number>();
  private readonly hashes = new Map<Hash, number>();

  get size(): number {
    return this.parents.length;
  }

  /** Adds the blocks of a prompt; returns its last node, -1 for none. Null: there is no room. */
  add(hashIds: readonly Hash[], salt: string): number | null {
    let node = NOBODY;
    for (const [index, hash] of hashIds.entries()) {
      // In front of the first block, so prompts of different salts share nothing.
      const next = this.child(node, index === 0 ? `${salt}\n${hash}` : hash);
      if (next === null) return null;
      node = next;
    }
    if (node !== NOBODY) this.isCut[node] = true;
    return node;
  }

  /** The messages up to a node: equal runs of blocks have equal ids, from 1 to `size`. */
  contents(last: number, promptTokens: number, blockTokens: number): Content[] {
    const path: number[] = [];
    for (let node = last; node !== NOBODY; node = this.parents[node]!) path.push(node);
    path.reverse();
    const contents: Content[] = [];
    let left = promptTokens;
    let isOpen = false;
    for (const node of path) {
      const tokens = Math.min(left, blockTokens);
      left -= tokens;
      if (isOpen) contents.at(-1)!.tokens += tokens;
      else contents.push({ id: node + 1, tokens });
      isOpen = !this.isCut[node]!;
    }
    return contents;
  }

  private child(parent: number, hash: Hash): number | null {
    const key = (parent + 1) * HASHES_MAX + this.numberOf(hash);
    const known = this.children.get(key);
    if (known !== undefined) return known;
    if (this.size === BLOCKS_MAX) return null;
    const node = this.size;
    this.parents.push(parent);
    this.isCut.push(false);
    this.hasChild.push(false);
    this.children.set(key, node);
    if (parent !== NOBODY) {
      if (this.hasChild[parent]!) this.isCut[parent] = true;
      this.hasChild[parent] = true;
    }
    return node;
  }

  /** Each distinct hash makes a node at least once, so there are never more than BLOCKS_MAX. */
  private numberOf(hash: Hash): number {
    const known = this.hashes.get(hash);
    if (known !== undefined) return known;
    this.hashes.set(hash, this.hashes.size);
    return this.hashes.size - 1;
  }
}
