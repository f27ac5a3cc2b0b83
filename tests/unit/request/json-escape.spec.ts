// The escapes of RFC 8259, and code points against the standard library.
import { hexDigit, unescaped, utf8Bytes } from "../../../filter/request/json-escape";

describe("an escape", () => {
  test("is one of the eight of RFC 8259", () => {
    const letters = '"\\/bfnrt';
    const meanings = '"\\/\b\f\n\r\t';
    for (let i = 0; i < letters.length; i++) {
      expect(unescaped(letters.charCodeAt(i))).toBe(meanings.charCodeAt(i), letters.charAt(i));
    }
    let count = 0;
    for (let c: u32 = 0; c < 256; c++) count += <i32>(unescaped(c) != 0);
    expect(count).toBe(8);
  });

  test("has hexadecimal digits in either case", () => {
    for (let c: u32 = 0; c < 256; c++) {
      const value = hexDigit(c);
      const parsed = String.fromCharCode(c);
      const at = "0123456789abcdef".indexOf(parsed.toLowerCase());
      expect(value).toBe(c < 128 && at >= 0 ? at : u32.MAX_VALUE, parsed);
    }
  });
});

describe("a code point", () => {
  test("has the bytes that the standard library gives it", () => {
    const points: u32[] = [
      1, 0x41, 0x7f, 0x80, 0x7ff, 0x800, 0xd7ff, 0xe000, 0xffff, 0x10000, 0x10ffff,
    ];
    for (let i = 0; i < points.length; i++) {
      const encoded = String.UTF8.encode(String.fromCodePoint(points[i]));
      let expected: u32 = 0;
      for (let b = encoded.byteLength - 1; b >= 0; b--) {
        expected = (expected << 8) | load<u8>(changetype<usize>(encoded) + b);
      }
      expect(utf8Bytes(points[i])).toBe(expected, points[i].toString());
    }
  });
});
