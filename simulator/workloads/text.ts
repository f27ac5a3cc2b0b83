// Turns a workload's sizes into prompt text: plain words, drawn from a seed, 4 bytes a token.
import { Random } from "./random.js";
import { sharedTokensOf, type Conversation, type Workload } from "./workload.js";

/** What the simulated pods count as one token, and what warmroute assumes before it learns. */
export const BYTES_PER_TOKEN = 4;

const SENTENCE_WORDS = { min: 6, max: 14 };
/** Kinds of text that must not repeat each other; a part of the seed of each text. */
const SHARED = 1;
const TURN = 2;

const WORDS = (
  "able about above account across action after again agent allow almost along amount answer " +
  "apply area around arrive article assist author balance basic because become before begin " +
  "behind below better between beyond bring brief build buyer call cancel careful carry case " +
  "cause certain change charge check choose city clear close collect color come common " +
  "company compare complete contact contain copy correct cost count country course cover " +
  "create credit current customer daily date deal decide deliver depend detail device differ " +
  "direct discuss document draft during early either email enough entire equal error even " +
  "event every exact example except expect explain fact family field figure file final find " +
  "first follow foreign form forward found free friend full future general give goods great " +
  "group grow guide handle happen have help here high history hold hour idea import include " +
  "inform inside issue item join keep kind know language large last late learn leave legal " +
  "letter level light limit line list local long look main make manage many market matter " +
  "meet member message method minute model money month morning name near need never next note " +
  "notice number offer office often only open option order other over owner page paper part " +
  "pass people period person phone place plan point policy power present price print problem " +
  "process product public quality question quick quote rate reach read ready reason receive " +
  "record refer"
).split(" ");

/** A message of an OpenAI chat request. */
export interface ChatMessage {
  role: "system" | "user" | "assistant";
  content: string;
}

/** Exactly `tokens` × 4 bytes of ASCII words in sentences. */
export function words(random: Random, tokens: number): string {
  const bytes = tokens * BYTES_PER_TOKEN;
  const sentences: string[] = [];
  for (let written = 0; written < bytes;) {
    const picked: string[] = [];
    const count = random.integer(SENTENCE_WORDS.min, SENTENCE_WORDS.max);
    for (let i = 0; i < count; i++) picked.push(WORDS[random.integer(0, WORDS.length - 1)]!);
    const sentence = picked.join(" ");
    sentences.push(sentence[0]!.toUpperCase() + sentence.slice(1) + ".");
    written += sentence.length + 2;
  }
  return sentences.join(" ").slice(0, bytes);
}

/** The texts of one workload. Another `edition` of a seed differs in every text. */
export class WorkloadText {
  readonly #workload: Workload;
  readonly #seed: number;
  readonly #edition: number;
  readonly #shared = new Map<number, string>();

  constructor(workload: Workload, seed: number, edition: number) {
    this.#workload = workload;
    this.#seed = seed;
    this.#edition = edition;
  }

  /** The shared prompt of that number; the same string each time. */
  shared(index: number): string {
    const known = this.#shared.get(index);
    if (known !== undefined) return known;
    const random = Random.from(this.#seed, this.#edition, SHARED, index);
    const text = words(random, sharedTokensOf(this.#workload, index));
    this.#shared.set(index, text);
    return text;
  }

  /** What the user says in a turn of a conversation (its place in `workload.conversations`). */
  turn(conversation: number, turn: number): string {
    const tokens = this.#workload.conversations[conversation]?.turns[turn]?.promptTokens ?? 0;
    return words(Random.from(this.#seed, this.#edition, TURN, conversation, turn), tokens);
  }

  /** The messages of a turn, with the answers that the model gave to the turns before it. */
  messages(conversation: number, turn: number, answers: readonly string[]): ChatMessage[] {
    const { shared } = this.#workload.conversations[conversation] as Conversation;
    const messages: ChatMessage[] = [];
    if (shared >= 0) messages.push({ role: "system", content: this.shared(shared) });
    for (let index = 0; index <= turn; index++) {
      messages.push({ role: "user", content: this.turn(conversation, index) });
      if (index < turn) messages.push({ role: "assistant", content: answers[index] ?? "" });
    }
    return messages;
  }
}
