// Reads filter/config-keys.json, the single source of all configuration keys, and checks it.
import { readFileSync } from "node:fs";
import { z } from "zod";
import { projectPath } from "./project.js";

/** The filter keeps one bit for each key it has seen, in a u64. */
const KEYS_MAX = 64;
const U32_MAX = 4294967295;

const common = {
  name: z.string().regex(/^[a-z][A-Za-z0-9]{1,39}$/),
  required: z.boolean().default(false),
  doc: z.string().regex(/^[A-Z].*\.$/),
  source: z
    .string()
    .regex(/^[A-Z].*\.$/)
    .optional(),
};
/** What a string may be, or each of a list. */
const words = {
  lengthMin: z.int().min(0),
  lengthMax: z.int().max(255),
  charset: z.string().min(1),
};
const unit = z.enum(["bytes", "MiB", "ms", "µs", "ns", "s", "tokens"]).optional();

const keySchema = z.discriminatedUnion("type", [
  z.strictObject({
    ...common,
    type: z.literal("string"),
    default: z.string().default(""),
    ...words,
  }),
  z.strictObject({
    ...common,
    type: z.literal("strings"),
    /** Always empty: a list is only there where it is given. */
    default: z.literal("").default(""),
    countMax: z.int().min(1).max(64),
    ...words,
  }),
  z.strictObject({
    ...common,
    type: z.literal("choice"),
    default: z.string(),
    choices: z
      .array(z.strictObject({ name: z.string(), number: z.int().min(1).max(255), doc: z.string() }))
      .min(2),
  }),
  z.strictObject({ ...common, type: z.literal("boolean"), default: z.boolean() }),
  z.strictObject({
    ...common,
    type: z.literal("integer"),
    default: z.int(),
    min: z.int().min(0),
    max: z.int().max(U32_MAX),
    unit,
  }),
  z.strictObject({
    ...common,
    type: z.literal("number"),
    default: z.number(),
    min: z.number().min(0),
    max: z.number(),
    unit,
  }),
]);
const sourceSchema = z.strictObject({ keys: z.array(keySchema).min(1).max(KEYS_MAX) });

/** One key of the filter's configuration, as the source describes it. */
export type ConfigKey = z.infer<typeof keySchema>;
export type StringKey = Extract<ConfigKey, { type: "string" | "strings" }>;
export type ChoiceKey = Extract<ConfigKey, { type: "choice" }>;

/** All keys in the order of the source; throws where the source contradicts itself. */
export function loadKeys(): ConfigKey[] {
  const text = readFileSync(projectPath("filter", "config-keys.json"), "utf8");
  const { keys } = sourceSchema.parse(JSON.parse(text));
  const names = new Set(keys.map((key) => key.name));
  if (names.size !== keys.length) throw new Error("config-keys.json names a key twice");
  for (const key of keys) {
    if (!key.required && !isAllowed(key, key.default)) {
      throw new Error(
        `config-keys.json: the default of ${key.name} is not allowed by its own rule`,
      );
    }
  }
  return keys;
}

function isAllowed(key: ConfigKey, value: string | number | boolean): boolean {
  if (key.type === "boolean" || key.type === "strings") return true;
  if (key.type === "choice") return key.choices.some((choice) => choice.name === value);
  if (key.type === "string") return pattern(key).test(String(value));
  return typeof value === "number" && key.min <= value && value <= key.max;
}

/** Regular expression of a string key's whole value, or of each of its strings. */
export function pattern(key: StringKey): RegExp {
  return new RegExp(`^[${key.charset}]{${key.lengthMin},${key.lengthMax}}$`, "u");
}

/** What a key allows, in the words of the refusal and of the documentation. */
export function allowedText(key: ConfigKey): string {
  switch (key.type) {
    case "string":
      return `a string of ${lettersText(key)}`;
    case "strings":
      return `a list of at most ${key.countMax} strings of ${lettersText(key)}`;
    case "choice":
      return key.choices.map((choice) => `"${choice.name}"`).join(" or ");
    case "boolean":
      return "true or false";
    case "integer":
      return `an integer from ${key.min} to ${key.max}`;
    case "number":
      return `a number from ${key.min} to ${key.max}`;
  }
}

function lettersText(key: StringKey): string {
  return `${key.lengthMin} to ${key.lengthMax} characters of ${charsetText(key)}`;
}

/** `A-Za-z0-9._/-` as `A-Z a-z 0-9 . _ / -`; the whole visible range needs words. */
function charsetText(key: StringKey): string {
  if (key.charset === "!-~") return "visible ASCII without space";
  return (key.charset.match(/.-.|./gu) ?? []).join(" ");
}
