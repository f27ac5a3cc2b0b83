// What a request body says, read from its tree by the documented rules: the model, and the chain of
// checkpoints of its prompt. Shares no code with the filter, which reads in one pass without it.
import {
  type Checkpoint,
  Checkpoints,
  type Hash,
  mixed,
  notZero,
  plus,
  Section,
  word,
} from "./chain.js";
import type { ListNode, Member, Node, ObjectNode, TextNode } from "./json-reader.js";
import { hashValue, isWord, keyHash } from "./value-hash.js";

export type Api = "chat" | "completions" | "responses" | "embeddings" | "messages" | "generate";

export interface Reading {
  /** Null where it is absent, or no string. */
  model: TextNode | null;
  checkpoints: Checkpoint[];
  promptBytes: number;
  /** Token ids in the prompt. */
  tokenCount: number;
}

const TOOLS_MAX = 128;
const SYSTEM_MAX = 160;
const CHAIN_MAX = 512;
const MEDIA_BYTES = 4096;
const NONE = word(0);
const PARTED = Uint8Array.of(0xff);

/** The keys that a body of an API has its prompt under. */
const KEYS: Record<Api, { messages?: string; prompt?: string; system?: string }> = {
  chat: { messages: "messages" },
  messages: { messages: "messages", system: "system" },
  responses: { messages: "input", system: "instructions" },
  completions: { prompt: "prompt" },
  generate: { prompt: "prompt" },
  embeddings: { prompt: "input" },
};

function isKey(key: Uint8Array, name: string | undefined): boolean {
  return name !== undefined && isWord(key, name);
}

/** Of repeated keys the last counts. */
function last(members: readonly Member[], name: string | undefined): Node | undefined {
  return members.findLast(({ key }) => isKey(key, name))?.value;
}

function isNull(node: Node | undefined): boolean {
  return node === undefined || (node.kind === "word" && node.text === "null");
}

export function read(api: Api, root: Node): Reading {
  return new PromptReader(api).read(root.kind === "object" ? root.members : []);
}

class PromptReader {
  private readonly tools = new Checkpoints(TOOLS_MAX);
  private readonly system = new Checkpoints(SYSTEM_MAX);
  private readonly messages = new Checkpoints(CHAIN_MAX);
  private toolsHash: Hash = word(0x11);
  private toolsBytes = 0;
  private toolCount = 0;
  private systemHash: Hash | null = null;
  private systemBytes = 0;
  private chain: Hash = NONE;
  private messagesBytes = 0;
  private messageCount = 0;
  private otherBytes = 0;
  private tokenCount = 0;

  constructor(private readonly api: Api) {}

  read(members: readonly Member[]): Reading {
    const keys = KEYS[this.api];
    const model = last(members, "model");
    if (keys.messages !== undefined) {
      this.readTools(last(members, "tools"));
      this.readMessages(last(members, keys.messages));
    }
    if (keys.system !== undefined) this.readSystem(last(members, keys.system));
    if (keys.prompt !== undefined) this.readPrompt(last(members, keys.prompt));
    const promptBytes = this.toolsBytes + this.systemBytes + this.messagesBytes + this.otherBytes;
    const hasPrompt = promptBytes > 0 || this.messageCount > 0;
    return {
      model: model?.kind === "text" ? model : null,
      checkpoints: hasPrompt ? this.build(namespaceOf(members)) : [],
      promptBytes,
      tokenCount: this.tokenCount,
    };
  }

  private readTools(node: Node | undefined): void {
    if (node?.kind !== "list") return;
    for (const tool of node.items) {
      if (isNull(tool)) continue;
      const { hash, bytes } = hashValue(tool);
      this.toolsHash = mixed(this.toolsHash, hash);
      this.toolsBytes += bytes;
      this.toolCount++;
      if (this.tools.isFar(this.toolsBytes)) this.tools.push(this.toolsHash, this.toolsBytes);
    }
    if (this.toolCount > 0) this.tools.pushEnd(this.toolsHash, this.toolsBytes);
  }

  private readSystem(node: Node | undefined): void {
    if (node?.kind !== "text" && node?.kind !== "list") return;
    const section = new Section(this.system, 0);
    if (node.kind === "text") section.text(node.bytes);
    else readParts(section, node);
    this.systemHash = section.close();
    this.systemBytes = section.position;
    if (this.systemBytes > 0) this.system.pushEnd(this.systemHash, this.systemBytes);
  }

  private readMessages(node: Node | undefined): void {
    if (node?.kind === "text" && this.api === "responses") {
      const key = (name: string): Uint8Array => Buffer.from(name);
      const user: Node = { kind: "text", bytes: key("user"), start: 0, end: 0 };
      const members = [
        { key: key("role"), value: user },
        { key: key("content"), value: node },
      ];
      this.readMessage({ kind: "object", members });
    }
    if (node?.kind !== "list") return;
    for (const item of node.items) if (item.kind === "object") this.readMessage(item);
  }

  private readMessage({ members }: ObjectNode): void {
    const isResponses = this.api === "responses";
    const first = this.messages.all.length;
    const section = new Section(this.messages, this.messagesBytes);
    const content = last(members, "content");
    if (content?.kind === "text") section.text(content.bytes);
    else if (content?.kind === "list") readParts(section, content);
    let rest = NONE;
    let restBytes = 0;
    for (const { key, value } of members) {
      if (isNull(value) || isWord(key, "role") || isWord(key, "cache_control")) continue;
      const isContent = isWord(key, "content");
      if (isContent && value.kind !== "object") continue;
      if (isResponses && ["id", "status", "type"].some((name) => isWord(key, name))) continue;
      const one = hashValue(value);
      // A content that is neither text nor list counts under a key of its own.
      rest = plus(rest, mixed(isContent ? word(0x21) : keyHash(key), one.hash));
      restBytes += (key.length > 64 ? 0 : key.length) + 3 + one.bytes;
    }
    const type = isResponses ? last(members, "type") : undefined;
    if (!isNull(type) && !(type!.kind === "text" && isWord(type!.bytes, "message"))) {
      rest = plus(hashValue(type!).hash, rest);
    }
    const role = last(members, "role");
    const base = mixed(this.chain, isNull(role) ? NONE : hashValue(role!).hash);
    const body = mixed(section.close(), rest);
    this.messages.mixIn(base, first);
    this.messageCount++;
    this.chain = mixed(base, mixed(body, word(0x14)));
    this.messagesBytes += section.position + restBytes;
    if (this.messages.isFar(this.messagesBytes)) {
      this.messages.push(this.chain, this.messagesBytes);
    }
  }

  private readPrompt(node: Node | undefined): void {
    const prompts = node?.kind === "list" ? node.items : node?.kind === "text" ? [node] : [];
    let count = 0;
    let open: { section: Section; kind: number } | null = null;
    const begin = (kind: number): void => {
      if (++count === 1) open = { section: new Section(this.messages, 0), kind };
    };
    const end = (): void => {
      if (open === null) return;
      const digest = open.section.close();
      const base = mixed(NONE, word(open.kind));
      this.messagesBytes = open.section.position;
      this.messages.mixIn(base);
      this.chain = mixed(base, digest);
      open = null;
    };
    const add = (text: string): void => {
      this.tokenCount++;
      if (open === null) this.otherBytes += 4;
      else open.section.token(tokenId(text));
    };
    for (const item of prompts) {
      if (item.kind === "text") {
        const before = open;
        begin(0x12);
        if (count > 1) this.otherBytes += item.bytes.length;
        else open!.section.text(item.bytes);
        if (before === null) end();
      } else if (item.kind === "word") {
        if (count === 0) begin(0x13);
        add(item.text);
      } else if (item.kind === "list") {
        begin(0x13);
        for (const id of item.items) if (id.kind === "word") add(id.text);
        end();
      }
    }
    end();
  }

  /** Namespace, tools and system stand before the messages, whatever their order in the body. */
  private build(namespace: Hash): Checkpoint[] {
    if (this.messagesBytes > 0 || this.messageCount > 0) {
      this.messages.pushEnd(this.chain, this.messagesBytes);
    }
    let before = namespace;
    this.tools.mixIn(before);
    if (this.toolCount > 0) before = mixed(before, this.toolsHash);
    if (this.systemHash !== null) {
      before = mixed(before, word(0x31));
      this.system.mixIn(before);
      before = mixed(before, this.systemHash);
    }
    this.messages.mixIn(before);
    for (const one of this.system.all) one.end += this.toolsBytes;
    for (const one of this.messages.all) one.end += this.toolsBytes + this.systemBytes;
    const all = [...this.tools.all, ...this.system.all, ...this.messages.all];
    // Too many: the chain still ends with the end of the prompt.
    return all.length <= CHAIN_MAX ? all : [...all.slice(0, CHAIN_MAX - 1), all.at(-1)!];
  }
}

/** What no template prints is left out; what is no plain number is no token. */
function tokenId(text: string): number {
  return /^[0-9]+$/.test(text) ? Math.min(Number(text), 0xffffffff) : 0xffffffff;
}

/** The parts of a content, or of a system prompt. */
function readParts(section: Section, { items }: ListNode): void {
  let count = 0;
  for (const item of items) {
    if (item.kind !== "text" && item.kind !== "object") continue;
    if (count++ > 0) section.put(PARTED);
    if (item.kind === "text") section.text(item.bytes);
    else readPart(section, item);
  }
}

function readPart(section: Section, { members }: ObjectNode): void {
  const text = last(members, "text");
  const type = last(members, "type");
  if (text?.kind === "text") section.text(text.bytes);
  const kind = kindOf(type);
  if (kind === "text" || (isNull(type) && text?.kind === "text")) return;
  let hash = NONE;
  let bytes = 0;
  for (const { key, value } of members) {
    const isText = isWord(key, "text");
    if (isNull(value) || isWord(key, "type") || isWord(key, "cache_control")) continue;
    if (isText && (value.kind === "text" || value.kind === "word")) continue;
    const one = hashValue(value);
    hash = plus(hash, mixed(isText ? word(0x21) : keyHash(key), one.hash));
    bytes += (key.length > 64 ? 0 : key.length) + 3 + one.bytes;
  }
  const typeHash = isNull(type) ? NONE : hashValue(type!).hash;
  section.part(mixed(typeHash, hash), kind === "media" ? MEDIA_BYTES : bytes);
}

function kindOf(type: Node | undefined): "text" | "media" | "other" {
  if (type?.kind !== "text") return "other";
  const name = Buffer.from(type.bytes).toString("latin1");
  if (["text", "input_text", "output_text"].includes(name)) return "text";
  return /^(input_)?(image|audio|video)/s.test(name) ? "media" : "other";
}

/** What the pods' caches keep apart: the model, the salt, and what changes the template. */
function namespaceOf(members: readonly Member[]): Hash {
  const model = last(members, "model");
  const hashOf = (node: Node | undefined): Hash =>
    isNull(node) ? NONE : notZero(hashValue(node!).hash);
  let hash = mixed(
    model?.kind === "text" ? hashOf(model) : NONE,
    hashOf(last(members, "cache_salt")),
  );
  hash = mixed(hash, hashOf(last(members, "chat_template")));
  hash = mixed(hash, hashOf(last(members, "chat_template_kwargs")));
  return mixed(hash, hashOf(last(members, "documents")));
}
