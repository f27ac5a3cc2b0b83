// Parses request bodies for the specs, and prints results so that two of them compare as text.
import {
  PROMPT_STATE_BYTES,
  ParseStatus,
  PromptState,
  RequestKind,
} from "../../../filter/request/prompt-parser";

const K0: u64 = 0x0706050403020100;
const K1: u64 = 0x0f0e0d0c0b0a0908;
/** Behind the state, to see that nothing is written there. */
const GUARD: u64 = 0xa5a5a5a5a5a5a5a5;

export const state = changetype<PromptState>(heap.alloc(PROMPT_STATE_BYTES + 8));
store<u64>(changetype<usize>(state) + PROMPT_STATE_BYTES, GUARD);

/** Parses the bytes, cut at both offsets. */
export function parseBytes(
  kind: RequestKind,
  bytes: ArrayBuffer,
  first: i32,
  second: i32,
): ParseStatus {
  const p = changetype<usize>(bytes);
  state.reset(kind, K0, K1);
  state.feed(p, first);
  state.feed(p + first, second - first);
  state.feed(p + second, bytes.byteLength - second);
  const status = state.close();
  state.build();
  expect(load<u64>(changetype<usize>(state) + PROMPT_STATE_BYTES)).toBe(GUARD);
  return status;
}

/** Parses the body whole. */
export function parse(kind: RequestKind, body: string): ParseStatus {
  return parseBytes(kind, String.UTF8.encode(body), 0, 0);
}

/** Parses a chat body. */
export function chat(body: string): ParseStatus {
  return parse(RequestKind.Chat, body);
}

/** The hashes of the state's chain. */
export function chain(): u64[] {
  const hashes: u64[] = [];
  for (let i: u32 = 0; i < state.checkpointCount; i++) {
    hashes.push(load<u64>(state.hashes() + ((<usize>i) << 3)));
  }
  return hashes;
}

/** The hashes of a chat's chain. */
export function chatChain(body: string): u64[] {
  chat(body);
  return chain();
}

/** The ends of the state's chain, such as "256 512 700". */
export function ends(): string {
  let out = "";
  for (let i: u32 = 0; i < state.checkpointCount; i++) {
    out += (i == 0 ? "" : " ") + load<u32>(state.ends() + ((<usize>i) << 2)).toString();
  }
  return out;
}

/** How many leading hashes are equal. */
export function shared(a: u64[], b: u64[]): i32 {
  let count = 0;
  while (count < a.length && count < b.length && a[count] == b[count]) count++;
  return count;
}

/** All results but the raw range of the model. */
export function summary(): string {
  return (
    `${chain().join(",")} at ${ends()}; ${state.promptBytes} bytes ${state.promptTokens} tokens ` +
    `limit ${state.maxOutputTokens} stream ${state.isStream} model ${state.modelHash} ` +
    `conversation ${state.conversationHash}`
  );
}

/** Expects two bodies of a kind to have the same results. */
export function same(kind: RequestKind, a: string, b: string): void {
  expect(parse(kind, a)).toBe(ParseStatus.Complete, a);
  const expected = summary();
  expect(parse(kind, b)).toBe(ParseStatus.Complete, b);
  expect(summary()).toBe(expected, b);
}

/** Expects two chat bodies to have chains that differ from the first checkpoint on. */
export function apart(a: string, b: string): void {
  expect(shared(chatChain(a), chatChain(b))).toBe(0, a + " and " + b);
}

/** A text of `n` bytes that differs everywhere between seeds. */
export function text(seed: i32, n: i32): string {
  let out = "";
  let x: u32 = seed * 2654435761 + 12345;
  while (out.length < n) {
    x = x * 1664525 + 1013904223;
    out += (x >> 8).toString(36) + " ";
  }
  return out.substr(0, n);
}

/** A message of a chat. */
export function message(role: string, content: string): string {
  return '{"role":"' + role + '","content":"' + content + '"}';
}

/** A chat body with these messages. */
export function chatBody(messages: string[]): string {
  return '{"model":"m","messages":[' + messages.join(",") + "]}";
}
