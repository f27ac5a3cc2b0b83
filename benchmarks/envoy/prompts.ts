// Whole HTTP requests, made once: 64 prompts in 16 groups, each group sharing its first half.
import { randomFrom } from "../../lab/random.js";

const PROMPTS = 64;
const GROUPS = 16;
const SEED = 42;
const WORD_LETTERS_MIN = 3;
const WORD_LETTERS_MAX = 9;

/** One buffer for each distinct prompt of `promptBytes`, ready to be written to a socket. */
export function makeRequests(promptBytes: number): Buffer[] {
  const random = randomFrom(SEED);
  const sharedBytes = Math.floor(promptBytes / 2);
  const shared = Array.from({ length: GROUPS }, () => words(random, sharedBytes));
  return Array.from({ length: PROMPTS }, (_, i) => {
    const content = (shared[i % GROUPS] ?? "") + words(random, promptBytes - sharedBytes);
    const messages = [{ role: "user", content }];
    const body = JSON.stringify({ model: "bench", max_tokens: 1, messages });
    const head =
      "POST /v1/chat/completions HTTP/1.1\r\nhost: warmroute\r\n" +
      `content-type: application/json\r\ncontent-length: ${body.length}\r\n\r\n`;
    return Buffer.from(head + body, "latin1");
  });
}

/** Words of random letters: text that neither compresses nor repeats. */
function words(random: () => number, bytes: number): string {
  const parts: string[] = [];
  let length = 0;
  while (length < bytes) {
    const span = WORD_LETTERS_MAX - WORD_LETTERS_MIN + 1;
    const letters = WORD_LETTERS_MIN + Math.floor(random() * span);
    let word = " ";
    for (let i = 0; i < letters; i++) word += String.fromCharCode(97 + Math.floor(random() * 26));
    parts.push(word);
    length += word.length;
  }
  return parts.join("").slice(0, bytes);
}
