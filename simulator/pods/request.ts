// Reads the body of a completion request and says, as vLLM would, what is wrong with it.
import type { IncomingMessage } from "node:http";

const BODY_BYTES_MAX = 64 * 1024 * 1024;

export interface ChatPart {
  type?: unknown;
  text?: unknown;
}

export interface ChatMessage {
  role: string;
  content?: string | ChatPart[] | null;
  tool_calls?: unknown;
}

/** A refusal in vLLM's terms. */
export class ApiError extends Error {
  constructor(
    readonly status: number,
    readonly type: string,
    message: string,
    readonly param: string | null = null,
  ) {
    super(message);
  }
}

export type ApiKind = "chat" | "completions";

export interface ApiRequest {
  kind: ApiKind;
  /** null: the client named none and gets the base model. */
  model: string | null;
  /** Chat: one, of messages. Completions: one for each prompt, text or token ids. */
  prompts: readonly (string | number[])[];
  messages: readonly ChatMessage[];
  tools: unknown;
  cacheSalt: string | null;
  /** Answers for each prompt. */
  choices: number;
  /** null: the client set no limit. */
  maxTokens: number | null;
  isStream: boolean;
  includeUsage: boolean;
  continuousUsage: boolean;
}

/** More would only test this process's memory. */
const CHOICES_MAX = 16;
const PROMPTS_MAX = 64;

export async function readBody(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    bytes += chunk.length;
    if (bytes > BODY_BYTES_MAX) throw new ApiError(413, "Payload Too Large", "Payload Too Large");
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString("utf8");
}

export function parseApiRequest(kind: ApiKind, text: string): ApiRequest {
  const body = parseJson(text);
  const streamOptions = isObject(body["stream_options"]) ? body["stream_options"] : {};
  const includeUsage = streamOptions["include_usage"] === true;
  return {
    kind,
    model: typeof body["model"] === "string" ? body["model"] : null,
    prompts: kind === "completions" ? promptsOf(body) : [],
    messages: kind === "chat" ? messagesOf(body) : [],
    tools: body["tools"],
    cacheSalt: typeof body["cache_salt"] === "string" ? body["cache_salt"] : null,
    choices: countOf(body, ["n"], CHOICES_MAX) ?? 1,
    maxTokens: countOf(body, ["max_completion_tokens", "max_tokens"], Number.MAX_SAFE_INTEGER),
    isStream: body["stream"] === true,
    includeUsage,
    continuousUsage: includeUsage && streamOptions["continuous_usage_stats"] === true,
  };
}

function parseJson(text: string): Record<string, unknown> {
  let body: unknown;
  try {
    body = JSON.parse(text);
  } catch {
    const detail =
      "{'type': 'json_invalid', 'loc': ('body', 0), 'msg': 'JSON decode error', 'input': {}, " +
      "'ctx': {'error': 'Expecting value'}}";
    throw new ApiError(400, "Bad Request", `[${detail}]`);
  }
  if (isObject(body)) return body;
  throw invalid("model_attributes_type", "body", "Input should be a valid dictionary");
}

function promptsOf(body: Record<string, unknown>): (string | number[])[] {
  const prompt = body["prompt"];
  if (typeof prompt === "string") return [prompt];
  if (!Array.isArray(prompt) || prompt.length === 0) {
    throw invalid("missing", "prompt", "Field required");
  }
  if (prompt.every((item) => typeof item === "number")) return [prompt];
  const isPrompt = (item: unknown): item is string | number[] =>
    typeof item === "string" ||
    (Array.isArray(item) && item.every((token) => typeof token === "number"));
  if (prompt.length > PROMPTS_MAX || !prompt.every(isPrompt)) {
    throw invalid("string_type", "prompt", "Input should be a valid string");
  }
  return prompt;
}

function messagesOf(body: Record<string, unknown>): ChatMessage[] {
  const messages = body["messages"];
  if (!Array.isArray(messages)) throw invalid("missing", "messages", "Field required");
  for (const message of messages) {
    if (!isObject(message) || typeof message["role"] !== "string") {
      throw invalid("missing", "messages', 'role", "Field required");
    }
    const content = message["content"];
    if (Array.isArray(content) && !content.every(isObject)) {
      throw invalid("dict_type", "messages', 'content", "Input should be a valid dictionary");
    }
  }
  return messages as ChatMessage[];
}

/** The first of the keys that is given, a whole number from 1 to `most`. */
function countOf(body: Record<string, unknown>, keys: string[], most: number): number | null {
  for (const key of keys) {
    const value = body[key];
    if (value === undefined || value === null) continue;
    if (Number.isSafeInteger(value) && (value as number) >= 1 && (value as number) <= most) {
      return value as number;
    }
    const message = `${key} must be at least 1, got ${JSON.stringify(value)}.`;
    throw new ApiError(400, "BadRequestError", message);
  }
  return null;
}

function invalid(type: string, field: string, message: string): ApiError {
  const detail = `{'type': '${type}', 'loc': ('body', '${field}'), 'msg': '${message}'}`;
  return new ApiError(400, "Bad Request", `[${detail}]`);
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
