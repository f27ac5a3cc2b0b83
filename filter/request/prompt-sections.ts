// What tools, the system prompt and plain prompts do to the hashes of a prompt.
import { PromptDraft } from "./prompt-draft";
import { Owner, TextTarget } from "./prompt-places";

/** Start values of chains, so that no section's hash can stand for another's. */
const TOOLS: u64 = 0x11;
const PROMPT: u64 = 0x12;
const TOKENS: u64 = 0x13;

/** Forgets all tools. */
export function clearTools(draft: PromptDraft): void {
  draft.tools.truncate(0);
  draft.toolsHash = TOOLS;
  draft.toolsBytes = 0;
  draft.toolCount = 0;
}

/** Adds the tool whose value was just hashed. */
export function addTool(draft: PromptDraft): void {
  draft.toolsHash = draft.mix(draft.toolsHash, draft.value.hash);
  draft.toolsBytes += draft.value.bytes;
  draft.toolCount += 1;
  const end = draft.toolsBytes;
  if (draft.tools.isFar(end)) draft.tools.push(draft.toolsHash, end);
}

/** Notes the end of the tools so far. */
export function endTools(draft: PromptDraft): void {
  if (draft.toolCount != 0) draft.tools.pushEnd(draft.toolsHash, draft.toolsBytes);
}

/** Forgets the system prompt. */
export function clearSystem(draft: PromptDraft): void {
  draft.system.truncate(0);
  draft.hasSystem = false;
  draft.systemHash = 0;
  draft.systemBytes = 0;
}

/** Starts the system prompt, a string or a list of parts. */
export function beginSystem(draft: PromptDraft): void {
  clearSystem(draft);
  draft.hasSystem = true;
  draft.owner = Owner.System;
  draft.partCount = 0;
  draft.section.begin(draft.k0, draft.k1, draft.system, 0);
}

/** Notes the end of the system prompt as far as it came. */
export function endSystem(draft: PromptDraft): void {
  draft.owner = Owner.None;
  draft.systemHash = draft.section.digest();
  draft.systemBytes = draft.section.position;
  if (draft.systemBytes != 0) draft.system.pushEnd(draft.systemHash, draft.systemBytes);
}

/** Forgets all messages and prompts. */
export function clearMessages(draft: PromptDraft): void {
  draft.messages.truncate(0);
  draft.owner = Owner.None;
  draft.chain = 0;
  draft.messagesBytes = 0;
  draft.messageCount = 0;
  draft.firstUserHash = 0;
  draft.promptCount = 0;
  draft.promptTokens = 0;
  draft.otherPromptsBytes = 0;
}

/** Starts a prompt or, with `owner` Tokens, a list of token ids; says where its text goes. */
export function beginPrompt(draft: PromptDraft, owner: Owner): TextTarget {
  draft.promptCount += 1;
  if (draft.promptCount > 1) return TextTarget.Count;
  draft.owner = owner;
  draft.section.begin(draft.k0, draft.k1, draft.messages, 0);
  return TextTarget.Section;
}

/** Adds a token id to the prompt that is open. */
export function addToken(draft: PromptDraft, id: u32): void {
  draft.promptTokens += 1;
  if (draft.owner == Owner.Tokens) draft.section.token(id);
  else draft.otherPromptsBytes += 4;
}

/** Ends the first prompt as far as it came; the others have no section. */
export function endPrompt(draft: PromptDraft): void {
  if (draft.owner != Owner.Prompt && draft.owner != Owner.Tokens) return;
  const base = draft.mix(0, draft.owner == Owner.Tokens ? TOKENS : PROMPT);
  draft.owner = Owner.None;
  draft.messagesBytes = draft.section.position;
  draft.messages.mixIn(draft.k0, draft.k1, base, 0);
  draft.chain = draft.mix(base, draft.section.digest());
  draft.firstUserHash = draft.chain;
}
