// The memory of one prompt while its body arrives: results, working fields, and the parts behind.
import { CHECKPOINTS_MAX, CheckpointList } from "../prefix/checkpoints";
import { mix } from "../prefix/siphash";
import { JsonScanner } from "./json-scanner";
import { ItemKey, PartKind, RequestKind, TopKey } from "./prompt-keys";
import { Owner, ParseStatus, Place, TextTarget } from "./prompt-places";
import { STRUCTURAL_HASH_BYTES, StructuralHash } from "./structural-hash";
import { TextSection } from "./text-section";

/** Ends of tools; agents bring some dozens of tools. */
const TOOLS_CHECKPOINTS_MAX: u32 = 128;
/** The grid of a system prompt of 16 MiB. */
const SYSTEM_CHECKPOINTS_MAX: u32 = 160;
const CHECKPOINTS_KEPT: u32 = TOOLS_CHECKPOINTS_MAX + SYSTEM_CHECKPOINTS_MAX + CHECKPOINTS_MAX;

/** Longest name of a model that can be known, as in docs/table-format.md. */
export const MODEL_NAME_BYTES_MAX: u32 = 256;

/** Words that are compared have at most 11 bytes ("input_audio", "output_text"). */
const WORD_BYTES_MAX: u32 = 16;

/** Plain data; prompt-sections.ts says what happens to it. */
@unmanaged
export class PromptDraft {
  /** Checkpoints of the chain, at most CHECKPOINTS_MAX; 0 until finished. */
  checkpointCount: u32;
  /** Decoded bytes of all that makes prompt tokens: every prompt of a list, tools, messages. */
  promptBytes: u32;
  /** How many token ids the prompt has when it is given as such, else 0. */
  promptTokens: u32;
  /** The least of the limits given for the answer; 0 = none given. */
  maxOutputTokens: u32;
  /** Keyed hash of the model's name; 0 = absent or not a string. */
  modelHash: u64;
  /** The range of the body that holds the model's name with its quotes; 0, 0 when absent. */
  modelStart: u32;
  modelEnd: u32;
  /** Decoded bytes of that name, of which `modelName` holds at most MODEL_NAME_BYTES_MAX. */
  modelBytes: u32;
  /** The same for all requests of one conversation; 0 = there is no prompt. */
  conversationHash: u64;
  isStream: bool;

  /** The keys of all hashes. */
  k0: u64;
  k1: u64;
  kind: RequestKind;
  status: ParseStatus;
  isFinished: bool;
  place: Place;
  /** Where the scan goes on after a Value or Skipped, and the depth at which the latter ends. */
  placeAfter: Place;
  depthAfter: u32;
  topKey: TopKey;
  itemKey: ItemKey;
  textTarget: TextTarget;
  owner: Owner;
  /** The start of the string value that was scanned last, and its whole length. */
  private word0: u64;
  private word1: u64;
  wordBytes: u32;

  cacheKeyHash: u64;
  userHash: u64;
  /** Hashes of the namespace keys, from TopKey.Salt on; 0 = absent. */
  salt: u64;
  template: u64;
  templateArguments: u64;
  documents: u64;
  /** Sets prompts of one tenant apart, set from outside before the chain is built; 0 = none. */
  tenant: u64;
  maxTokens: u32;
  maxCompletionTokens: u32;
  maxResponseTokens: u32;

  toolsHash: u64;
  toolsBytes: u32;
  toolCount: u32;
  hasSystem: bool;
  systemHash: u64;
  systemBytes: u32;

  /** The hash of all closed messages, and their bytes; of a prompt, once it ends. */
  chain: u64;
  messagesBytes: u32;
  messageCount: u32;
  firstUserHash: u64;
  /** Lists of prompts: how many began, and the bytes of all but the first. */
  promptCount: u32;
  otherPromptsBytes: u32;

  /** The open message. */
  messageFirst: u32;
  roleHash: u64;
  isUser: bool;
  hasContent: bool;
  messageTypeHash: u64;
  itemKeyHash: u64;
  itemKeyBytes: u32;
  membersHash: u64;
  membersBytes: u32;

  /** The open part of a content, and the list's length when it began. */
  partCount: u32;
  partKind: PartKind;
  partHasText: bool;
  partTypeHash: u64;
  partMembersHash: u64;
  partMembersBytes: u32;
  partFirst: u32;

  @inline get scanner(): JsonScanner {
    return changetype<JsonScanner>(changetype<usize>(this) + SCANNER_AT);
  }

  @inline get value(): StructuralHash {
    return changetype<StructuralHash>(changetype<usize>(this) + VALUE_AT);
  }

  @inline get section(): TextSection {
    return changetype<TextSection>(changetype<usize>(this) + SECTION_AT);
  }

  /** The section as it was when the open part began. */
  @inline get sectionBefore(): TextSection {
    return changetype<TextSection>(changetype<usize>(this) + SECTION_BEFORE_AT);
  }

  @inline get tools(): CheckpointList {
    return changetype<CheckpointList>(changetype<usize>(this) + LISTS_AT);
  }

  @inline get system(): CheckpointList {
    return changetype<CheckpointList>(
      changetype<usize>(this) + LISTS_AT + offsetof<CheckpointList>(),
    );
  }

  @inline get messages(): CheckpointList {
    return changetype<CheckpointList>(
      changetype<usize>(this) + LISTS_AT + 2 * offsetof<CheckpointList>(),
    );
  }

  /** Forgets everything; the three lists lie one behind the other, in the order of the chain. */
  protected clear(): void {
    memory.fill(changetype<usize>(this), 0, offsetof<PromptDraft>());
    this.scanner.reset();
    const hashes = changetype<usize>(this) + HASHES_AT;
    const ends = changetype<usize>(this) + ENDS_AT;
    this.tools.reset(hashes, ends, TOOLS_CHECKPOINTS_MAX);
    const first: usize = TOOLS_CHECKPOINTS_MAX;
    this.system.reset(hashes + (first << 3), ends + (first << 2), SYSTEM_CHECKPOINTS_MAX);
    const next = first + SYSTEM_CHECKPOINTS_MAX;
    this.messages.reset(hashes + (next << 3), ends + (next << 2), CHECKPOINTS_MAX);
  }

  /** Where the start of the last string value lies. */
  @inline get word(): usize {
    return changetype<usize>(this) + offsetof<PromptDraft>("word0");
  }

  /** Keeps the start of a string value. */
  keepWord(p: usize, n: u32): void {
    const kept = this.wordBytes;
    this.wordBytes = kept + n;
    if (kept < WORD_BYTES_MAX) memory.copy(this.word + kept, p, min(n, WORD_BYTES_MAX - kept));
  }

  /** The decoded model's name, or its start. */
  @inline get modelName(): usize {
    return changetype<usize>(this) + NAME_AT;
  }

  /** Bytes of it that are kept. */
  @inline get modelNameSize(): u32 {
    return min(this.modelBytes, MODEL_NAME_BYTES_MAX);
  }

  /** Keeps the start of the model's name. */
  keepName(p: usize, n: u32): void {
    const kept = this.modelNameSize;
    memory.copy(this.modelName + kept, p, min(n, MODEL_NAME_BYTES_MAX - kept));
    // A name is no longer than its body, so this cannot overflow.
    this.modelBytes += n;
  }

  /** The hash of two hashes under this prompt's key. */
  mix(a: u64, b: u64): u64 {
    return mix(this.k0, this.k1, a, b);
  }
}

// Each part begins where the one before ends, on a multiple of 16.
const ALIGN: usize = 15;
const SCANNER_AT: usize = (offsetof<PromptDraft>() + ALIGN) & ~ALIGN;
const VALUE_AT: usize = (SCANNER_AT + offsetof<JsonScanner>() + ALIGN) & ~ALIGN;
const SECTION_AT: usize = (VALUE_AT + STRUCTURAL_HASH_BYTES + ALIGN) & ~ALIGN;
const SECTION_BEFORE_AT: usize = (SECTION_AT + offsetof<TextSection>() + ALIGN) & ~ALIGN;
const LISTS_AT: usize = (SECTION_BEFORE_AT + offsetof<TextSection>() + ALIGN) & ~ALIGN;
const HASHES_AT: usize = (LISTS_AT + 3 * offsetof<CheckpointList>() + ALIGN) & ~ALIGN;
const ENDS_AT: usize = HASHES_AT + 8 * CHECKPOINTS_KEPT;
const NAME_AT: usize = ENDS_AT + 4 * CHECKPOINTS_KEPT;

/** Memory that one prompt needs; its fields are only the start of it. */
export const PROMPT_STATE_BYTES: usize = NAME_AT + MODEL_NAME_BYTES_MAX;
