// What is wrong now, each thing in one sentence; told to the log once, when it begins or changes.
import type { Logger } from "pino";
import type { Clock } from "../../clock.js";

/** More are of no use to a reader; what is wrong first stays. */
const PROBLEMS_MAX = 64;
/** A server tells what it forbids at each try, and never that it permits it by now. */
const DENIAL_MS = 30_000;
const DENIED = "denied:";

export class Problems {
  private readonly sentences = new Map<string, string>();

  private readonly deniedMs = new Map<string, number>();

  constructor(
    private readonly clock: Clock,
    private readonly log: Logger,
  ) {}

  /** Lasts for a while after the last time that the server said it. */
  deny(what: string, sentence: string): void {
    const key = DENIED + what;
    this.expire();
    this.set(key, sentence);
    if (this.sentences.has(key)) this.deniedMs.set(key, this.clock.nowMs());
  }

  /** Null: it is well again. */
  set(key: string, sentence: string | null): void {
    const before = this.sentences.get(key);
    if (sentence === null) {
      this.sentences.delete(key);
      return;
    }
    if (before === sentence) return;
    if (before === undefined && this.sentences.size >= PROBLEMS_MAX) return;
    const isNew = !this.list().includes(sentence);
    this.sentences.set(key, sentence);
    if (isNew) this.log.warn({ sharing: "nats" }, sentence);
  }

  /** These sentences, and no others, under keys that begin so. */
  replace(prefix: string, sentences: readonly string[]): void {
    sentences.forEach((sentence, index) => this.set(`${prefix}${index}`, sentence));
    for (const key of this.sentences.keys()) {
      const index = key.startsWith(prefix) ? Number(key.slice(prefix.length)) : -1;
      if (index >= sentences.length) this.sentences.delete(key);
    }
  }

  /** Forgets everything whose key begins so. */
  clear(prefix: string): void {
    for (const key of this.sentences.keys()) if (key.startsWith(prefix)) this.sentences.delete(key);
  }

  /** Pools that share a stream share its problems as well: each is told once. */
  list(): string[] {
    this.expire();
    return [...new Set(this.sentences.values())];
  }

  private expire(): void {
    for (const [key, sinceMs] of this.deniedMs) {
      if (this.sentences.has(key) && this.clock.nowMs() - sinceMs < DENIAL_MS) continue;
      this.deniedMs.delete(key);
      this.sentences.delete(key);
    }
  }
}
