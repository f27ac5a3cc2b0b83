// The JSON of vLLM's answers, key by key in its order: chunks of a stream, whole answers, errors.
import type { ApiKind } from "./request.js";

export interface Usage {
  promptTokens: number;
  completionTokens: number;
  /** null: not told (no `--enable-prompt-tokens-details`, or nothing was cached). */
  cachedTokens: number | null;
}

/** vLLM changed its JSON over the years: v0 is about 0.8, v1 about 0.11. */
export type ApiVersion = "v0" | "v1";

export type FinishReason = "stop" | "length";

export interface Choice {
  index: number;
  text: string;
  finishReason: FinishReason;
}

export const DONE_EVENT = "data: [DONE]\n\n";

/** Makes the texts of one answer; what does not change from token to token is made once. */
export class AnswerWire {
  private readonly head: string;

  constructor(
    private readonly kind: ApiKind,
    private readonly version: ApiVersion,
    private readonly id: string,
    private readonly created: number,
    private readonly model: string,
  ) {
    const object = kind === "chat" ? "chat.completion.chunk" : "text_completion";
    this.head =
      `data: {"id":"${id}","object":"${object}","created":${created},` + `"model":${quote(model)},`;
  }

  /** Chat only: the event that names the role. It comes with the first token, after prefill. */
  roleEvent(index: number, usage: Usage | null): string {
    const choice =
      `{"index":${index},"delta":{"role":"assistant","content":""},` +
      `"logprobs":null,"finish_reason":null}`;
    const ids = this.version === "v1" ? `,"prompt_token_ids":null` : "";
    return `${this.head}"choices":[${choice}]${usageField(usage)}${ids}}\n\n`;
  }

  /** One token. `usage` only where the client asked for it with every chunk. */
  tokenEvent(
    index: number,
    text: string,
    finish: FinishReason | null,
    usage: Usage | null,
  ): string {
    const ids = this.version === "v1" ? `,"token_ids":null` : "";
    if (this.kind === "chat") {
      const stop = finish === null ? "" : `,"stop_reason":null`;
      const choice =
        `{"index":${index},"delta":{"content":${quote(text)}},"logprobs":null,` +
        `"finish_reason":${quoteOrNull(finish)}${stop}${ids}}`;
      return `${this.head}"choices":[${choice}]${usageField(usage)}}\n\n`;
    }
    const promptIds = this.version === "v1" ? `,"prompt_token_ids":null` : "";
    const choice =
      `{"index":${index},"text":${quote(text)},"logprobs":null,` +
      `"finish_reason":${quoteOrNull(finish)},"stop_reason":null${promptIds}${ids}}`;
    return `${this.head}"choices":[${choice}],"usage":${usage ? usageJson(usage) : "null"}}\n\n`;
  }

  /** The last event before the end, for `stream_options.include_usage`. */
  usageEvent(usage: Usage): string {
    return `${this.head}"choices":[],"usage":${usageJson(usage)}}\n\n`;
  }

  /** The whole answer, not streamed; `usage` null leaves the key out. */
  body(choices: readonly Choice[], usage: Usage | null): string {
    const isChat = this.kind === "chat";
    const object = isChat ? "chat.completion" : "text_completion";
    const rest = this.version === "v1" ? `,"service_tier":null,"system_fingerprint":null` : "";
    const details = usage && usage.cachedTokens === null ? `,"prompt_tokens_details":null` : "";
    const usageText = usage ? `,"usage":${usageJson(usage).slice(0, -1)}${details}}` : "";
    const chatTail = this.version === "v1" ? `,"prompt_token_ids":null` : "";
    const tail = isChat ? `,"prompt_logprobs":null${chatTail}` : "";
    const transfer = this.version === "v1" ? `,"kv_transfer_params":null` : "";
    const list = choices.map((choice) => this.choiceJson(choice)).join(",");
    return (
      `{"id":"${this.id}","object":"${object}","created":${this.created},` +
      `"model":${quote(this.model)},"choices":[${list}]${rest}${usageText}${tail}${transfer}}`
    );
  }

  private choiceJson(choice: Choice): string {
    const end = `"finish_reason":"${choice.finishReason}","stop_reason":null`;
    if (this.kind === "completions") {
      const ids = this.version === "v1" ? `,"token_ids":null` : "";
      const promptIds = this.version === "v1" ? `,"prompt_token_ids":null` : "";
      return (
        `{"index":${choice.index},"text":${quote(choice.text)},"logprobs":null,${end}${ids},` +
        `"prompt_logprobs":null${promptIds}}`
      );
    }
    const content = `"role":"assistant","content":${quote(choice.text)}`;
    const message =
      this.version === "v1"
        ? `{${content},"refusal":null,"annotations":null,"audio":null,"function_call":null,` +
          `"tool_calls":[],"reasoning_content":null}`
        : `{${content},"reasoning_content":null,"tool_calls":[]}`;
    const ids = this.version === "v1" ? `,"token_ids":null` : "";
    return `{"index":${choice.index},"message":${message},"logprobs":null,${end}${ids}}`;
  }
}

export function errorJson(
  version: ApiVersion,
  status: number,
  type: string,
  message: string,
  param: string | null,
): string {
  const error = { message, type, param, code: status };
  return JSON.stringify(version === "v1" ? { error } : { object: "error", ...error });
}

export function modelsJson(
  models: readonly { id: string; parent: string | null }[],
  created: number,
  maxModelTokens: number,
): string {
  const data = models.map(({ id, parent }) => ({
    id,
    object: "model",
    created,
    owned_by: "vllm",
    root: id,
    parent,
    max_model_len: parent === null ? maxModelTokens : null,
    permission: [],
  }));
  return JSON.stringify({ object: "list", data });
}

function usageJson(usage: Usage): string {
  const { promptTokens, completionTokens, cachedTokens } = usage;
  const details =
    cachedTokens === null ? "" : `,"prompt_tokens_details":{"cached_tokens":${cachedTokens}}`;
  return (
    `{"prompt_tokens":${promptTokens},"total_tokens":${promptTokens + completionTokens},` +
    `"completion_tokens":${completionTokens}${details}}`
  );
}

function usageField(usage: Usage | null): string {
  return usage ? `,"usage":${usageJson(usage)}` : "";
}

function quote(text: string): string {
  return JSON.stringify(text);
}

function quoteOrNull(text: string | null): string {
  return text === null ? "null" : quote(text);
}
