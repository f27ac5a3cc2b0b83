// Damages a body as networks, bad clients and attackers do. Bodies are binary strings.
import { below, pick, type Random } from "./spelling.js";

const TOKENS = [
  ...["{", "}", "[", "]", ",", ":", '"', "\\", "\\u", "\\ud800", "null", "true", "0", "-", "e9"],
  ...['""', "{}", "[]", '"model":"alias-1",', '"role":"user",', '"content":', "\u0000", "\u00ff"],
  ...["\u00ef\u00bb\u00bf", " ", "\n", "1e999", "9".repeat(40), '\\"', "//", "/**/", "NaN", "'"],
];
const BYTES_MAX = 1 << 18;

type Mutation = (random: Random, body: string, other: string) => string;

/** Where something structural stands, if a look or two finds it; else anywhere. */
function place(random: Random, body: string): number {
  const at = below(random, body.length + 1);
  if (random() < 0.5) return at;
  const near = body.slice(at, at + 200).search(/[[\]{},:"\\]/);
  return near < 0 ? at : at + near + below(random, 2);
}

function splice(body: string, at: number, remove: number, insert: string): string {
  return body.slice(0, at) + insert + body.slice(at + remove);
}

/** `depth` containers inside each other; the last may stay open. */
function nest(random: Random): string {
  const depth = pick(random, [3, 30, 63, 64, 65, 66, 200, 1500]);
  const [open, close] = pick(random, [
    ["[", "]"],
    ['{"a":', "}"],
  ] as const);
  const closes = random() < 0.8 ? depth : below(random, depth);
  return open.repeat(depth) + "1" + close.repeat(closes);
}

const MUTATIONS: readonly Mutation[] = [
  // A changed byte, mostly by one bit.
  (random, body) => {
    if (body.length === 0) return body;
    const at = place(random, body) % body.length;
    const old = body.charCodeAt(at);
    const code = random() < 0.6 ? old ^ (1 << below(random, 8)) : below(random, 256);
    return splice(body, at, 1, String.fromCharCode(code));
  },
  (random, body) => splice(body, place(random, body), 1 + below(random, 8), ""),
  (random, body) => splice(body, place(random, body), 0, pick(random, TOKENS)),
  (random, body) => splice(body, place(random, body), 1, pick(random, TOKENS)),
  (random, body) => body.slice(0, below(random, body.length + 1)),
  // A range that stands twice, and one that stands elsewhere.
  (random, body) => {
    const from = place(random, body);
    const range = body.slice(from, from + 1 + below(random, 80));
    return splice(body, random() < 0.5 ? from : place(random, body), 0, range);
  },
  (random, body, other) => {
    const from = place(random, other);
    return splice(
      body,
      place(random, body),
      below(random, 40),
      other.slice(from, from + below(random, 200)),
    );
  },
  // Behind a colon or comma a value may stand.
  (random, body) => {
    const at = body.slice(below(random, body.length)).search(/[:,[]/);
    return at < 0 ? body + nest(random) : splice(body, at + 1, 0, nest(random) + ",");
  },
  (random, body) => `${body.slice(0, -1)},${other(random)}}`,
];

/** A member to stand at the end of a body: it repeats a key, or is hostile by itself. */
function other(random: Random): string {
  return pick(random, [
    '"model":"m2"',
    '"model":null',
    '"messages":[]',
    '"prompt":"again"',
    '"input":[{"role":"user","content":"again"}]',
    '"tools":null',
    `"${"k".repeat(70)}":1`,
    `"x":${nest(random)}`,
    `"x":${"9".repeat(100)}`,
    '"":""',
    '"__proto__":{"model":"m3"}',
  ]);
}

/** The body with one to four damages; `from` is another body to take pieces of. */
export function mutate(random: Random, body: string, from: string): string {
  let mutated = body;
  for (let left = 1 + Math.floor(random() ** 2 * 4); left > 0; left--) {
    mutated = pick(random, MUTATIONS)(random, mutated, from);
  }
  return mutated.length > BYTES_MAX ? mutated.slice(0, BYTES_MAX) : mutated;
}
