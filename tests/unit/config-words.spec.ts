// The words of a refusal: any bytes become one printable line, a key finds its nearest.
import { findKey, shown, shownText, unknownKey } from "../../filter/config-words";
import { KEY_COUNT, KEY_RULES } from "../../filter/generated/config-keys";

function shownOf(text: string): string {
  const bytes = String.UTF8.encode(text);
  return shown(changetype<usize>(bytes), bytes.byteLength);
}

function unknown(name: string): string {
  const bytes = String.UTF8.encode(name);
  return unknownKey(changetype<usize>(bytes), bytes.byteLength);
}

describe("bytes are shown", () => {
  test("as they are when they are printable ASCII", () => {
    expect(shownOf(" a~")).toBe(" a~");
    expect(shownOf("")).toBe("");
  });

  test("with escapes otherwise, so that the line stays one line", () => {
    expect(shownOf("a\nb\r\t\0\x7f")).toBe("a\\x0ab\\x0d\\x09\\x00\\x7f");
    expect(shownOf('"\\')).toBe('\\"\\\\');
    expect(shownOf("\u00a0")).toBe("\\xc2\\xa0");
  });

  test("up to 80 characters, an escape never cut", () => {
    expect(shownOf("x".repeat(80))).toBe("x".repeat(80));
    expect(shownOf("x".repeat(81))).toBe("x".repeat(80) + "...");
    expect(shownOf("x".repeat(77) + "\n")).toBe("x".repeat(77) + "...");
    expect(shownOf("x".repeat(76) + "\n")).toBe("x".repeat(76) + "\\x0a");
  });

  test("in quotes when they are a string", () => {
    const bytes = String.UTF8.encode("a b");
    expect(shownText(changetype<usize>(bytes), 3)).toBe('"a b"');
  });
});

describe("a key", () => {
  test("is found by its exact name only", () => {
    for (let key = 0; key < KEY_COUNT; key++) {
      const bytes = String.UTF8.encode(KEY_RULES[key].name);
      const p = changetype<usize>(bytes);
      expect(findKey(p, bytes.byteLength)).toBe(key);
      const isOther = KEY_RULES[key].name != "pools";
      if (isOther) expect(findKey(p, bytes.byteLength - 1)).toBe(-1, "the last letter is missing");
      store<u8>(p, load<u8>(p) ^ 0x20);
      expect(findKey(p, bytes.byteLength)).toBe(-1, "the case of the first letter is wrong");
    }
  });

  test("is near with up to two fifths of its letters wrong; the case does not count", () => {
    expect(unknown("POOL")).toBe("POOL is not a known key, nearest: pool");
    expect(unknown("xool")).toBe("xool is not a known key, nearest: pool");
    expect(unknown("ppool")).toBe("ppool is not a known key, nearest: pool");
    expect(unknown("alhpa")).toBe("alhpa is not a known key, nearest: alpha");
    expect(unknown("apha")).toBe("apha is not a known key, nearest: alpha");
    expect(unknown("pollInterval")).toBe(
      "pollInterval is not a known key, nearest: pollIntervalMs",
    );
  });

  test("is near to none with more edits", () => {
    expect(unknown("xxol")).toBe("xxol is not a known key, allowed: " + allKeys());
    expect(unknown("\n").startsWith("\\x0a is not a known key, allowed: pool, ")).toBe(true);
  });
});

function allKeys(): string {
  let all = "";
  for (let key = 0; key < KEY_COUNT; key++) all += (key > 0 ? ", " : "") + KEY_RULES[key].name;
  return all;
}
