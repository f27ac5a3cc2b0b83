// Reads a request body as it arrives, and says which checkpoints its prompt has.
import { CHECKPOINTS_MAX } from "../prefix/checkpoints";
import { JsonStatus } from "./json-scanner";
import { PromptDraft } from "./prompt-draft";
import { PromptHandler } from "./prompt-handler";
import { RequestKind } from "./prompt-keys";
import { cutMessage } from "./prompt-messages";
import { Owner, ParseStatus } from "./prompt-places";
import { leastLimit, namespaceHash } from "./prompt-options";
import {
  clearMessages,
  clearSystem,
  clearTools,
  endPrompt,
  endSystem,
  endTools,
} from "./prompt-sections";

export { CHECKPOINTS_MAX } from "../prefix/checkpoints";
export { PROMPT_STATE_BYTES } from "./prompt-draft";
export { ParseStatus } from "./prompt-places";
export { RequestKind } from "./prompt-keys";

/** Sets the system prompt apart from tools that would have the same hash. */
const SYSTEM: u64 = 0x31;
const LAST: usize = CHECKPOINTS_MAX - 1;
const HANDLER = new PromptHandler();

/**
 * One prompt, from the first byte of its body to its chain. PROMPT_STATE_BYTES of memory each, of
 * which the fields (see PromptDraft for the results) are only the start; allocates nothing.
 */
@unmanaged
export class PromptState extends PromptDraft {
  /** Prepares for a new body whose hashes are made with the key (k0, k1). */
  reset(kind: RequestKind, k0: u64, k1: u64): void {
    if (<i32>ParseStatus.TooDeep != <i32>JsonStatus.TooDeep) ERROR("feed casts one to the other");
    this.clear();
    this.kind = kind;
    this.k0 = k0;
    this.k1 = k1;
    clearTools(this);
    clearSystem(this);
    clearMessages(this);
  }

  /** Scans the next `n` bytes of the body. */
  feed(p: usize, n: u32): ParseStatus {
    if (this.isFinished) return this.status;
    this.status = <ParseStatus>this.scanner.feed(HANDLER, changetype<usize>(this), p, n);
    return this.status;
  }

  /**
   * Ends the scan: of a body that was cut, the prompt is what came. From now on everything but the
   * chain is known, so that the model can be set before it is built.
   */
  close(): ParseStatus {
    if (this.isFinished) return this.status;
    this.isFinished = true;
    if (this.modelEnd == 0) {
      this.modelStart = 0;
      this.modelBytes = 0;
    }
    this.maxOutputTokens = leastLimit(this);
    this.endOpenSection();
    this.promptBytes =
      this.toolsBytes + this.systemBytes + this.messagesBytes + this.otherPromptsBytes;
    if (this.status > ParseStatus.Complete) return this.status;
    if (this.hasPrompt) this.conversationHash = this.conversation();
    else if (this.status == ParseStatus.Complete) this.status = ParseStatus.NoPrompt;
    return this.status;
  }

  /** Between `close` and `build`: the pod will run this model instead of the one asked for. */
  setModel(name: usize, size: u32): void {
    const value = this.value;
    value.begin(this.k0, this.k1);
    value.textBegin();
    value.text(name, size);
    value.textEnd();
    this.modelHash = max<u64>(value.hash, 1);
  }

  /** After `close`, once: builds the chain. A body that is no JSON, or nests too deep, has none. */
  build(): void {
    if (this.status <= ParseStatus.Complete && this.hasPrompt) this.buildChain();
  }

  /** The u64 hashes of the chain; hash i stands for everything before checkpoint i. */
  hashes(): usize {
    return this.tools.hashes;
  }

  /** The hash of the whole chain; 0 where there is none. */
  get lastHash(): u64 {
    const count = <usize>this.checkpointCount;
    return count > 0 ? load<u64>(this.hashes() + ((count - 1) << 3)) : 0;
  }

  /** For each checkpoint the u32 bytes of prompt from the start of the chain up to it. */
  ends(): usize {
    return this.tools.ends;
  }

  private get hasPrompt(): bool {
    return this.promptBytes != 0 || this.messageCount != 0;
  }

  private endOpenSection(): void {
    endTools(this);
    if (this.owner == Owner.Message) cutMessage(this);
    else if (this.owner == Owner.System) endSystem(this);
    else endPrompt(this);
  }

  /** Puts namespace, tools and system before the messages, whatever their order in the body. */
  private buildChain(): void {
    if (this.messagesBytes != 0 || this.messageCount != 0) {
      this.messages.pushEnd(this.chain, this.messagesBytes);
    }
    let before = namespaceHash(this);
    this.tools.mixIn(this.k0, this.k1, before, 0);
    if (this.toolCount != 0) before = this.mix(before, this.toolsHash);
    if (this.hasSystem) {
      before = this.mix(before, SYSTEM);
      this.system.mixIn(this.k0, this.k1, before, 0);
      before = this.mix(before, this.systemHash);
    }
    this.messages.mixIn(this.k0, this.k1, before, 0);
    this.joinLists();
  }

  /** Moves the shorter lists up against the messages, so that the chain is one array. */
  private joinLists(): void {
    this.system.addToEnds(this.toolsBytes);
    this.messages.addToEnds(this.toolsBytes + this.systemBytes);
    this.system.moveBefore(this.messages);
    this.tools.moveBefore(this.system);
    const count = this.tools.count + this.system.count + this.messages.count;
    this.checkpointCount = min(count, CHECKPOINTS_MAX);
    if (count <= CHECKPOINTS_MAX) return;
    // Too many for one chain: it still ends with the end of the prompt.
    store<u64>(this.hashes() + LAST * 8, load<u64>(this.hashes() + <usize>(count - 1) * 8));
    store<u32>(this.ends() + LAST * 4, load<u32>(this.ends() + <usize>(count - 1) * 4));
  }

  private conversation(): u64 {
    if (this.cacheKeyHash != 0) return this.cacheKeyHash;
    if (this.userHash != 0) return this.userHash;
    return max<u64>(1, this.mix(this.mix(this.toolsHash, this.systemHash), this.firstUserHash));
  }
}
