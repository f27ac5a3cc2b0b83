// The hash of a JSON value by what it means, for the reference reading: tools, tool calls, names.
import { type Hash, mixed, plus, taken, word } from "./chain.js";
import type { Node } from "./json-reader.js";
import { hashBytes } from "./siphash.js";

const STRING = 1;
const SCALAR = 2;
const KEY = 3;
const OBJECT = 4;
const LIST = 5;
const LONG_KEY = 6;
const KEY_BYTES_MAX = 64;
/** Quotes and a colon or comma. */
const QUOTED_BYTES = 3;

export interface ValueHash {
  hash: Hash;
  /** About how long it is as compact JSON. */
  bytes: number;
}

let scratch = new Uint8Array(1 << 12);

function tagged(tag: number, bytes: Uint8Array): Hash {
  if (scratch.length <= bytes.length) scratch = new Uint8Array(2 * bytes.length);
  scratch[0] = tag;
  scratch.set(bytes, 1);
  hashBytes(scratch, bytes.length + 1);
  return taken();
}

export function isWord(bytes: Uint8Array, text: string): boolean {
  if (bytes.length !== text.length) return false;
  for (let i = 0; i < text.length; i++) if (bytes[i] !== text.charCodeAt(i)) return false;
  return true;
}

/** Of a key that is too long to be told, in an object that is not itself a value. */
export function keyHash(key: Uint8Array): Hash {
  return tagged(KEY, key.length > KEY_BYTES_MAX ? new Uint8Array(0) : key);
}

export function hashValue(node: Node, isInside = false): ValueHash {
  switch (node.kind) {
    case "text": {
      const { bytes } = node;
      return { hash: tagged(STRING, bytes), bytes: bytes.length + (isInside ? QUOTED_BYTES : 0) };
    }
    case "word":
      return {
        hash: tagged(SCALAR, Buffer.from(node.text, "latin1")),
        bytes: node.text.length + 1,
      };
    case "list": {
      let hash = word(LIST);
      let bytes = 2;
      for (const item of node.items) {
        const one = hashValue(item, true);
        hash = mixed(hash, one.hash);
        bytes += one.bytes;
      }
      return { hash: mixed(hash, word(LIST)), bytes };
    }
    case "object": {
      let hash = word(OBJECT);
      let bytes = 2;
      for (const { key, value } of node.members) {
        if (isWord(key, "cache_control")) continue;
        const isLong = key.length > KEY_BYTES_MAX;
        const one = hashValue(value, true);
        hash = plus(hash, mixed(isLong ? word(LONG_KEY) : tagged(KEY, key), one.hash));
        bytes += one.bytes + (isLong ? 0 : key.length) + QUOTED_BYTES;
      }
      return { hash: mixed(hash, word(OBJECT)), bytes };
    }
  }
}
