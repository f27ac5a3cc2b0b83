// Requests of a small world: popular system prompts, chats that go on, plain prompts, embeddings,
// broken bodies, in the many spellings that JSON allows.
import type { Random } from "../../simulator/workloads/random.js";
import type { WorldConfig } from "./invariants-config.js";
import type { Piece, PromptShape } from "./reference-checkpoints.js";

export interface RequestDraw {
  kind: "chat" | "text" | "embeddings" | "none" | "bad";
  path: string;
  /** Null: it has none. */
  body: string | null;
  prompt: PromptShape | null;
  isStreamed: boolean;
  outputTokens: number;
}

const FILLER = Array.from({ length: 6000 }, (_, i) => `word${(i * 2654435761) % 9973}`).join(" ");
const CHATS_KEPT = 20;

/** ASCII that needs no escapes; it begins with its own number, so no two texts begin alike. */
export function textOf(id: number, bytes: number): string {
  const start = (id * 7919) % 20_000;
  return `${id}: ${FILLER.slice(start, start + bytes)}`.slice(0, bytes);
}

export class Prompts {
  private readonly chats: Piece[][] = [];
  private nextId = 1000;

  constructor(
    private readonly config: WorldConfig,
    private readonly random: Random,
  ) {}

  draw(): RequestDraw {
    const { config, random } = this;
    const outputTokens = random.integer(1, config.outputTokensMax);
    const isStreamed = random.unit() >= config.unstreamedShare;
    const chance = random.unit();
    if (chance < 0.04) {
      return { ...NOTHING, kind: "none", path: "/v1/models", isStreamed: false, outputTokens };
    }
    const model = random.unit() < 0.8 ? "m" : "other-model";
    const salt = random.unit() < 0.9 ? "" : "s";
    const namespace = `${model}/${salt}`;
    const more = { model, ...(salt === "" ? {} : { cache_salt: salt }), stream: isStreamed };
    if (chance < 0.1) {
      const piece = this.newPiece("", 40, config.questionBytesMax);
      const prompt: PromptShape = { namespace, isChat: false, pieces: [piece] };
      const body = this.object({ ...more, stream: false, input: textOf(piece.id, piece.bytes) });
      const fixed = { kind: "embeddings", path: "/v1/embeddings", isStreamed: false } as const;
      return { ...fixed, body, prompt, outputTokens: 1 };
    }
    if (chance < 0.25) {
      const id = random.integer(1, config.systemPrompts);
      const piece = random.unit() < 0.5 ? this.system(id) : this.newPiece("", 40, 2000);
      const pieces = [{ ...piece, role: "" }];
      const body = this.object({ ...more, prompt: textOf(piece.id, piece.bytes) });
      const prompt: PromptShape = { namespace, isChat: false, pieces };
      return { kind: "text", path: "/v1/completions", body, prompt, isStreamed, outputTokens };
    }
    const pieces = this.messages();
    const body = this.object({ ...more, messages: pieces.map((piece) => this.message(piece)) });
    const prompt: PromptShape = { namespace, isChat: true, pieces };
    const path = "/v1/chat/completions";
    if (chance < 0.28) {
      const broken = body.slice(0, random.integer(1, body.length - 1));
      return { ...NOTHING, kind: "bad", path, body: broken, isStreamed: false, outputTokens };
    }
    return { kind: "chat", path, body, prompt, isStreamed, outputTokens };
  }

  /** A new chat, or one more turn of one that is going on. */
  private messages(): Piece[] {
    const { chats, config, random } = this;
    const at = random.integer(0, CHATS_KEPT - 1);
    const known = chats[at];
    const question = this.newPiece("user", 40, config.questionBytesMax);
    if (known !== undefined && known.length < 12 && random.unit() < 0.5) {
      const pieces = [...known, this.newPiece("assistant", 40, 600), question];
      chats[at] = pieces;
      return pieces;
    }
    const system = this.system(random.integer(1, config.systemPrompts));
    const pieces = config.systemBytes === 0 ? [question] : [system, question];
    if (chats.length < CHATS_KEPT) chats.push(pieces);
    else chats[at] = pieces;
    return pieces;
  }

  private system(id: number): Piece {
    return { role: "system", id, bytes: 64 + this.config.systemBytes + id * 37 };
  }

  private newPiece(role: string, bytesMin: number, bytesMax: number): Piece {
    return { role, id: this.nextId++, bytes: this.random.integer(bytesMin, bytesMax) };
  }

  private message({ role, id, bytes }: Piece): Record<string, unknown> {
    const text = textOf(id, bytes);
    const isList = this.random.unit() < 0.2;
    const content = isList ? [{ type: "text", text }] : text;
    return this.random.unit() < 0.5 ? { role, content } : { content, role };
  }

  /** Its keys come in any order. */
  private object(members: Record<string, unknown>): string {
    const all = Object.entries(members);
    const turn = this.random.integer(0, all.length - 1);
    const turned = Object.fromEntries([...all.slice(turn), ...all.slice(0, turn)]);
    return JSON.stringify(turned, null, this.random.unit() < 0.1 ? 1 : 0);
  }
}

const NOTHING = { body: null, prompt: null } as const;
