// What the escapes of JSON strings stand for.

/** What the character after a backslash stands for; 0 when JSON has no such escape. */
export function unescaped(c: u32): u32 {
  switch (c) {
    case 0x6e:
      return 0x0a;
    case 0x22:
    case 0x5c:
    case 0x2f:
      return c;
    case 0x74:
      return 0x09;
    case 0x72:
      return 0x0d;
    case 0x62:
      return 0x08;
    case 0x66:
      return 0x0c;
    default:
      return 0;
  }
}

/** The value of a hexadecimal digit; u32.MAX_VALUE for another character. */
export function hexDigit(c: u32): u32 {
  if (c - 0x30 < 10) return c - 0x30;
  const letter = (c | 0x20) - 0x61;
  return letter < 6 ? letter + 10 : u32.MAX_VALUE;
}

/** The one to four bytes of a code point in UTF-8, the first in the lowest bits. */
export function utf8Bytes(point: u32): u32 {
  const last = 0x80 | (point & 0x3f);
  if (point < 0x80) return point;
  if (point < 0x800) return 0xc0 | (point >> 6) | (last << 8);
  const third = 0x80 | ((point >> 6) & 0x3f);
  if (point < 0x10000) return 0xe0 | (point >> 12) | (third << 8) | (last << 16);
  const second = 0x80 | ((point >> 12) & 0x3f);
  return 0xf0 | (point >> 18) | (second << 8) | (third << 16) | (last << 24);
}
