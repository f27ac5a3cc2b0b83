// One line of a trace: its keys in our spelling and in Mooncake's, and what they may be.
import { z } from "zod";
import { FileError } from "./lines.js";

/** Of the published Mooncake traces; also ours where a line does not say. */
export const BLOCK_TOKENS_DEFAULT = 512;
const BLOCK_TOKENS_MAX = 65_536;
const PROMPT_TOKENS_MAX = 10_000_000;
const OUTPUT_TOKENS_MAX = 1_000_000;
/** Year 5138 in ms since 1970: what is beyond it is in another unit. */
const AT_MS_MAX = 1e14;
const NAME_CHARS_MAX = 256;
const SHOWN_CHARS_MAX = 60;

/** A request of a trace. */
export interface TraceLine {
  /** ms from any start, or since 1970. */
  atMs: number;
  promptTokens: number;
  outputTokens: number;
  /** Of the prompt's blocks, in order; none: only lengths are known. */
  hashIds: readonly (number | string)[];
  blockTokens: number;
  session: string | null;
  /** What shares no prompts with other models. */
  model: string | null;
  /** null: the line does not say. */
  stream: boolean | null;
}

/** Ours first, then the published spelling, then others that replayers of such traces take. */
const SPELLINGS = {
  atMs: ["atMs", "timestamp", "created_time"],
  promptTokens: ["promptTokens", "input_length", "input_tokens"],
  outputTokens: ["outputTokens", "output_length", "output_tokens"],
  hashIds: ["hashIds", "hash_ids"],
  blockTokens: ["blockTokens", "block_size"],
  session: ["session", "session_id"],
  model: ["model"],
  stream: ["stream"],
} as const;
type Key = keyof typeof SPELLINGS;

const KEY_OF = new Map<string, Key>(
  Object.entries(SPELLINGS).flatMap(([key, all]) => all.map((one) => [one, key as Key] as const)),
);

function count(min: number, max: number) {
  const allowed = `a whole number from ${min} to ${max}`;
  return z.int(allowed).min(min, allowed).max(max, allowed);
}

function name() {
  const allowed = `a string of at most ${NAME_CHARS_MAX} characters, or a whole number`;
  const text = z.string(allowed).max(NAME_CHARS_MAX, allowed);
  return z.union([text, z.int(allowed)], allowed);
}

const HASH = "a whole number from 0 to 2^53 - 1, or a string of 1 to 256 characters";
const TIME = `ms from the start or since 1970, a number from 0 to ${AT_MS_MAX}`;

const schema = z.object({
  atMs: z.number(TIME).min(0, TIME).max(AT_MS_MAX, TIME),
  promptTokens: count(1, PROMPT_TOKENS_MAX),
  outputTokens: count(1, OUTPUT_TOKENS_MAX),
  hashIds: z
    .array(z.union([z.int(HASH).min(0, HASH), z.string(HASH).min(1, HASH).max(256, HASH)], HASH), {
      error: "a list of hashes, one for each block of the prompt",
    })
    .default([]),
  blockTokens: count(1, BLOCK_TOKENS_MAX).optional(),
  session: name().nullish(),
  model: name().nullish(),
  stream: z.boolean("true or false").nullish(),
});

/** Collects the keys that mean nothing here, to tell of them once. */
export type UnknownKeys = Set<string>;

/** Throws a FileError that names the place, the key and what is allowed. */
export function parseTraceLine(
  text: string,
  place: string,
  unknown: UnknownKeys,
  blockTokens: number = BLOCK_TOKENS_DEFAULT,
): TraceLine {
  const given = objectOf(text, place);
  const values: Partial<Record<Key, unknown>> = {};
  const written = new Map<Key, string>();
  for (const [spelling, value] of Object.entries(given)) {
    const key = KEY_OF.get(spelling);
    if (key === undefined) {
      if (unknown.size < 100) unknown.add(spelling);
      continue;
    }
    const other = written.get(key);
    if (other !== undefined) {
      throw new FileError(
        `${place}: ${other} and ${spelling} mean the same, allowed is one of them`,
      );
    }
    written.set(key, spelling);
    values[key] = value;
  }
  const parsed = schema.safeParse(values);
  if (!parsed.success) throw new FileError(`${place}: ${explain(parsed.error, values, written)}`);
  const line = parsed.data;
  const { promptTokens, hashIds } = line;
  const size = line.blockTokens ?? blockTokens;
  const blocks = Math.ceil(promptTokens / size);
  if (hashIds.length > blocks) {
    throw new FileError(
      `${place}: ${written.get("hashIds")!}: ${hashIds.length} hashes are not allowed; it must ` +
        `be at most ${blocks}, the blocks of ${size} tokens in a prompt of ${promptTokens}`,
    );
  }
  return {
    atMs: line.atMs,
    promptTokens,
    outputTokens: line.outputTokens,
    hashIds,
    blockTokens: size,
    session: nameOf(line.session),
    model: nameOf(line.model),
    stream: line.stream ?? null,
  };
}

function nameOf(value: string | number | null | undefined): string | null {
  return value === null || value === undefined ? null : String(value);
}

function objectOf(text: string, place: string): object {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw new FileError(`${place}: not JSON: ${(error as Error).message}`);
  }
  if (typeof value === "object" && value !== null && !Array.isArray(value)) return value;
  throw new FileError(`${place}: ${shorten(value)} is not allowed; it must be a JSON object`);
}

function explain(
  { issues }: z.ZodError,
  values: Partial<Record<Key, unknown>>,
  written: ReadonlyMap<Key, string>,
): string {
  const { path, message } = issues[0]!;
  const [key, index] = path as [Key, number?];
  const value = values[key];
  if (value === undefined)
    return `${SPELLINGS[key].slice(0, 2).join(" or ")}: is missing; it must be ${message}`;
  const at = index === undefined ? "" : `[${index}]`;
  const wrong = index === undefined ? value : (value as unknown[])[index];
  return `${written.get(key)!}${at}: ${shorten(wrong)} is not allowed; it must be ${message}`;
}

function shorten(value: unknown): string {
  const text = JSON.stringify(value);
  return text.length <= SHOWN_CHARS_MAX ? text : `${text.slice(0, SHOWN_CHARS_MAX)}...`;
}
