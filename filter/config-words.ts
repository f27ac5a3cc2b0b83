// Words of a configuration refusal: bytes made printable, keys found by name or nearest to one.
import { KEY_COUNT, KEY_RULES } from "./generated/config-keys";

/** A value or key is shown up to here: the line must stay readable in a log. */
const SHOWN_CHARS_MAX: i32 = 80;
const HEX_DIGITS: string = "0123456789abcdef";

/** Number of the key that is written so, or -1. */
export function findKey(p: usize, n: i32): i32 {
  const name = shown(p, n);
  for (let key = 0; key < KEY_COUNT; key++) {
    if (KEY_RULES[key].name == name) return key;
  }
  return -1;
}

/** The end of a refusal for a key that there is not. */
export function unknownKey(p: usize, n: i32): string {
  const name = shown(p, n);
  const said = (name.length > 0 ? name : '""') + " is not a known key, ";
  const nearest = nearestKey(name);
  if (nearest >= 0) return said + "nearest: " + KEY_RULES[nearest].name;
  let all = KEY_RULES[0].name;
  for (let key = 1; key < KEY_COUNT; key++) all += ", " + KEY_RULES[key].name;
  return said + "allowed: " + all;
}

/** A string value as in JSON, in quotes. */
export function shownText(p: usize, n: u32): string {
  return '"' + shown(p, n) + '"';
}

/**
 * The bytes as text without line breaks. Anything beyond ASCII is shown in hex: a look-alike or a
 * space that cannot be seen is the likely reason of the refusal.
 */
export function shown(p: usize, n: u32): string {
  let text = "";
  for (let i: u32 = 0; i < n; i++) {
    const char = shownChar(load<u8>(p + i));
    if (text.length + char.length > SHOWN_CHARS_MAX) return text + "...";
    text += char;
  }
  return text;
}

function shownChar(char: u8): string {
  if (char == 0x22 || char == 0x5c) return "\\" + String.fromCharCode(char);
  if (char >= 0x20 && char < 0x7f) return String.fromCharCode(char);
  return "\\x" + HEX_DIGITS.charAt(char >> 4) + HEX_DIGITS.charAt(char & 15);
}

/** The key with the fewest edits, -1 when even that is more than two fifths of its letters. */
function nearestKey(name: string): i32 {
  let nearest = -1;
  let editsMin = i32.MAX_VALUE;
  for (let key = 0; key < KEY_COUNT; key++) {
    const known = KEY_RULES[key].name;
    const edits = countEdits(name, known);
    if (edits < editsMin && edits * 5 <= known.length * 2) {
      nearest = key;
      editsMin = edits;
    }
  }
  return nearest;
}

/** Levenshtein distance without regard to case; row by row over `b`. */
function countEdits(a: string, b: string): i32 {
  const row = new StaticArray<i32>(b.length + 1);
  for (let j = 0; j <= b.length; j++) row[j] = j;
  for (let i = 1; i <= a.length; i++) {
    let diagonal = row[0];
    row[0] = i;
    for (let j = 1; j <= b.length; j++) {
      const isSame = fold(a.charCodeAt(i - 1)) == fold(b.charCodeAt(j - 1));
      const replaced = diagonal + (isSame ? 0 : 1);
      diagonal = row[j];
      row[j] = min(replaced, min(diagonal, row[j - 1]) + 1);
    }
  }
  return row[b.length];
}

function fold(char: i32): i32 {
  return char >= 0x41 && char <= 0x5a ? char | 0x20 : char;
}
