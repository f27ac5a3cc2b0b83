// Which keys mean what in which API.
import {
  ItemKey,
  PartKind,
  RequestKind,
  TopKey,
  isWord,
  messageKey,
  partKey,
  partKind,
  topKey,
} from "../../../filter/request/prompt-keys";

function top(kind: RequestKind, key: string): TopKey {
  const bytes = String.UTF8.encode(key);
  return topKey(kind, changetype<usize>(bytes), bytes.byteLength);
}
function inMessage(kind: RequestKind, key: string): ItemKey {
  const bytes = String.UTF8.encode(key);
  return messageKey(kind, changetype<usize>(bytes), bytes.byteLength);
}
function inPart(key: string): ItemKey {
  const bytes = String.UTF8.encode(key);
  return partKey(changetype<usize>(bytes), bytes.byteLength);
}
function kindOf(type: string): PartKind {
  const bytes = String.UTF8.encode(type);
  return partKind(changetype<usize>(bytes), bytes.byteLength);
}

/** What a key means in completions, chat, responses, embeddings, messages, generate. */
function means(key: string, expected: TopKey[]): void {
  for (let i = 0; i < 6; i++) {
    expect(top(<RequestKind>(i + 1), key)).toBe(expected[i], key + " " + i.toString());
  }
}
function always(key: string, expected: TopKey): void {
  means(key, [expected, expected, expected, expected, expected, expected]);
}

const NO = TopKey.Other;

describe("a key of the body", () => {
  test("is read where its API has it", () => {
    means("prompt", [TopKey.Prompt, NO, NO, NO, NO, TopKey.Prompt]);
    means("messages", [NO, TopKey.Messages, NO, NO, TopKey.Messages, NO]);
    means("input", [NO, NO, TopKey.Messages, TopKey.Prompt, NO, NO]);
    means("tools", [NO, TopKey.Tools, TopKey.Tools, NO, TopKey.Tools, NO]);
    means("system", [NO, NO, NO, NO, TopKey.System, NO]);
    means("instructions", [NO, NO, TopKey.System, NO, NO, NO]);
  });

  test("is read everywhere when it is no part of the prompt", () => {
    always("model", TopKey.Model);
    always("stream", TopKey.Stream);
    always("max_tokens", TopKey.MaxTokens);
    always("max_completion_tokens", TopKey.MaxCompletionTokens);
    always("max_output_tokens", TopKey.MaxOutputTokens);
    always("prompt_cache_key", TopKey.CacheKey);
    always("user", TopKey.User);
    always("cache_salt", TopKey.Salt);
    always("chat_template", TopKey.Template);
    always("chat_template_kwargs", TopKey.TemplateArguments);
    always("documents", TopKey.Documents);
  });

  test("is nothing when it is spelled otherwise", () => {
    const odd = [
      "",
      "Model",
      "mode",
      "models",
      "max_token",
      "max_tokenz",
      "USER",
      "prompt_cache_kez",
    ];
    for (let i = 0; i < odd.length; i++) always(odd[i], NO);
    expect(topKey(RequestKind.Chat, 0, -1)).toBe(NO);
  });
});

describe("a key of a message", () => {
  test("is ignored when no template prints it", () => {
    expect(inMessage(RequestKind.Chat, "role")).toBe(ItemKey.Role);
    expect(inMessage(RequestKind.Chat, "content")).toBe(ItemKey.Content);
    expect(inMessage(RequestKind.Chat, "cache_control")).toBe(ItemKey.Ignored);
    expect(inMessage(RequestKind.Chat, "id")).toBe(ItemKey.Other);
    expect(inMessage(RequestKind.Chat, "type")).toBe(ItemKey.Other);
    expect(inMessage(RequestKind.Responses, "id")).toBe(ItemKey.Ignored);
    expect(inMessage(RequestKind.Responses, "status")).toBe(ItemKey.Ignored);
    expect(inMessage(RequestKind.Responses, "type")).toBe(ItemKey.Type);
    expect(inMessage(RequestKind.Responses, "call_id")).toBe(ItemKey.Other);
  });
});

describe("a part", () => {
  test("has text, a type and other members", () => {
    expect(inPart("text")).toBe(ItemKey.Text);
    expect(inPart("type")).toBe(ItemKey.Type);
    expect(inPart("cache_control")).toBe(ItemKey.Ignored);
    expect(inPart("image_url")).toBe(ItemKey.Other);
  });

  test("is text, media or something else by its type", () => {
    const texts = ["text", "input_text", "output_text"];
    const media = ["image_url", "image", "input_image", "input_audio", "audio_url", "video_url"];
    const other = [
      "",
      "tex",
      "texts",
      "tool_use",
      "thinking",
      "refusal",
      "input_",
      "input_file",
      "imag",
    ];
    for (let i = 0; i < texts.length; i++) expect(kindOf(texts[i])).toBe(PartKind.Text, texts[i]);
    for (let i = 0; i < media.length; i++) expect(kindOf(media[i])).toBe(PartKind.Media, media[i]);
    for (let i = 0; i < other.length; i++) expect(kindOf(other[i])).toBe(PartKind.Other, other[i]);
  });
});

describe("a word", () => {
  test("is the same bytes and the same length", () => {
    const bytes = String.UTF8.encode("users");
    const p = changetype<usize>(bytes);
    expect(isWord(p, 4, "user")).toBe(true);
    expect(isWord(p, 5, "user")).toBe(false);
    expect(isWord(p, 5, "userz")).toBe(false);
    expect(isWord(p, 0, "")).toBe(true);
    expect(isWord(p, -1, "")).toBe(false);
  });
});
