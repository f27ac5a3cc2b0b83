// Reads JSON bytes into a tree, in the simplest way that is right: the second opinion beside
// JSON.parse, which tells neither repeated keys, nor bytes, nor places, nor numbers as written.

export type Node = TextNode | WordNode | ListNode | ObjectNode;

export interface TextNode {
  kind: "text";
  /** Decoded; a surrogate without its partner as the three bytes that it would have. */
  bytes: Uint8Array;
  /** Where it lies in the body, with its quotes. */
  start: number;
  end: number;
}

/** A number, true, false or null, as written. */
export interface WordNode {
  kind: "word";
  text: string;
}

export interface ListNode {
  kind: "list";
  items: Node[];
}

export interface Member {
  key: Uint8Array;
  value: Node;
}

export interface ObjectNode {
  kind: "object";
  /** In the order written, repeated keys too. */
  members: Member[];
}

export interface Document {
  /** Null: the bytes are no JSON; the rest tells of what came before the fault. */
  root: Node | null;
  /** Containers inside each other, at most. */
  depth: number;
  /** Bytes of the longest number. */
  wordBytesMax: number;
  /** Control characters stand in a string as they are, which RFC 8259 forbids. */
  hasControls: boolean;
}

const NUMBER = /-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?/y;
const SIMPLE = new Map([...'"\\/bfnrt'].map((c, i) => [c, '"\\/\b\f\n\r\t'.charCodeAt(i)]));
/** Deeper than any body that is read; the reader is recursive. */
const DEPTH_MAX = 5000;

/** One for all: it only ends the reading. */
const MALFORMED = new Error("no JSON");

class Reader {
  at = 0;
  depth = 0;
  depthMax = 0;
  wordBytesMax = 0;
  hasControls = false;

  constructor(
    private readonly bytes: Buffer,
    /** The same, a character a byte. */
    private readonly text: string,
  ) {}

  document(): Document {
    const root = this.root();
    const { depthMax: depth, wordBytesMax, hasControls } = this;
    return { root, depth, wordBytesMax, hasControls };
  }

  private root(): Node | null {
    try {
      const root = this.value();
      this.space();
      return this.at === this.text.length ? root : null;
    } catch (error) {
      if (error === MALFORMED) return null;
      throw error;
    }
  }

  private space(): void {
    for (;;) {
      const c = this.text.charCodeAt(this.at);
      if (c !== 0x20 && c !== 0x0a && c !== 0x0d && c !== 0x09) return;
      this.at++;
    }
  }

  private value(): Node {
    this.space();
    switch (this.text[this.at]) {
      case '"':
        return this.string();
      case "{":
        return this.object();
      case "[":
        return this.list();
      default:
        return this.word();
    }
  }

  private enter(): void {
    this.at++;
    this.depth++;
    if (this.depth > this.depthMax) this.depthMax = this.depth;
    if (this.depth > DEPTH_MAX) throw MALFORMED;
  }

  private object(): ObjectNode {
    const members: Member[] = [];
    this.enter();
    this.space();
    if (!this.took("}")) {
      do {
        this.space();
        if (this.text[this.at] !== '"') throw MALFORMED;
        const key = this.string().bytes;
        this.space();
        if (!this.took(":")) throw MALFORMED;
        members.push({ key, value: this.value() });
        this.space();
      } while (this.took(","));
      if (!this.took("}")) throw MALFORMED;
    }
    this.depth--;
    return { kind: "object", members };
  }

  private list(): ListNode {
    const items: Node[] = [];
    this.enter();
    this.space();
    if (!this.took("]")) {
      do {
        items.push(this.value());
        this.space();
      } while (this.took(","));
      if (!this.took("]")) throw MALFORMED;
    }
    this.depth--;
    return { kind: "list", items };
  }

  private took(c: string): boolean {
    if (this.text[this.at] !== c) return false;
    this.at++;
    return true;
  }

  private word(): WordNode {
    for (const word of ["true", "false", "null"]) {
      if (this.text.startsWith(word, this.at)) return this.scalar(word);
    }
    NUMBER.lastIndex = this.at;
    const match = NUMBER.exec(this.text);
    if (match === null) throw MALFORMED;
    return this.scalar(match[0]);
  }

  private scalar(text: string): WordNode {
    this.at += text.length;
    if (text.length > this.wordBytesMax) this.wordBytesMax = text.length;
    return { kind: "word", text };
  }

  private string(): TextNode {
    const start = this.at;
    let hasEscapes = false;
    for (this.at++; ; this.at++) {
      const c = this.text.charCodeAt(this.at);
      if (c === 0x22) break;
      // NaN, at the end, is in no relation.
      if (!(c >= 0x20)) {
        if (Number.isNaN(c)) throw MALFORMED;
        this.hasControls = true;
      } else if (c === 0x5c) {
        hasEscapes = true;
        this.at++;
      }
    }
    const end = ++this.at;
    const bytes = this.bytes.subarray(start + 1, end - 1);
    return { kind: "text", bytes: hasEscapes ? decode(bytes) : bytes, start, end };
  }
}

/** Bytes of a string with escapes as UTF-8. */
function decode(raw: Buffer): Uint8Array {
  const text = raw.toString("latin1");
  const out: number[] = [];
  for (let at = 0; at < text.length; at++) {
    if (text[at] !== "\\") {
      out.push(text.charCodeAt(at));
      continue;
    }
    at++;
    const simple = SIMPLE.get(text[at]!);
    if (simple !== undefined) {
      out.push(simple);
      continue;
    }
    let point = unit(text, at - 1);
    at += 4;
    if (point >= 0xd800 && point < 0xdc00 && text.startsWith("\\u", at + 1)) {
      const next = unit(text, at + 1);
      if (next >= 0xdc00 && next < 0xe000) {
        point = 0x10000 + ((point - 0xd800) << 10) + (next - 0xdc00);
        at += 6;
      }
    }
    pushUtf8(out, point);
  }
  return Uint8Array.from(out);
}

/** The code unit of the escape at `at`. */
function unit(text: string, at: number): number {
  const match = /^\\u([0-9a-fA-F]{4})/.exec(text.slice(at, at + 6));
  if (match === null) throw MALFORMED;
  return parseInt(match[1]!, 16);
}

function pushUtf8(out: number[], point: number): void {
  if (point < 0x80) out.push(point);
  else if (point < 0x800) out.push(0xc0 | (point >> 6), 0x80 | (point & 63));
  else if (point < 0x10000) {
    out.push(0xe0 | (point >> 12), 0x80 | ((point >> 6) & 63), 0x80 | (point & 63));
  } else {
    out.push(0xf0 | (point >> 18), 0x80 | ((point >> 12) & 63));
    out.push(0x80 | ((point >> 6) & 63), 0x80 | (point & 63));
  }
}

/** Reads a body; `latin1` is the same, a character a byte. */
export function readJson(body: Buffer, latin1: string): Document {
  return new Reader(body, latin1).document();
}
