// What the filter is to see of a body, by JSON.parse and the reference reading, and where it does
// not. Every lenience, and every bound beyond which less is read, stands here by name.
import { type Document, type Node, readJson } from "./json-reader.js";
import { ALIAS, entryCount, entryOf, type Outcome, TARGET } from "./machine.js";
import { type Api, read, type Reading } from "./reading.js";
import { isWord } from "./value-hash.js";

/** As in docs/fuzzing.md: a body beyond one of these is `fallback-json`, though it is JSON. */
const DEPTH_MAX = 64;
const NUMBER_BYTES_MAX = 32;
/** Tokens for a byte, as long as no answer told better. */
const TOKENS_PER_BYTE = 1 / 4;
const MODEL_BYTES_MAX = 256;

export type Strict = "too-deep" | "long-number" | "no-container";

export interface Expected {
  /** JSON.parse takes it. */
  isParsed: boolean;
  /** The filter is to read it to its end. */
  isWhole: boolean;
  /** Why the filter refuses what JSON.parse takes. */
  strict: Strict | null;
  isRewritten: boolean;
  checkpointCount: number;
  /** What is wrong with the insert that the filter told its neighbours; null: nothing. */
  compareChain: (record: DataView | undefined) => string | null;
  reasons: readonly string[];
  /** Undefined: it does not matter. */
  model: string | null | undefined;
  /** The body that the pod is to get; null: as it was sent, undefined: it does not matter. */
  body: Uint8Array | null | undefined;
  /** Where both readers of the tests differ from each other. */
  fault: string | null;
}

const ROUTED = ["prefix", "load", "cold"];

export function expectedOf(api: Api, body: Buffer, latin1: string): Expected {
  const parsed = parse(body);
  const document = readJson(body, latin1);
  const { root } = document;
  const isSound = root !== null && !document.hasControls;
  const fault = isSound === parsed.isJson ? valueFault(parsed.value, root) : "test readers";
  const base = { isParsed: parsed.isJson, fault, isRewritten: false, checkpointCount: 0 };
  const strict = root === null ? null : strictness(root, document);
  if (root === null || strict !== null) {
    // Nothing of a broken body is looked at; of one that is too deep what came before was seen.
    const isUnseen = document.depth > DEPTH_MAX;
    return {
      ...base,
      isWhole: false,
      strict,
      compareChain: () => null,
      reasons: reasonsWithout(body, strict),
      model: isUnseen ? undefined : null,
      body: isUnseen ? undefined : null,
    };
  }
  return { ...base, isWhole: true, strict, ...wholeOf(api, root, body) };
}

/** A number or word alone may end with the body, or before a space: it is no prompt either way. */
function reasonsWithout(body: Buffer, strict: Strict | null): readonly string[] {
  if (body.length === 0) return ["no-prompt"];
  return strict === "no-container" ? ["no-prompt", "fallback-json"] : ["fallback-json"];
}

function wholeOf(api: Api, root: Node, body: Buffer) {
  const original = read(api, root);
  const { model } = original;
  const isRewritten = model !== null && isWord(model.bytes, ALIAS);
  const target = Buffer.from(`"${TARGET}"`);
  let reading = original;
  let rewritten: Uint8Array | null = null;
  if (isRewritten) {
    rewritten = Buffer.concat([body.subarray(0, model.start), target, body.subarray(model.end)]);
    // The pod runs the target, so its name is the one in the hashes.
    model.bytes = Buffer.from(TARGET);
    reading = read(api, root);
    model.bytes = Buffer.from(ALIAS);
  }
  return {
    isRewritten,
    checkpointCount: reading.checkpoints.length,
    compareChain: (record: DataView | undefined) => chainFault(reading, record),
    reasons: reading.checkpoints.length > 0 ? ROUTED : ["no-prompt"],
    model: shownModel(model?.bytes),
    body: rewritten,
  };
}

function parse(body: Buffer): { isJson: boolean; value?: unknown } {
  try {
    return { isJson: true, value: JSON.parse(body.toString("utf8")) };
  } catch {
    return { isJson: false };
  }
}

/** The tests' own reader must see the values of JSON.parse: the model stands for all others. */
function valueFault(value: unknown, root: Node | null): string | null {
  if (root?.kind !== "object") return null;
  if (typeof value !== "object" || value === null) return null;
  const read = root.members.findLast(({ key }) => isWord(key, "model"))?.value;
  const model = (value as Record<string, unknown>)["model"];
  const isText = typeof model === "string";
  if (isText !== (read?.kind === "text")) return "test readers differ on the model";
  if (!isText || read?.kind !== "text" || /\p{Surrogate}/u.test(model)) return null;
  const isSame = Buffer.from(read.bytes).toString("utf8") === model;
  return isSame ? null : "test readers differ on the model's name";
}

function strictness(root: Node, { depth, wordBytesMax }: Document): Strict | null {
  if (depth > DEPTH_MAX) return "too-deep";
  if (wordBytesMax > NUMBER_BYTES_MAX) return "long-number";
  return root.kind === "word" ? "no-container" : null;
}

/** The model as a header can hold it. */
function shownModel(bytes: Uint8Array | undefined): string | null {
  if (bytes === undefined || bytes.length === 0 || bytes.length > MODEL_BYTES_MAX) return null;
  const name = Buffer.from(bytes).toString("latin1");
  return /^[!#-[\]-~]+$/.test(name) ? name : null;
}

/** What is wrong with an outcome; null: nothing. */
export function mismatch(expected: Expected, outcome: Outcome, sent: Buffer): string | null {
  if (expected.fault !== null) return expected.fault;
  const { reasons, model } = expected;
  if (!reasons.includes(outcome.reason)) {
    return `reason ${outcome.reason}, not ${reasons.join(" or ")}`;
  }
  if (model !== undefined && outcome.model !== model) {
    return `model ${JSON.stringify(outcome.model)}, not ${JSON.stringify(model)}`;
  }
  if (outcome.body === null) return "the pod got nothing";
  if (expected.body === undefined) return null;
  return Buffer.compare(outcome.body, expected.body ?? sent) === 0 ? null : "the pod's body";
}

function chainFault(reading: Reading, record: DataView | undefined): string | null {
  if (record === undefined) return "no insert";
  const { checkpoints, promptBytes, tokenCount } = reading;
  const count = entryCount(record);
  if (count !== checkpoints.length) return `${count} checkpoints, not ${checkpoints.length}`;
  const perByte = tokenCount > 0 ? tokenCount / promptBytes : TOKENS_PER_BYTE;
  for (let i = 0; i < count; i++) {
    const { lo, hi, tokens } = entryOf(record, i);
    const { hash, end } = checkpoints[i]!;
    if (lo !== hash.lo || hi !== hash.hi) return `the hash of checkpoint ${i} of ${count}`;
    const due = Math.floor(end * perByte);
    if (tokens !== due) return `${tokens} tokens at checkpoint ${i}, not ${due}`;
  }
  return null;
}
