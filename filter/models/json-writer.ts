// Writes bytes of a client as the inside of a JSON string that any reader takes.
import { ByteWriter } from "../host/bytes";

const QUOTE: u8 = 0x22;
const BACKSLASH: u8 = 0x5c;
/** Stands for a byte that is not UTF-8, or belongs to a character that is cut. */
const REPLACEMENT: u32 = 0xfffd;

/** Writes the text; quotes, backslashes and control characters are escaped, bad UTF-8 replaced. */
export function writeJsonText(to: ByteWriter, at: usize, size: u32): void {
  for (let i: u32 = 0; i < size;) {
    const byte = load<u8>(at + i);
    if (byte >= 0x80) {
      const bytes = characterBytes(at + i, size - i);
      if (bytes == 0) writeUnit(to, REPLACEMENT);
      else to.raw(at + i, bytes);
      i += max<u32>(bytes, 1);
      continue;
    }
    if (byte < 0x20 || byte == 0x7f) {
      writeUnit(to, byte);
    } else {
      if (byte == QUOTE || byte == BACKSLASH) to.byte(BACKSLASH);
      to.byte(byte);
    }
    i += 1;
  }
}

/** Bytes of the character beyond ASCII that begins here; 0 where it is not one (RFC 3629). */
function characterBytes(at: usize, room: u32): u32 {
  const lead = load<u8>(at);
  if (lead < 0xc2 || lead > 0xf4) return 0;
  const bytes: u32 = lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : 4;
  if (bytes > room) return 0;
  for (let i: u32 = 1; i < bytes; i++) {
    if ((load<u8>(at + i) & 0xc0) != 0x80) return 0;
  }
  const second = load<u8>(at + 1);
  // Longer than needed, a surrogate, or beyond the last code point.
  if (lead == 0xe0 && second < 0xa0) return 0;
  if (lead == 0xed && second > 0x9f) return 0;
  if (lead == 0xf0 && second < 0x90) return 0;
  return lead == 0xf4 && second > 0x8f ? 0 : bytes;
}

function writeUnit(to: ByteWriter, unit: u32): void {
  to.byte(BACKSLASH);
  to.byte(0x75);
  for (let shift: i32 = 12; shift >= 0; shift -= 4) {
    const digit = <u8>((unit >> shift) & 15);
    to.byte(digit < 10 ? 0x30 + digit : 0x57 + digit);
  }
}
