// Takes the keys of a request body that are not prompt: limits, names, the cache's namespace.
import { isTrue, wholeNumber } from "./json-scalar";
import { PromptDraft } from "./prompt-draft";
import { TopKey } from "./prompt-keys";
import { clearMessages, clearSystem, clearTools } from "./prompt-sections";

/** Forgets what an earlier key of the same name said: of repeated keys the last counts. */
export function clearTop(draft: PromptDraft): void {
  switch (draft.topKey) {
    case TopKey.Messages:
    case TopKey.Prompt:
      return clearMessages(draft);
    case TopKey.Tools:
      return clearTools(draft);
    case TopKey.System:
      return clearSystem(draft);
    case TopKey.Stream:
      draft.isStream = false;
      return;
    case TopKey.MaxTokens:
      draft.maxTokens = 0;
      return;
    case TopKey.MaxCompletionTokens:
      draft.maxCompletionTokens = 0;
      return;
    case TopKey.MaxOutputTokens:
      draft.maxResponseTokens = 0;
      return;
    case TopKey.Model:
      draft.modelStart = 0;
      draft.modelEnd = 0;
      draft.modelBytes = 0;
    default:
      if (draft.topKey >= TopKey.Model) setHash(draft, 0);
      return;
  }
}

/** Takes a number or word under a key of the body. Anything but a plain number is no limit. */
export function setOption(draft: PromptDraft, p: usize, n: u32): void {
  const limit = <u32>max<i64>(wholeNumber(p, n), 0);
  switch (draft.topKey) {
    case TopKey.Stream:
      draft.isStream = isTrue(p, n);
      return;
    case TopKey.MaxTokens:
      draft.maxTokens = limit;
      return;
    case TopKey.MaxCompletionTokens:
      draft.maxCompletionTokens = limit;
      return;
    case TopKey.MaxOutputTokens:
      draft.maxResponseTokens = limit;
      return;
    default:
      return;
  }
}

/** Takes the value under a key of the body that was just hashed. */
export function setTopValue(draft: PromptDraft): void {
  const value = draft.value;
  switch (draft.topKey) {
    case TopKey.Model:
      if (!value.isString) return;
      draft.modelEnd = draft.scanner.consumed;
      break;
    case TopKey.CacheKey:
    case TopKey.User:
      // An empty name would bring all that give one into one conversation.
      if (!value.isString || value.bytes == 0) return;
      break;
    default:
      break;
  }
  // 0 says that the key is absent.
  setHash(draft, max<u64>(value.hash, 1));
}

/**
 * The hash under which vLLM's prefix cache would keep the prompt apart from others' prompts, and,
 * where tenants are told apart, the gateway does.
 */
export function namespaceHash(draft: PromptDraft): u64 {
  let hash = draft.mix(draft.modelHash, draft.salt);
  hash = draft.mix(hash, draft.template);
  hash = draft.mix(hash, draft.templateArguments);
  hash = draft.mix(hash, draft.documents);
  return draft.tenant == 0 ? hash : draft.mix(hash, draft.tenant);
}

/** The least limit that was given; 0 = none. */
export function leastLimit(draft: PromptDraft): u32 {
  let least = draft.maxTokens;
  least = lesser(least, draft.maxCompletionTokens);
  return lesser(least, draft.maxResponseTokens);
}

function lesser(a: u32, b: u32): u32 {
  if (a == 0 || b == 0) return a | b;
  return min(a, b);
}

function setHash(draft: PromptDraft, hash: u64): void {
  switch (draft.topKey) {
    case TopKey.Model:
      draft.modelHash = hash;
      return;
    case TopKey.CacheKey:
      draft.cacheKeyHash = hash;
      return;
    case TopKey.User:
      draft.userHash = hash;
      return;
    case TopKey.Salt:
      draft.salt = hash;
      return;
    case TopKey.Template:
      draft.template = hash;
      return;
    case TopKey.TemplateArguments:
      draft.templateArguments = hash;
      return;
    case TopKey.Documents:
      draft.documents = hash;
      return;
    default:
      return;
  }
}
