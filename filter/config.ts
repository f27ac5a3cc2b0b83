// Reads the plugin configuration: all of it or nothing, with one line that says why it is refused.
import { findKey, shown, shownText, unknownKey } from "./config-words";
import {
  Config,
  KEY_COUNT,
  KEY_RULES,
  KeyKind,
  KeyRule,
  setBool,
  setChoice,
  setNumber,
  setText,
  setTexts,
} from "./generated/config-keys";
import { JSON_KEY_BYTES_MAX, JsonHandler, JsonScanner, JsonStatus } from "./request/json-scanner";

export { Config, RoutingStrategy } from "./generated/config-keys";

/** More than any key allows (255), so a text that fills it is too long; the rest is dropped. */
const TEXT_BYTES_MAX: u32 = 256;

/** All indexes of a configuration: a VM has 4 GiB, and ends where it asks for more. */
const INDEXES_MIB_MAX: u32 = 2048;
const HEADER_KEYS: StaticArray<string> = [
  "destinationHeader",
  "modelHeader",
  "objectiveHeader",
  "ttftTargetHeader",
  "tenantHeader",
];

const FNV_OFFSET: u64 = 14695981039346656037;
const FNV_PRIME: u64 = 1099511628211;

let refusal: string = "";

/** Why the last configuration was refused, in one line; "" when it was not. */
export function configError(): string {
  return refusal;
}

/** The configuration in the `n` bytes at `p`, or null; then `configError` says why. */
export function parseConfig(p: usize, n: u32): Config | null {
  const reader = new ConfigReader();
  const scanner = new JsonScanner();
  scanner.reset();
  // Byte by byte, so that the scanner has consumed everything before the byte it fails at.
  let at: u32 = 0;
  let status = JsonStatus.More;
  while (at < n && status < JsonStatus.Malformed) status = scanner.feed(reader, 0, p + at++, 1);
  if (status >= JsonStatus.Malformed) {
    reader.refuse("bad JSON at byte " + (at - 1).toString());
  } else if (n == 0) {
    reader.refuse('it is empty, allowed: an object with at least "pool"');
  } else if (scanner.finish() != JsonStatus.Complete) {
    reader.refuse("the JSON ends too early, at byte " + n.toString());
  }
  reader.finish();
  heap.free(changetype<usize>(scanner));
  refusal = reader.refusal;
  if (refusal.length > 0) return null;
  reader.config.hash = fnv1a(p, n);
  return reader.config;
}

/** Takes keys and values as the scanner finds them, until the first refusal. */
class ConfigReader extends JsonHandler {
  config: Config = new Config();
  refusal: string = "";
  private depth: i32 = 0;
  private isObject: bool = false;
  private keyNumber: i32 = -1;
  private seenKeys: u64 = 0;
  private textAt: StaticArray<u8> = new StaticArray<u8>(TEXT_BYTES_MAX);
  private textBytes: u32 = 0;
  /** The list that is being read. */
  private texts: string[] = [];
  private isInList: bool = false;

  /** Keeps the first refusal: a later one may be only its consequence. */
  refuse(why: string): void {
    if (this.refusal.length == 0) this.refusal = "configuration refused: " + why;
  }

  /** To be called when the document is whole. */
  finish(): void {
    if (!this.isObject) this.refuse("the JSON is not an object");
    for (let key = 0; key < KEY_COUNT; key++) {
      const rule = KEY_RULES[key];
      const isSeen = (this.seenKeys >> (<u64>key)) & 1;
      if (rule.isRequired && !isSeen)
        this.refuse(rule.name + " is missing, allowed: " + rule.allowed);
    }
    if (this.refusal.length == 0) this.judgeTogether();
  }

  /** What each key allows by itself, and no two of them. */
  private judgeTogether(): void {
    const config = this.config;
    const poolCount = config.pools.length + 1;
    if (config.indexMiB * poolCount > INDEXES_MIB_MAX) {
      const allowed = ", allowed: at most " + INDEXES_MIB_MAX.toString() + " for all of them";
      const found = config.indexMiB.toString() + " with " + poolCount.toString() + " pools";
      this.refuse("indexMiB is " + found + allowed);
    }
    const headers = [
      config.destinationHeader,
      config.modelHeader,
      config.objectiveHeader,
      config.ttftTargetHeader,
      config.tenantHeader,
    ];
    for (let i = 1; i < headers.length; i++) {
      if (headers[i].length == 0 || headers.indexOf(headers[i]) == i) continue;
      const first = HEADER_KEYS[headers.indexOf(headers[i])];
      const found = HEADER_KEYS[i] + ' is "' + headers[i] + '"';
      this.refuse(found + ", allowed: another header than " + first);
    }
  }

  open(_ctx: usize, isObject: bool): void {
    const isTop = this.depth++ == 0;
    if (isTop) this.isObject = isObject;
    if (isTop ? isObject : !isObject && this.beginList()) return;
    this.refuseValue(isTop, isObject ? "{...}" : "[...]");
  }

  close(_ctx: usize, _isObject: bool): void {
    this.depth--;
    if (this.isInList && this.refusal.length == 0) {
      setTexts(this.config, this.keyNumber, this.texts);
    }
    this.isInList = false;
  }

  /** False where the key's value is no list, or the list is inside another. */
  private beginList(): bool {
    const isKnown = this.refusal.length == 0 && this.keyNumber >= 0;
    if (!isKnown || this.isInList || KEY_RULES[this.keyNumber].kind != KeyKind.Texts) return false;
    this.isInList = true;
    this.texts = [];
    return true;
  }

  key(_ctx: usize, p: usize, n: i32): void {
    if (this.refusal.length > 0) return;
    if (n < 0) {
      this.refuse("a key is longer than " + JSON_KEY_BYTES_MAX.toString() + " bytes");
      return;
    }
    this.keyNumber = findKey(p, n);
    if (this.keyNumber < 0) {
      this.refuse(unknownKey(p, n));
      return;
    }
    const bit = (<u64>1) << (<u64>this.keyNumber);
    if (this.seenKeys & bit) this.refuse(KEY_RULES[this.keyNumber].name + " is given twice");
    this.seenKeys |= bit;
  }

  textBegin(_ctx: usize): void {
    this.textBytes = 0;
  }

  text(_ctx: usize, p: usize, n: u32): void {
    const kept = min(n, TEXT_BYTES_MAX - this.textBytes);
    memory.copy(changetype<usize>(this.textAt) + this.textBytes, p, kept);
    this.textBytes += kept;
  }

  textEnd(_ctx: usize): void {
    if (this.refusal.length > 0) return;
    const p = changetype<usize>(this.textAt);
    if (this.isInList) {
      if (!this.takeListed(p, this.textBytes)) this.refuseListed(shownText(p, this.textBytes));
      return;
    }
    if (this.depth != 1 || !this.takeText(p, this.textBytes)) {
      this.refuseValue(this.depth == 0, shownText(p, this.textBytes));
    }
  }

  scalar(_ctx: usize, p: usize, n: u32): void {
    if (this.refusal.length > 0) return;
    if (this.isInList) {
      this.refuseListed(shown(p, n));
      return;
    }
    if (this.depth != 1 || !this.takeScalar(p, n)) this.refuseValue(this.depth == 0, shown(p, n));
  }

  private refuseValue(isTop: bool, value: string): void {
    if (this.refusal.length > 0) return;
    if (isTop) {
      this.refuse("the JSON is " + value + ", allowed: an object");
      return;
    }
    const rule = KEY_RULES[this.keyNumber];
    this.refuse(rule.name + " is " + value + ", allowed: " + rule.allowed);
  }

  /** One value in a list. */
  private refuseListed(value: string): void {
    const rule = KEY_RULES[this.keyNumber];
    this.refuse(rule.name + " holds " + value + ", allowed: " + rule.allowed);
  }

  private takeListed(p: usize, n: u32): bool {
    const rule = KEY_RULES[this.keyNumber];
    if (this.texts.length == rule.countMax || !isWorded(rule, p, n)) return false;
    this.texts.push(String.UTF8.decodeUnsafe(p, n));
    return true;
  }

  private takeText(p: usize, n: u32): bool {
    const rule = KEY_RULES[this.keyNumber];
    if (rule.kind == KeyKind.Choice) {
      const choice = rule.choices.indexOf(shown(p, n));
      if (choice < 0) return false;
      setChoice(this.config, this.keyNumber, rule.choiceNumbers[choice]);
      return true;
    }
    if (rule.kind != KeyKind.Text || !isWorded(rule, p, n)) return false;
    setText(this.config, this.keyNumber, String.UTF8.decodeUnsafe(p, n));
    return true;
  }

  private takeScalar(p: usize, n: u32): bool {
    const rule = KEY_RULES[this.keyNumber];
    const word = shown(p, n);
    if (rule.kind == KeyKind.Bool) {
      if (word != "true" && word != "false") return false;
      setBool(this.config, this.keyNumber, word == "true");
      return true;
    }
    if (rule.kind != KeyKind.Integer && rule.kind != KeyKind.Number) return false;
    if (!isDigitOrMinus(load<u8>(p))) return false; // The scanner has judged the rest.
    // Envoy writes the numbers of a Struct as doubles, so the value decides, not its spelling.
    const value = F64.parseFloat(word) + 0.0; // + 0.0: -0 is 0.
    if (!(value >= rule.min && value <= rule.max)) return false;
    if (rule.kind == KeyKind.Integer && value != trunc<f64>(value)) return false;
    setNumber(this.config, this.keyNumber, value);
    return true;
  }
}

/** Whether the text has a length and letters that the rule allows. */
function isWorded(rule: KeyRule, p: usize, n: u32): bool {
  if (n < <u32>rule.min || n > <u32>rule.max) return false;
  for (let i: u32 = 0; i < n; i++) {
    if (!isAllowedChar(rule, load<u8>(p + i))) return false;
  }
  return true;
}

function isAllowedChar(rule: KeyRule, char: u8): bool {
  if (char >= 128) return false;
  const chars = char < 64 ? rule.charsBelow64 : rule.charsFrom64;
  return ((chars >> (<u64>(char & 63))) & 1) != 0;
}

function isDigitOrMinus(char: u8): bool {
  return char == 0x2d || (char >= 0x30 && char <= 0x39);
}

function fnv1a(p: usize, n: u32): u64 {
  let hash = FNV_OFFSET;
  for (let i: u32 = 0; i < n; i++) hash = (hash ^ (<u64>load<u8>(p + i))) * FNV_PRIME;
  return hash;
}
