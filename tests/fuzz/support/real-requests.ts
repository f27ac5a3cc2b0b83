// Requests as the clients in use write them: what is mutated.
import type { Api } from "./reading.js";

export interface RealRequest {
  api: Api;
  body: string;
}

const TOOL = {
  type: "function",
  function: {
    name: "get_weather",
    description: "The weather of a city.",
    parameters: {
      type: "object",
      properties: { city: { type: "string", enum: ["Berlin", "Köln"] }, days: { type: "integer" } },
      required: ["city"],
    },
  },
};
const CALL = {
  id: "call_1",
  type: "function",
  function: { name: "get_weather", arguments: '{"city": "Köln"}' },
};
const PICTURE = "data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJ".repeat(4);

/** Python's json.dumps: spaces behind comma and colon, all but ASCII escaped. */
function python(value: unknown): string {
  const escape = (c: string): string => `\\u${c.charCodeAt(0).toString(16).padStart(4, "0")}`;
  return JSON.stringify(value, null, 1)
    .replace(/\n */g, " ")
    .replace(/[\u0080-\uffff]/g, escape);
}

const CHAT = {
  messages: [
    { role: "system", content: "You are a helpful assistant. Antworte auf Deutsch. 日本語も." },
    { role: "user", content: "Wie ist das Wetter in Köln? 🙂" },
    { role: "assistant", content: null, tool_calls: [CALL] },
    { role: "tool", tool_call_id: "call_1", content: '{"temperature": 21.5, "sky": "clear"}' },
  ],
  model: "qwen",
  max_completion_tokens: 512,
  stream: true,
  stream_options: { include_usage: true },
  tools: [TOOL],
  tool_choice: "auto",
};
const PARTS = {
  model: "org/vision",
  messages: [
    {
      role: "user",
      content: [
        { type: "text", text: "What is in this picture?\nBe brief." },
        { type: "image_url", image_url: { url: PICTURE, detail: "low" } },
      ],
    },
  ],
  temperature: 0.2,
  logit_bias: { "50256": -100 },
};
const ANTHROPIC = {
  model: "alias-1",
  max_tokens: 1024,
  system: [{ type: "text", text: "Be brief.", cache_control: { type: "ephemeral" } }],
  messages: [
    { role: "user", content: "Hello" },
    { role: "assistant", content: [{ type: "tool_use", id: "t1", name: "f", input: { a: 1 } }] },
    { role: "user", content: [{ type: "tool_result", tool_use_id: "t1", content: "15 °C" }] },
  ],
  stream: true,
};
const RESPONSES = {
  model: "m",
  instructions: "You write code.",
  input: [
    { role: "user", content: [{ type: "input_text", text: "Reverse a list in C." }] },
    { type: "reasoning", id: "rs_1", summary: [] },
    {
      type: "message",
      id: "msg_1",
      status: "completed",
      role: "assistant",
      content: [{ type: "output_text", text: "void reverse();", annotations: [] }],
    },
    { type: "function_call_output", call_id: "c1", output: "ok" },
  ],
  prompt_cache_key: "user-17",
  max_output_tokens: 300,
};
const COMPLETION = { model: "m", prompt: ["Once upon a time", "The end."], max_tokens: 16, n: 1 };
const IDS = { model: "m", prompt: [1, 2, 3, 45, 678, 91011], stream: false };
const EMBEDDING = { input: ["first text", "second text"], model: "e5", encoding_format: "float" };
const GENERATE = { prompt: "San Francisco is a", temperature: 0, max_tokens: 100, stream: true };

export const REAL_REQUESTS: readonly RealRequest[] = (
  [
    ["chat", CHAT],
    ["chat", PARTS],
    ["messages", ANTHROPIC],
    ["responses", RESPONSES],
    ["responses", { model: "m", input: "Say “hi”." }],
    ["completions", COMPLETION],
    ["completions", IDS],
    ["embeddings", EMBEDDING],
    ["generate", GENERATE],
  ] as const
).flatMap(([api, value]) =>
  [JSON.stringify(value), python(value), JSON.stringify(value, null, 2)].map((text) => ({
    api,
    body: Buffer.from(text, "utf8").toString("latin1"),
  })),
);
