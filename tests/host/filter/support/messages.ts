// Requests as clients send them and answers as pods give them.
import type { RequestSpec, ResponseSpec } from "../../../../simulator/host/index.js";
import { textOf } from "./random.js";

const MODEL = "m";

/** A completion of a prompt. */
export function completion(prompt: unknown, rest: Record<string, unknown> = {}): RequestSpec {
  const body = JSON.stringify({ model: MODEL, prompt, ...rest });
  return { path: "/v1/completions", bodyChunks: [body] };
}

/** Bytes and, at the default of 4 bytes each, tokens of `prompt`: 124 ms of prefill. */
export const PROMPT_BYTES = 8000;
export const PROMPT_TOKENS = 2000;

/** A completion, asked for as a stream, of a prompt that shares nothing with another seed's. */
export function prompt(seed: number, rest: Record<string, unknown> = {}): RequestSpec {
  return completion(textOf(seed, PROMPT_BYTES), { stream: true, ...rest });
}

/** A chat of a system prompt and one question. */
export function chat(
  system: string,
  question: string,
  rest: Record<string, unknown> = {},
): RequestSpec {
  const messages = [
    { role: "system", content: system },
    { role: "user", content: question },
  ];
  const body = JSON.stringify({ model: MODEL, messages, ...rest });
  return { path: "/v1/chat/completions", bodyChunks: [body] };
}

export interface Usage {
  prompt: number;
  output: number;
  /** Absent: details are null, as from a vLLM that was not told to give them. */
  cached?: number;
}

function usageJson({ prompt, output, cached }: Usage): object {
  const details = cached === undefined ? null : { cached_tokens: cached };
  return {
    prompt_tokens: prompt,
    completion_tokens: output,
    total_tokens: prompt + output,
    prompt_tokens_details: details,
  };
}

/** An answer in one piece. */
export function jsonAnswer(usage?: Usage, text = "yes"): ResponseSpec {
  const choices = [{ index: 0, message: { role: "assistant", content: text } }];
  const body = { id: "c-1", choices, ...(usage === undefined ? {} : { usage: usageJson(usage) }) };
  return { chunks: [JSON.stringify(body)] };
}

export const EVENTS_HEADER = ["content-type", "text/event-stream; charset=utf-8"] as const;

/** The text of a streamed answer. */
export function eventText(usage?: Usage, words: readonly string[] = ["yes", " sir"]): string {
  const events = words.map((content) =>
    JSON.stringify({ id: "c-1", choices: [{ index: 0, delta: { content } }], usage: null }),
  );
  if (usage !== undefined) {
    events.push(JSON.stringify({ id: "c-1", choices: [], usage: usageJson(usage) }));
  }
  return [...events, "[DONE]"].map((event) => `data: ${event}\n\n`).join("");
}

/** A streamed answer. */
export function eventAnswer(usage?: Usage, words?: readonly string[]): ResponseSpec {
  return { headers: [EVENTS_HEADER], chunks: [eventText(usage, words)] };
}
