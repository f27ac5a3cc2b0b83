// Makes JSON texts with chance: the same kind of value in all the spellings that clients use and
// attackers try. Texts are binary strings, a character a byte, so that they need not be UTF-8.

export type Random = () => number;

export function pick<T>(random: Random, list: readonly T[]): T {
  return list[Math.floor(random() * list.length)]!;
}

export function below(random: Random, count: number): number {
  return Math.floor(random() * count);
}

function utf8(text: string): string {
  return Buffer.from(text, "utf8").toString("latin1");
}

/** Pieces that strings are made of, as they stand between quotes. */
const PLAIN = [
  ..."the quick brown fox jumps over the lazy dog and asks: what is a KV cache? ".split(/(?<= )/),
  ...["You are a helpful assistant. ", "user", "0", "-1", "null", "<|im_start|>", "data: ", "{}"],
  ...[utf8("naïve "), utf8("日本語の文章 "), utf8("🙂👍🏽 "), utf8("Ж"), "\u007f", utf8("\u2028")],
];
const ESCAPED = [
  ...["\\n", "\\t", '\\"', "\\\\", "\\/", "\\b", "\\f", "\\r", "\\u0041", "\\u00e9", "\\u20AC"],
  ...["\\u0000", "\\ud83d\\ude42", "\\uD800", "\\udc00", "\\ud800\\ud800\\udc00", "\\udfff\\u0041"],
  ...["\\uD83Dx", "\\u0022\\u005c", "\\ud83d\\n", '{\\"a\\": \\"b\\\\n\\"}', "\\uFFFE", "\\u2028"],
];
/** Nothing that a client writes: raw control characters and what is not UTF-8. */
const RAW = ["\u0000", "\u0001", "\n", "\r", "\t", "\u001f", "\u0080", "\u00ff", "\u00c0\u0080"];
const BROKEN_UTF8 = ["\u00ed\u00a0\u0080", "\u00f4\u0090\u0080\u0080", "\u00e2\u0082", "\u00fe"];
const NUMBERS = [
  ...["0", "1", "-1", "12", "256", "1e3", "1E+2", "-0.5e-7", "0.1", "4294967295", "4294967296"],
  ...["18446744073709551616", "1e308", "1e999", "-0", "99999999999999999999999999999999"],
];
const BAD_WORDS = [
  ...["01", "+1", ".5", "1.", "1e", "0x10", "NaN", "Infinity", "-", "--1", "tru", "True", "nul"],
  ...["undefined", "'a'", "1 2", "", "None", "truefalse", "100000000000000000000000000000001"],
];
const SPACES = ["", "", "", "", "", "", " ", " ", "\n", "\t", "\r\n", "  \n  "];

/** How wild the texts of one body are. */
export interface Style {
  /** Chance of an escape, and of a raw byte, for each piece of a string. */
  escapes: number;
  raw: number;
  spaces: boolean;
}

const STYLES: readonly Style[] = [
  { escapes: 0, raw: 0, spaces: false },
  { escapes: 0.02, raw: 0, spaces: true },
  { escapes: 0.3, raw: 0, spaces: true },
  { escapes: 0.2, raw: 0.03, spaces: true },
];

export function styleFrom(random: Random): Style {
  return STYLES[Math.floor(random() ** 2 * STYLES.length)]!;
}

/** Long runs without an escape, so that long texts cost little to make. */
const RUN = PLAIN.join("").repeat(40);

export class Speller {
  constructor(
    readonly random: Random,
    readonly style: Style,
  ) {}

  space(): string {
    return this.style.spaces ? pick(this.random, SPACES) : "";
  }

  /** The inside of a string of about so many bytes. */
  inside(bytes: number): string {
    const { random, style } = this;
    let text = "";
    while (text.length < bytes) {
      if (style.escapes > 0 && random() < style.escapes) text += pick(random, ESCAPED);
      else if (style.raw > 0 && random() < style.raw) {
        text += random() < 0.3 ? pick(random, RAW) : pick(random, BROKEN_UTF8);
      } else if (bytes - text.length < 200) text += pick(random, PLAIN);
      else {
        const start = below(random, 2000);
        text += RUN.slice(start, start + Math.min(bytes - text.length, below(random, 8000)));
      }
    }
    return text;
  }

  text(bytes: number): string {
    return `"${this.inside(bytes)}"`;
  }

  /** A word that is known, now and then with an escape in it. */
  word(word: string): string {
    const { random } = this;
    if (random() > this.style.escapes || word.length === 0) return `"${word}"`;
    const at = below(random, word.length);
    const code = word.charCodeAt(at).toString(16).padStart(4, "0");
    return `"${word.slice(0, at)}\\u${code}${word.slice(at + 1)}"`;
  }

  number(): string {
    const { random } = this;
    if (random() < 0.01) return pick(random, BAD_WORDS);
    return random() < 0.5 ? String(below(random, 5000)) : pick(random, NUMBERS);
  }

  list(items: readonly string[]): string {
    return `[${this.space()}${items.join(`${this.space()},${this.space()}`)}${this.space()}]`;
  }

  /** Members are [key as it is written, value]. */
  object(members: readonly (readonly [string, string])[]): string {
    const written = members.map(([key, value]) => `${key}${this.space()}:${this.space()}${value}`);
    return `{${this.space()}${written.join(`${this.space()},${this.space()}`)}${this.space()}}`;
  }

  /** Any value, of bounded depth. */
  value(depth = 3): string {
    const { random } = this;
    const chance = random();
    if (depth === 0 || chance < 0.4) return this.text(below(random, 40));
    if (chance < 0.55) return this.number();
    if (chance < 0.7) return pick(random, ["true", "false", "null"]);
    const count = below(random, 4);
    if (chance < 0.85) return this.list(Array.from({ length: count }, () => this.value(depth - 1)));
    return this.object(
      Array.from({ length: count }, () => [this.anyKey(), this.value(depth - 1)] as const),
    );
  }

  anyKey(): string {
    const { random } = this;
    const chance = random();
    if (chance < 0.1) return this.word("cache_control");
    if (chance < 0.15) return this.text(60 + below(random, 10));
    if (chance < 0.2) return '""';
    return this.text(1 + below(random, 12));
  }
}
