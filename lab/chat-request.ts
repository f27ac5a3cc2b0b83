// Sends one streamed chat request and measures when its first word arrives.
import { request, type Agent, type IncomingMessage } from "node:http";

/** No answer of a simulated pod takes that long unless something hangs. */
const REQUEST_TIMEOUT_MS = 60_000;
/** An event is a few hundred bytes; a pod that sends more than this without an end is broken. */
const EVENT_BYTES_MAX = 1 << 20;
const ERROR_TEXT_CHARS_MAX = 200;

export interface ChatRequest {
  /** `http://host:port` of the listener. */
  url: string;
  /** One per user, so that each has a connection of its own, as browsers and SDKs do. */
  agent: Agent;
  body: string;
  nowMs: () => number;
  signal: AbortSignal;
}

/** What came back. Times are on the clock of `nowMs`. */
export interface ChatAnswer {
  text: string;
  /** The header `x-warmroute-decision`; empty where there is none. */
  decision: string;
  /** First data event with content; null when none came. */
  firstContentMs: number | null;
  endMs: number;
  /** As the pod reports them in its usage; 0 when it did not. */
  promptTokens: number;
  cachedTokens: number;
  outputTokens: number;
  /** Null when the answer came whole. */
  error: string | null;
}

interface StreamedEvent {
  choices?: { delta?: { content?: string | null } }[];
  usage?: {
    prompt_tokens?: number;
    completion_tokens?: number;
    prompt_tokens_details?: { cached_tokens?: number } | null;
  } | null;
  error?: unknown;
}

/** Never rejects: whatever goes wrong is the answer's `error`. */
export function askChat(options: ChatRequest): Promise<ChatAnswer> {
  return new Promise((resolve) => {
    const answer = new AnswerReader(options.nowMs);
    const settle = (error: string | null) => resolve(answer.finish(error));
    const sent = request(`${options.url}/v1/chat/completions`, {
      method: "POST",
      agent: options.agent,
      headers: {
        "content-type": "application/json",
        "content-length": Buffer.byteLength(options.body),
      },
      signal: AbortSignal.any([options.signal, AbortSignal.timeout(REQUEST_TIMEOUT_MS)]),
    });
    sent.once("error", (error) => settle(error.message));
    sent.once("response", (response) => {
      answer.decision = String(response.headers["x-warmroute-decision"] ?? "");
      readAnswer(response, answer, settle);
    });
    sent.end(options.body);
  });
}

function readAnswer(
  response: IncomingMessage,
  answer: AnswerReader,
  settle: (error: string | null) => void,
): void {
  response.setEncoding("utf8");
  let refusal = "";
  response.on("data", (chunk: string) => {
    if (response.statusCode === 200) answer.feed(chunk);
    else refusal = (refusal + chunk).slice(0, ERROR_TEXT_CHARS_MAX);
  });
  response.once("error", (error) => settle(error.message));
  response.once("end", () => {
    if (response.statusCode === 200) settle(answer.isDone ? null : "the stream ended early");
    else settle(`HTTP ${response.statusCode}: ${refusal}`);
  });
}

/** Reads server-sent events: one JSON object in each `data:` line. */
export class AnswerReader {
  isDone = false;
  /** Set by who has the answer's headers. */
  decision = "";
  readonly #nowMs: () => number;
  readonly #texts: string[] = [];
  #rest = "";
  #firstContentMs: number | null = null;
  #usage = { promptTokens: 0, cachedTokens: 0, outputTokens: 0 };
  #error: string | null = null;

  constructor(nowMs: () => number) {
    this.#nowMs = nowMs;
  }

  feed(chunk: string): void {
    const lines = (this.#rest + chunk).split("\n");
    this.#rest = lines.pop() ?? "";
    if (this.#rest.length > EVENT_BYTES_MAX) this.#error ??= "an event without an end";
    for (const line of lines) {
      if (line.startsWith("data:")) this.#event(line.slice("data:".length).trim());
    }
  }

  finish(error: string | null): ChatAnswer {
    const text = this.#texts.join("");
    const missing = this.#firstContentMs === null ? "an answer without content" : null;
    return {
      text,
      decision: this.decision,
      firstContentMs: this.#firstContentMs,
      endMs: this.#nowMs(),
      ...this.#usage,
      error: error ?? this.#error ?? missing,
    };
  }

  #event(data: string): void {
    if (data === "[DONE]") {
      this.isDone = true;
      return;
    }
    let event: StreamedEvent;
    try {
      event = JSON.parse(data) as StreamedEvent;
    } catch {
      this.#error ??= `an event that is no JSON: ${data.slice(0, ERROR_TEXT_CHARS_MAX)}`;
      return;
    }
    if (event.error !== undefined) this.#error ??= JSON.stringify(event.error);
    const content = event.choices?.[0]?.delta?.content;
    if (typeof content === "string" && content !== "") {
      this.#firstContentMs ??= this.#nowMs();
      this.#texts.push(content);
    }
    if (event.usage === undefined || event.usage === null) return;
    this.#usage = {
      promptTokens: event.usage.prompt_tokens ?? 0,
      cachedTokens: event.usage.prompt_tokens_details?.cached_tokens ?? 0,
      outputTokens: event.usage.completion_tokens ?? 0,
    };
  }
}
