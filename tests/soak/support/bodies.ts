// The bodies of a soak's requests: shared beginnings, conversations that grow, large, broken.
import { textOf } from "../../host/filter/support/random.js";

const MODEL = "demo";
/** System prompts that many chats begin with. */
const SHARED_PROMPTS = 16;
const SHARED_BYTES = 1_500;
/** Conversations under way at a time, and after how many turns one starts anew. */
const CONVERSATIONS = 24;
const TURNS_MAX = 10;
const TURN_BYTES_MAX = 600;
/** Up to a few hundred KB: 90,000 tokens. */
const LARGE_BYTES_MIN = 60_000;
const LARGE_BYTES_MAX = 360_000;
const OUTPUT_TOKENS_MAX = 24;

interface Message {
  role: string;
  content: string;
}

export class Bodies {
  private readonly shared: string[];
  private readonly conversations: Message[][] = [];

  constructor(
    private readonly random: () => number,
    /** Keeps its texts apart from those of another soak's. */
    private readonly seed: number,
  ) {
    this.shared = Array.from({ length: SHARED_PROMPTS }, (_, n) => textOf(seed + n, SHARED_BYTES));
    for (let i = 0; i < CONVERSATIONS; i++) this.conversations.push(this.opening());
  }

  /** A system prompt that others share, and a question of its own. */
  chat(): object {
    return this.asChat([...this.opening(), this.turn()]);
  }

  /** The next turn of one of the conversations: all of it so far, and some more. */
  conversation(): object {
    const index = this.below(CONVERSATIONS);
    const so = this.conversations[index] as Message[];
    const messages = so.length > 2 * TURNS_MAX ? this.opening() : so;
    const asked = [...messages, this.turn()];
    this.conversations[index] = [...asked, { role: "assistant", content: this.text(200) }];
    return this.asChat(asked);
  }

  completion(): object {
    return { prompt: this.pick(this.shared) + this.text(300), ...this.common() };
  }

  embedding(): object {
    return { model: MODEL, input: [this.text(400), this.text(400)] };
  }

  large(): object {
    const bytes = LARGE_BYTES_MIN + this.below(LARGE_BYTES_MAX - LARGE_BYTES_MIN);
    return this.asChat([...this.opening(), { role: "user", content: this.text(bytes) }]);
  }

  /** No JSON, or not the one that its path asks for: vLLM answers 400. */
  broken(): string {
    const whole = JSON.stringify(this.chat());
    const cut = whole.slice(0, 1 + this.below(whole.length - 2));
    const others = ["{", "[]", "null", '{"messages": [1, 2', `${whole}}`, "\u0000\u0001", cut];
    return this.pick([...others, whole.replace("messages", "massages")]);
  }

  below(bound: number): number {
    return Math.floor(this.random() * bound);
  }

  pick<T>(list: readonly T[]): T {
    return list[this.below(list.length)] as T;
  }

  private asChat(messages: Message[]): object {
    return { messages, ...this.common() };
  }

  private common(): object {
    return { model: MODEL, max_tokens: 1 + this.below(OUTPUT_TOKENS_MAX), ignore_eos: true };
  }

  private opening(): Message[] {
    return [{ role: "system", content: this.pick(this.shared) }];
  }

  private turn(): Message {
    return { role: "user", content: this.text(1 + this.below(TURN_BYTES_MAX)) };
  }

  private text(bytes: number): string {
    return textOf(this.seed + this.below(1 << 30), bytes);
  }
}
