// What messages and the parts of their contents do to the hashes of a prompt.
import { CheckpointList } from "../prefix/checkpoints";
import { PromptDraft } from "./prompt-draft";
import { ItemKey, PartKind, isWord, partKind } from "./prompt-keys";
import { Owner } from "./prompt-places";
import { TextSection } from "./text-section";

/** Tells the end of a message from a longer message with the same start. */
const MESSAGE_END: u64 = 0x14;

/** The word "user". */
const USER: usize = memory.data<u8>([0x75, 0x73, 0x65, 0x72]);
/** A picture or a recording makes about 1,000 tokens, however many bytes it has in the body. */
const MEDIA_PART_BYTES: u32 = 4096;

/** Starts a message. */
export function beginMessage(draft: PromptDraft): void {
  draft.owner = Owner.Message;
  draft.messageFirst = draft.messages.count;
  draft.roleHash = 0;
  draft.isUser = false;
  draft.hasContent = false;
  draft.messageTypeHash = 0;
  draft.membersHash = 0;
  draft.membersBytes = 0;
  draft.partCount = 0;
  draft.section.begin(draft.k0, draft.k1, draft.messages, draft.messagesBytes);
}

/** Gives the message the role that a plain string as input has. */
export function setUser(draft: PromptDraft): void {
  const role = draft.value;
  role.begin(draft.k0, draft.k1);
  role.textBegin();
  role.text(USER, 4);
  role.textEnd();
  draft.roleHash = role.hash;
  draft.isUser = true;
}

/** A key of the message came: should it be the second of its name, the first counts no more. */
export function clearMember(draft: PromptDraft): void {
  switch (draft.itemKey) {
    case ItemKey.Content:
      return clearContent(draft);
    case ItemKey.Role:
      draft.roleHash = 0;
      draft.isUser = false;
      return;
    case ItemKey.Type:
      draft.messageTypeHash = 0;
      return;
    default:
      return;
  }
}

/** The same for a key of the open part. */
export function clearPartMember(draft: PromptDraft): void {
  if (draft.itemKey == ItemKey.Text) return clearPartText(draft);
  if (draft.itemKey != ItemKey.Type) return;
  draft.partTypeHash = 0;
  draft.partKind = PartKind.Untyped;
}

function clearContent(draft: PromptDraft): void {
  if (draft.hasContent) {
    draft.messages.truncate(draft.messageFirst);
    draft.section.begin(draft.k0, draft.k1, draft.messages, draft.messagesBytes);
  }
  draft.hasContent = true;
  draft.partCount = 0;
}

/**
 * Ends a message. Its checkpoints now get what precedes it and its role; only its end gets the
 * other members, so that a prefix inside a message does not depend on what follows.
 */
export function endMessage(draft: PromptDraft): void {
  const base = beforeMessage(draft);
  const content = draft.section.digest();
  const members = draft.messageTypeHash + draft.membersHash;
  const body = draft.mix(content, members);
  draft.owner = Owner.None;
  draft.messageCount += 1;
  draft.chain = draft.mix(base, draft.mix(body, MESSAGE_END));
  // With all that precedes it: a chat's system prompt is a message like others.
  if (draft.isUser && draft.firstUserHash == 0) draft.firstUserHash = draft.chain;
  draft.messagesBytes += draft.section.position + draft.membersBytes;
  const end = draft.messagesBytes;
  if (draft.messages.isFar(end)) draft.messages.push(draft.chain, end);
}

/** Ends a message that the end of what was scanned cut: as a prefix, with the role so far. */
export function cutMessage(draft: PromptDraft): void {
  const base = beforeMessage(draft);
  const content = draft.section.digest();
  draft.owner = Owner.None;
  draft.chain = draft.mix(base, content);
  if (draft.firstUserHash == 0) draft.firstUserHash = draft.chain;
  draft.messagesBytes += draft.section.position;
}

function beforeMessage(draft: PromptDraft): u64 {
  const base = draft.mix(draft.chain, draft.roleHash);
  draft.messages.mixIn(draft.k0, draft.k1, base, draft.messageFirst);
  return base;
}

/** Starts a part of a content: an object, or a plain string in the list. */
export function beginPart(draft: PromptDraft): void {
  if (draft.partCount != 0) draft.section.separate();
  draft.partCount += 1;
  draft.partKind = PartKind.Untyped;
  draft.partHasText = false;
  draft.partTypeHash = 0;
  draft.partMembersHash = 0;
  draft.partMembersBytes = 0;
  draft.partFirst = list(draft).count;
  copySection(draft.sectionBefore, draft.section);
}

function clearPartText(draft: PromptDraft): void {
  if (!draft.partHasText) return;
  draft.partHasText = false;
  copySection(draft.section, draft.sectionBefore);
  list(draft).truncate(draft.partFirst);
}

/** Ends a part. Of a text only the text counts, so that it equals a content that is a string. */
export function endPart(draft: PromptDraft): void {
  const kind = draft.partKind;
  if (kind == PartKind.Text || (kind == PartKind.Untyped && draft.partHasText)) return;
  const bytes = kind == PartKind.Media ? MEDIA_PART_BYTES : draft.partMembersBytes;
  draft.section.part(draft.mix(draft.partTypeHash, draft.partMembersHash), bytes);
}

/** Adds the value that was just hashed to the message or to its open part. */
export function addMember(draft: PromptDraft, isPart: bool): void {
  const hash = draft.value.hash;
  const word = draft.word;
  if (draft.itemKey == ItemKey.Role) {
    draft.roleHash = hash;
    draft.isUser = draft.value.isString && isWord(word, draft.wordBytes, "user");
  } else if (draft.itemKey == ItemKey.Type && isPart) {
    draft.partTypeHash = hash;
    draft.partKind = draft.value.isString ? partKind(word, draft.wordBytes) : PartKind.Other;
  } else if (draft.itemKey == ItemKey.Type) {
    // The type of an item of a Responses input; "message" is what it is without.
    const isMessage = draft.value.isString && isWord(word, draft.wordBytes, "message");
    draft.messageTypeHash = isMessage ? 0 : hash;
  } else {
    const member = draft.mix(draft.itemKeyHash, hash);
    const bytes = draft.itemKeyBytes + draft.value.bytes;
    if (isPart) {
      draft.partMembersHash += member;
      draft.partMembersBytes += bytes;
    } else {
      draft.membersHash += member;
      draft.membersBytes += bytes;
    }
  }
}

function list(draft: PromptDraft): CheckpointList {
  return draft.owner == Owner.System ? draft.system : draft.messages;
}

function copySection(to: TextSection, from: TextSection): void {
  memory.copy(changetype<usize>(to), changetype<usize>(from), offsetof<TextSection>());
}
