// Clients' bytes inside a JSON string.
import { ByteWriter } from "../../../filter/host/bytes";
import { writeJsonText } from "../../../filter/models/json-writer";

/** What is written for these bytes. */
function written(bytes: u8[], size: i32 = -1): string {
  const from = new Uint8Array(bytes.length + 1);
  for (let i = 0; i < bytes.length; i++) from[i] = bytes[i];
  const to = new ByteWriter(256);
  writeJsonText(to, from.dataStart, size < 0 ? bytes.length : size);
  return String.UTF8.decodeUnsafe(to.at, to.size);
}

function textOf(text: string): string {
  const bytes = Uint8Array.wrap(String.UTF8.encode(text));
  const list: u8[] = [];
  for (let i = 0; i < bytes.length; i++) list.push(bytes[i]);
  return written(list);
}

describe("text", () => {
  test("is written as it is", () => {
    expect(textOf("")).toBe("");
    expect(textOf("a/b-C_9.~")).toBe("a/b-C_9.~");
    expect(textOf("\u00e9\u07ff\u0800\ud7ff\ue000\uffff\u{10000}\u{10ffff}")).toBe(
      "\u00e9\u07ff\u0800\ud7ff\ue000\uffff\u{10000}\u{10ffff}",
    );
  });

  test("has quotes, backslashes and control characters escaped", () => {
    expect(textOf('"\\\n\x1f\x7f')).toBe('\\"\\\\\\u000a\\u001f\\u007f');
  });
});

describe("bytes that are not UTF-8 are replaced:", () => {
  test("those that stand alone", () => {
    expect(written([0x61, 0x80, 0x62])).toBe("a\\ufffdb");
    expect(written([0xff, 0xc0, 0xc1, 0xf5])).toBe("\\ufffd\\ufffd\\ufffd\\ufffd");
  });

  test("characters that are cut", () => {
    expect(written([0x61, 0xc3])).toBe("a\\ufffd");
    expect(written([0xf0, 0x9f, 0x98, 0x80], 3)).toBe("\\ufffd\\ufffd\\ufffd");
    expect(written([0xe2, 0x82, 0x41])).toBe("\\ufffd\\ufffdA");
  });

  test("longer spellings, surrogates, and what is beyond the last code point", () => {
    expect(written([0xe0, 0x9f, 0xbf])).toBe("\\ufffd\\ufffd\\ufffd");
    expect(written([0xed, 0xa0, 0x80])).toBe("\\ufffd\\ufffd\\ufffd");
    expect(written([0xf0, 0x8f, 0xbf, 0xbf])).toBe("\\ufffd\\ufffd\\ufffd\\ufffd");
    expect(written([0xf4, 0x90, 0x80, 0x80])).toBe("\\ufffd\\ufffd\\ufffd\\ufffd");
  });
});
