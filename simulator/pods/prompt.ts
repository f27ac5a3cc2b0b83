// Turns prompts into tokens of 4 bytes, and makes answers of such tokens for follow-ups to hit.
import { BlockHasher } from "../engine/block-hash.js";
import type { ChatMessage } from "./request.js";

/** Special tokens: no text has them, because 0xff is not a byte of UTF-8. */
const MESSAGE_START = 0xffffff01;
const MESSAGE_END = 0xffffff02;
const NEW_LINE = 0xffffff03;
const IMAGE = 0xffffff04;

/** What an image costs, about that of a 448 x 448 picture in Qwen2-VL. */
const IMAGE_TOKENS = 256;

const PIECE_BYTES = 4;

/** The model's whole vocabulary: each word with a blank or a full stop is one token. */
const WORDS = (
  "the and you for was his not are but had her any one all out who how she him now may way its" +
  " two man day new old see men own too did our say let top sun sea sky air ice oil ore ash oak" +
  " elm fir bay bow cup hat key map net pen pin pot red"
).split(" ");
const WORD_TOKENS = WORDS.map((word) => tokenOf(`${word} `));
const LAST_WORD_TOKENS = WORDS.map((word) => tokenOf(`${word}.`));

function tokenOf(text: string): number {
  return Buffer.from(text, "latin1").readUInt32LE(0);
}

/** An answer the model will give: its text token by token, and the KV blocks of it all. */
export interface Answer {
  texts: readonly string[];
  /** Hashes of the full blocks of prompt and answer. */
  blockHashes: readonly number[];
}

/** Collects the tokens of one prompt; equal beginnings of prompts make equal tokens. */
export class Prompt {
  tokenCount = 0;
  /** Depends on every token: the only source of chance for the answer. */
  digest = 0x811c9dc5;
  private readonly tokens: number[] = [];

  constructor(
    private readonly blockTokens: number,
    private readonly salt: number,
  ) {}

  token(token: number): void {
    this.tokens.push(token);
    this.tokenCount++;
    this.digest = Math.imul(this.digest ^ token, 0x01000193);
    this.digest ^= this.digest >>> 15;
  }

  /** Text in pieces of 4 bytes; the last one may be shorter and never continues in what follows. */
  text(text: string): void {
    const bytes = Buffer.from(text, "utf8");
    const whole = bytes.length - (bytes.length % PIECE_BYTES);
    for (let at = 0; at < whole; at += PIECE_BYTES) this.token(bytes.readUInt32LE(at));
    if (whole === bytes.length) return;
    const tail = Buffer.alloc(PIECE_BYTES, 0xff);
    bytes.copy(tail, 0, whole);
    this.token(tail.readUInt32LE(0));
  }

  /** Messages as ChatML renders them, tools first, then the opening of the model's own message. */
  chat(messages: readonly ChatMessage[], tools: unknown): void {
    if (tools !== undefined && tools !== null) {
      this.open("system");
      this.text(JSON.stringify(tools));
      this.close();
    }
    for (const message of messages) {
      this.open(message.role);
      this.content(message.content);
      if (message.tool_calls !== undefined) this.text(JSON.stringify(message.tool_calls));
      this.close();
    }
    this.open("assistant");
  }

  /**
   * The answer of `outputTokens` tokens. One that stops by itself ends with the token that ends a
   * message, which counts but has no text; so the next turn's prompt continues these very tokens.
   */
  answer(outputTokens: number, stopsItself: boolean, choice: number): Answer {
    const hasher = new BlockHasher(this.blockTokens, this.salt);
    hasher.pushTokens(this.tokens);
    const texts: string[] = [];
    const words = stopsItself ? outputTokens - 1 : outputTokens;
    let state = Math.imul(this.digest ^ choice, 0x9e3779b1);
    for (let i = 0; i < words; i++) {
      state = (Math.imul(state, 1664525) + 1013904223) | 0;
      const word = ((state >>> 16) * WORDS.length) >>> 16;
      const isLast = i === words - 1;
      texts.push(`${WORDS[word]}${isLast ? "." : " "}`);
      hasher.push((isLast ? LAST_WORD_TOKENS[word] : WORD_TOKENS[word]) as number);
    }
    // The last token is never fed back, so its KV is never computed and no block can have it.
    if (stopsItself) texts.push("");
    return { texts, blockHashes: hasher.hashes };
  }

  private open(role: string): void {
    this.token(MESSAGE_START);
    this.text(role);
    this.token(NEW_LINE);
  }

  private close(): void {
    this.token(MESSAGE_END);
    this.token(NEW_LINE);
  }

  /** As vLLM does for templates that take strings: text parts joined by new lines. */
  private content(content: ChatMessage["content"]): void {
    if (typeof content === "string") this.text(content);
    if (!Array.isArray(content)) return;
    let pending: string[] = [];
    for (const part of content) {
      if (typeof part.text === "string") {
        pending.push(part.text);
        continue;
      }
      this.text(pending.join("\n"));
      pending = [];
      const picture = new Prompt(this.blockTokens, 0);
      picture.text(JSON.stringify(part));
      for (let i = 0; i < IMAGE_TOKENS; i++) this.token(IMAGE ^ (picture.digest & 0x7fffff00));
    }
    this.text(pending.join("\n"));
  }
}

/** A number for what must not share KV: LoRA adapter and `cache_salt`. 0 when there is neither. */
export function saltOf(...parts: (string | null | undefined)[]): number {
  if (!parts.some((part) => part)) return 0;
  const digest = new Prompt(1, 0);
  for (const part of parts) {
    digest.text(part ?? "");
    digest.token(NEW_LINE);
  }
  return digest.digest >>> 0;
}
