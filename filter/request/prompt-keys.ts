// Recognises the keys and words of request bodies that decide what makes the prompt.

/** The APIs whose bodies are read, by path. */
export const enum RequestKind {
  Completions = 1,
  Chat = 2,
  Responses = 3,
  Embeddings = 4,
  /** Anthropic's /v1/messages. */
  Messages = 5,
  /** vLLM's /generate. */
  Generate = 6,
}

/** Keys of the body itself. From Salt on they make the namespace of the prefix cache. */
export const enum TopKey {
  Other = 0,
  Messages,
  Prompt,
  Tools,
  System,
  Stream,
  MaxTokens,
  MaxCompletionTokens,
  MaxOutputTokens,
  Model,
  CacheKey,
  User,
  Salt,
  Template,
  TemplateArguments,
  Documents,
}

/** Keys of a message or of a part of its content. Ignored ones make no prompt tokens. */
export const enum ItemKey {
  Other = 0,
  Role,
  Content,
  Text,
  Type,
  Ignored,
}

/** What the "type" of a part says of it. */
export const enum PartKind {
  Untyped = 0,
  Text,
  Media,
  Other,
}

/** Whether `n` bytes at `p` spell `word`, which must be ASCII. */
export function isWord(p: usize, n: i32, word: string): bool {
  if (n != word.length) return false;
  const letters = changetype<usize>(word);
  for (let i = 0; i < n; i++) {
    if (load<u8>(p + i) != load<u16>(letters + ((<usize>i) << 1))) return false;
  }
  return true;
}

/** The key of a body of the given kind. */
export function topKey(kind: RequestKind, p: usize, n: i32): TopKey {
  switch (n) {
    case 4:
      return isWord(p, n, "user") ? TopKey.User : TopKey.Other;
    case 5:
      if (isWord(p, n, "model")) return TopKey.Model;
      if (isWord(p, n, "input")) return inputKey(kind);
      return isWord(p, n, "tools") && hasMessages(kind) ? TopKey.Tools : TopKey.Other;
    case 6:
      if (isWord(p, n, "prompt")) return hasPrompt(kind) ? TopKey.Prompt : TopKey.Other;
      if (isWord(p, n, "stream")) return TopKey.Stream;
      if (kind != RequestKind.Messages) return TopKey.Other;
      return isWord(p, n, "system") ? TopKey.System : TopKey.Other;
    case 8:
      if (kind == RequestKind.Responses || !hasMessages(kind)) return TopKey.Other;
      return isWord(p, n, "messages") ? TopKey.Messages : TopKey.Other;
    case 9:
      return isWord(p, n, "documents") ? TopKey.Documents : TopKey.Other;
    case 10:
      if (isWord(p, n, "max_tokens")) return TopKey.MaxTokens;
      return isWord(p, n, "cache_salt") ? TopKey.Salt : TopKey.Other;
    case 12:
      if (kind != RequestKind.Responses) return TopKey.Other;
      return isWord(p, n, "instructions") ? TopKey.System : TopKey.Other;
    case 13:
      return isWord(p, n, "chat_template") ? TopKey.Template : TopKey.Other;
    case 16:
      return isWord(p, n, "prompt_cache_key") ? TopKey.CacheKey : TopKey.Other;
    case 17:
      return isWord(p, n, "max_output_tokens") ? TopKey.MaxOutputTokens : TopKey.Other;
    case 20:
      return isWord(p, n, "chat_template_kwargs") ? TopKey.TemplateArguments : TopKey.Other;
    case 21:
      return isWord(p, n, "max_completion_tokens") ? TopKey.MaxCompletionTokens : TopKey.Other;
    default:
      return TopKey.Other;
  }
}

/** The key of a message, or of an item of a Responses input. */
export function messageKey(kind: RequestKind, p: usize, n: i32): ItemKey {
  if (isWord(p, n, "role")) return ItemKey.Role;
  if (isWord(p, n, "content")) return ItemKey.Content;
  if (isWord(p, n, "cache_control")) return ItemKey.Ignored;
  if (kind != RequestKind.Responses) return ItemKey.Other;
  // Answers that are sent back as input carry these; the template prints none of them.
  if (isWord(p, n, "id") || isWord(p, n, "status")) return ItemKey.Ignored;
  return isWord(p, n, "type") ? ItemKey.Type : ItemKey.Other;
}

/** The key of a part of a content. */
export function partKey(p: usize, n: i32): ItemKey {
  if (isWord(p, n, "text")) return ItemKey.Text;
  if (isWord(p, n, "type")) return ItemKey.Type;
  return isWord(p, n, "cache_control") ? ItemKey.Ignored : ItemKey.Other;
}

/** The kind of a part by its type: text in all dialects, pictures and sound, or anything else. */
export function partKind(p: usize, n: i32): PartKind {
  if (isWord(p, n, "text") || isWord(p, n, "input_text") || isWord(p, n, "output_text")) {
    return PartKind.Text;
  }
  if (n > 6 && isWord(p, 6, "input_")) {
    p += 6;
    n -= 6;
  }
  const isMedia =
    n >= 5 && (isWord(p, 5, "image") || isWord(p, 5, "audio") || isWord(p, 5, "video"));
  return isMedia ? PartKind.Media : PartKind.Other;
}

function hasMessages(kind: RequestKind): bool {
  return kind == RequestKind.Chat || kind == RequestKind.Responses || kind == RequestKind.Messages;
}

function hasPrompt(kind: RequestKind): bool {
  return kind == RequestKind.Completions || kind == RequestKind.Generate;
}

function inputKey(kind: RequestKind): TopKey {
  if (kind == RequestKind.Responses) return TopKey.Messages;
  return kind == RequestKind.Embeddings ? TopKey.Prompt : TopKey.Other;
}
