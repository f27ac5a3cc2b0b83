// Writes a document anew in another spelling: escapes, white space, the order of keys.
import type { Node, ObjectNode } from "./json-reader.js";
import { below, pick, type Random } from "./spelling.js";

/** Null where a key is repeated: then the order counts. */
export function respell(random: Random, node: Node): string | null {
  switch (node.kind) {
    case "word":
      return node.text;
    case "text":
      return spelled(random, node.bytes);
    case "list": {
      const items = node.items.map((item) => respell(random, item));
      return items.includes(null) ? null : `[${gap(random)}${items.join(`${gap(random)},`)}]`;
    }
    case "object":
      return object(random, node);
  }
}

function object(random: Random, { members }: ObjectNode): string | null {
  const keys = members.map(({ key }) => Buffer.from(key).toString("latin1"));
  if (new Set(keys).size < keys.length) return null;
  const written: string[] = [];
  for (const { key, value } of members) {
    const text = respell(random, value);
    if (text === null) return null;
    written.splice(
      below(random, written.length + 1),
      0,
      `${spelled(random, key)}${gap(random)}:${gap(random)}${text}`,
    );
  }
  return `{${written.join(`${gap(random)},${gap(random)}`)}${gap(random)}}`;
}

function gap(random: Random): string {
  return random() < 0.7 ? "" : pick(random, [" ", "\n", "\t\r "]);
}

/** What is ASCII may be escaped; all else stays as it is, for it may be no UTF-8. */
function spelled(random: Random, bytes: Uint8Array): string {
  let text = "";
  for (const byte of bytes) {
    const c = String.fromCharCode(byte);
    if (byte < 0x20 || (byte < 0x80 && random() < 0.05)) {
      const hex = byte.toString(16).padStart(4, "0");
      text += `\\u${random() < 0.5 ? hex : hex.toUpperCase()}`;
    } else text += c === '"' || c === "\\" ? `\\${c}` : c;
  }
  return `"${text}"`;
}
