// Renders filter/generated/config-keys.ts: the Config class, the rule of each key, its setters.
import type { ChoiceKey, ConfigKey, StringKey } from "./keys.js";
import { allowedText } from "./keys.js";

/** 100 less the indent of a field, and the frame of a comment of one line. */
const COMMENT_COLUMNS_MAX = 91;

const KIND = {
  string: "Text",
  strings: "Texts",
  choice: "Choice",
  boolean: "Bool",
  integer: "Integer",
  number: "Number",
} as const;
const FIELD = {
  string: "string",
  strings: "string[]",
  choice: "i32",
  boolean: "bool",
  integer: "u32",
  number: "f64",
};

/** AssemblyScript source; not yet formatted. */
export function renderFilterSource(keys: ConfigKey[]): string {
  return [
    "// Generated from filter/config-keys.json by scripts/generate-config.ts: what the keys allow.",
    ...keys.filter((key) => key.type === "choice").map(renderEnum),
    KEY_KIND,
    renderConfig(keys),
    KEY_RULE,
    `export const KEY_COUNT: i32 = ${keys.length};`,
    `/** The rule of each key, by key number. */
export const KEY_RULES: KeyRule[] = [${keys.map(renderRule).join(",")},];`,
    renderSetter("setText", "string", keys, (key) => key.type === "string", "value"),
    renderSetter("setTexts", "string[]", keys, (key) => key.type === "strings", "value"),
    renderSetter("setChoice", "i32", keys, (key) => key.type === "choice", "value"),
    renderSetter("setBool", "bool", keys, (key) => key.type === "boolean", "value"),
    renderSetter("setNumber", "f64", keys, isNumeric, "<u32>value"),
  ].join("\n\n");
}

const KEY_KIND = `/** How a key's value is written in JSON. */
export const enum KeyKind { Text = 0, Choice = 1, Bool = 2, Integer = 3, Number = 4, Texts = 5 }`;

const KEY_RULE = `/** What one key allows. */
export class KeyRule {
  constructor(
    public name: string,
    public kind: KeyKind,
    public isRequired: bool,
    /** Smallest number, or shortest text in bytes. */
    public min: f64,
    /** Largest number, or longest text in bytes. */
    public max: f64,
    /** Text: bit c is set where the ASCII character c is allowed. */
    public charsBelow64: u64,
    public charsFrom64: u64,
    /** Texts: how many there may be. */
    public countMax: i32,
    /** Choice: the names, and the number of each. */
    public choices: string[],
    public choiceNumbers: i32[],
    /** The end of a refusal: what is allowed. */
    public allowed: string,
  ) {}
}`;

function renderEnum(key: ChoiceKey): string {
  const members = key.choices.map(
    ({ name, number, doc }) => `/** ${sentence(doc)} */\n${pascal(name)} = ${number},`,
  );
  const doc = `/** Values of \`${key.name}\`, numbered as in the sidecar's load table. */`;
  return `${doc}\nexport const enum ${typeName(key)} {\n${members.join("\n")}\n}`;
}

function renderConfig(keys: ConfigKey[]): string {
  const fields = keys.map((key) => {
    const unit = "unit" in key && key.unit !== undefined ? ` Unit: ${key.unit}.` : "";
    return `${comment(key.doc + unit)}\n${key.name}: ${FIELD[key.type]} = ${renderDefault(key)};`;
  });
  return `/** A whole configuration; a new one holds the defaults. */
export class Config {
${fields.join("\n")}
/** FNV-1a, 64 bits, over the bytes of the configuration as Envoy gave them. */
hash: u64 = 0;
}`;
}

function renderDefault(key: ConfigKey): string {
  if (key.type === "choice") return `${typeName(key)}.${pascal(key.default)}`;
  if (key.type === "strings") return "[]";
  return JSON.stringify(key.default);
}

function renderRule(key: ConfigKey): string {
  const [min, max] = range(key);
  const [low, high] = "charset" in key ? charMasks(key) : [0n, 0n];
  const choices = key.type === "choice" ? key.choices : [];
  const fields = [
    JSON.stringify(key.name),
    `KeyKind.${KIND[key.type]}`,
    String(key.required),
    String(min),
    String(max),
    hex(low),
    hex(high),
    String(key.type === "strings" ? key.countMax : 0),
    JSON.stringify(choices.map((choice) => choice.name)),
    JSON.stringify(choices.map((choice) => choice.number)),
    JSON.stringify(allowedText(key)),
  ];
  return `new KeyRule(${fields.join(", ")})`;
}

function range(key: ConfigKey): [number, number] {
  if ("charset" in key) return [key.lengthMin, key.lengthMax];
  return key.type === "integer" || key.type === "number" ? [key.min, key.max] : [0, 0];
}

/** The allowed characters as two sets of bits, found by asking the regular expression. */
function charMasks(key: StringKey): [bigint, bigint] {
  const allowed = new RegExp(`^[${key.charset}]$`, "u");
  const masks: [bigint, bigint] = [0n, 0n];
  for (let code = 0; code < 128; code++) {
    const half = code < 64 ? 0 : 1;
    if (allowed.test(String.fromCharCode(code))) masks[half] |= 1n << BigInt(code % 64);
  }
  return masks;
}

function renderSetter(
  name: string,
  type: string,
  keys: ConfigKey[],
  isOurs: (key: ConfigKey) => boolean,
  integerValue: string,
): string {
  const cases = keys.flatMap((key, number) => {
    if (!isOurs(key)) return [];
    const value = key.type === "integer" ? integerValue : "value";
    return [`case ${number}: config.${key.name} = ${value}; break;`];
  });
  return `/** Sets the key of that number, whose rule \`value\` keeps. */
export function ${name}(config: Config, key: i32, value: ${type}): void {
switch (key) {\n${cases.join("\n")}\n}\n}`;
}

/** A doc comment inside a class, wrapped so that no line passes 100 columns. */
function comment(text: string): string {
  const lines: string[] = [];
  for (const word of text.split(" ")) {
    const last = lines.at(-1);
    if (last !== undefined && last.length + 1 + word.length <= COMMENT_COLUMNS_MAX) {
      lines[lines.length - 1] = `${last} ${word}`;
    } else lines.push(word);
  }
  if (lines.length === 1) return `/** ${text} */`;
  return `/**\n${lines.map((line) => ` * ${line}`).join("\n")}\n */`;
}

function isNumeric(key: ConfigKey): boolean {
  return key.type === "integer" || key.type === "number";
}

function hex(bits: bigint): string {
  return `0x${bits.toString(16)}`;
}

function typeName(key: ChoiceKey): string {
  return key.name.charAt(0).toUpperCase() + key.name.slice(1);
}

/** `PREFIX_CACHE` as `PrefixCache`. */
function pascal(name: string): string {
  return name
    .split("_")
    .map((word) => word.charAt(0) + word.slice(1).toLowerCase())
    .join("");
}

function sentence(text: string): string {
  return `${text.charAt(0).toUpperCase()}${text.slice(1)}.`;
}
