// Prompts as bytes: the text of a named content, and the JSON body of a request.
import { Random } from "../workloads/random.js";
import { BYTES_PER_TOKEN, words } from "../workloads/text.js";
import { isStreamed, type Message, type TrafficRequest } from "./traffic.js";

/** Contents are cut from one long text; each begins with its name, so no two begin alike. */
const POOL_TOKENS = 65_536;
const POOL_SEED = 1;
const OFFSET_MULTIPLIER = 0x9e3779b1;

let pool: string | null = null;

/** The text of a content: `tokens` × 4 bytes of ASCII that JSON needs no escapes for. */
export function contentText(id: number, tokens: number): string {
  pool ??= words(Random.from(POOL_SEED), POOL_TOKENS);
  const bytes = tokens * BYTES_PER_TOKEN;
  const name = `${id.toString(36)}: `;
  const parts = [name];
  // A long content goes round the pool, each time from another place.
  for (let written = name.length, round = 0; written < bytes; round++) {
    const hash = Math.imul(id + round * 7919, OFFSET_MULTIPLIER) >>> 0;
    const part = pool.slice(hash % (pool.length / 2)).slice(0, bytes - written);
    parts.push(part);
    written += part.length;
  }
  return parts.join("").slice(0, bytes);
}

/** A chat request; a stream asks for usage, as the published benchmark's client does. */
export function chatBody(request: TrafficRequest): string {
  const tools = request.messages.filter(({ role }) => role === "tools").map(toolText);
  const messages = request.messages.filter(({ role }) => role !== "tools").map(messageText);
  const parts = [
    `"model":"${request.adapter ?? "demo"}"`,
    ...(tools.length > 0 ? [`"tools":[${tools.join(",")}]`] : []),
    `"messages":[${messages.join(",")}]`,
    isStreamed(request)
      ? `"stream":true,"stream_options":{"include_usage":true}`
      : `"stream":false`,
  ];
  return `{${parts.join(",")}}`;
}

function toolText({ id, tokens }: Message): string {
  const description = `"description":"${contentText(id, tokens)}"`;
  return `{"type":"function","function":{"name":"tool_${id}",${description}}}`;
}

function messageText({ role, id, tokens }: Message): string {
  const text = contentText(id, tokens);
  if (role === "tool") return `{"role":"tool","tool_call_id":"call_${id - 1}","content":"${text}"}`;
  if (role !== "call") return `{"role":"${role}","content":"${text}"}`;
  const call = `{"name":"run","arguments":"{\\"input\\":\\"${text}\\"}"}`;
  const calls = `[{"id":"call_${id}","type":"function","function":${call}}]`;
  return `{"role":"assistant","content":null,"tool_calls":${calls}}`;
}
