// The numbers and words of RFC 8259.
import { isNull, isScalar, isTrue, wholeNumber } from "../../../filter/request/json-scalar";

function scalar(text: string): bool {
  const bytes = String.UTF8.encode(text);
  return isScalar(changetype<usize>(bytes), bytes.byteLength);
}
function whole(text: string): i64 {
  const bytes = String.UTF8.encode(text);
  return wholeNumber(changetype<usize>(bytes), bytes.byteLength);
}
function all(texts: string[], expected: bool): void {
  for (let i = 0; i < texts.length; i++) expect(scalar(texts[i])).toBe(expected, texts[i]);
}

describe("a scalar", () => {
  test("is a word of JSON or a number of RFC 8259", () => {
    all(["true", "false", "null", "0", "-0", "10", "-1.5", "0.25", "1e5", "1E+5", "2.5e-10"], true);
  });

  test("is nothing else", () => {
    all(["", "tru", "True", "nulll", "falsy", "-", "00", "01", "-01", "1.", ".1"], false);
    all(["1e", "1e+", "e5", "+1", "1.5.2", "1-2", "0x10", "NaN", "Infinity", "--1"], false);
  });

  test("may be asked for true and null", () => {
    const bytes = String.UTF8.encode("truenull");
    const p = changetype<usize>(bytes);
    expect(isTrue(p, 4)).toBe(true);
    expect(isTrue(p + 4, 4)).toBe(false);
    expect(isTrue(p, 3)).toBe(false);
    expect(isNull(p + 4, 4)).toBe(true);
    expect(isNull(p, 4)).toBe(false);
  });
});

describe("a whole number", () => {
  test("is read from plain digits", () => {
    expect(whole("0")).toBe(0);
    expect(whole("4294967294")).toBe(4294967294);
  });

  test("stops at the largest u32", () => {
    expect(whole("4294967296")).toBe(4294967295);
    expect(whole("9".repeat(32))).toBe(4294967295);
  });

  test("is -1 for anything else", () => {
    expect(whole("")).toBe(-1);
    expect(whole("-1")).toBe(-1);
    expect(whole("1.0")).toBe(-1);
    expect(whole("1e3")).toBe(-1);
    expect(whole("null")).toBe(-1);
  });
});
