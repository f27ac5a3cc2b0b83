// Escaped strings and the bytes they decode to, cut at every byte.
import { traceBytes, traceText } from "./json-tracer";

/** What comes of an escaped string, cut anywhere. */
function decodes(escaped: string, told: string): void {
  const bytes = String.UTF8.encode('"' + escaped + '"');
  for (let cut = 0; cut <= bytes.byteLength; cut++) {
    expect(traceBytes(bytes, cut, cut)).toBe("'" + told + "' complete", escaped);
  }
  expect(traceText('{"' + escaped + '":0}')).toBe("{" + told + ":0,} complete", escaped);
}

describe("an escaped string", () => {
  test("decodes the short escapes", () => {
    decodes('\\"\\\\\\/\\b\\f\\n\\r\\t', '"\\/<08><0c><0a><0d><09>');
  });

  test("decodes code units to UTF-8 of one to three bytes", () => {
    decodes(
      "\\u0000\\u007F\\u0080\\u07fF\\u0800\\uffff",
      "<00><7f><c2><80><df><bf><e0><a0><80><ef><bf><bf>",
    );
  });

  test("joins surrogates to four bytes", () => {
    decodes("\\ud800\\udc00 \\uDBFF\\uDFFF", "<f0><90><80><80> <f4><8f><bf><bf>");
  });

  test("keeps a surrogate without partner as three bytes", () => {
    decodes("\\ud83d", "<ed><a0><bd>");
    decodes("\\ude00", "<ed><b8><80>");
    decodes("\\ud83dx", "<ed><a0><bd>x");
    decodes("\\ud83d\\n", "<ed><a0><bd><0a>");
    decodes("\\ud83d\\u0041", "<ed><a0><bd>A");
    decodes("\\ud83d\\ud83d\\ude00", "<ed><a0><bd><f0><9f><98><80>");
    decodes("\\ude00\\ud83d", "<ed><b8><80><ed><a0><bd>");
  });

  test("tolerates raw control characters", () => {
    decodes("a\nb\tc", "a<0a>b<09>c");
  });
});

describe("a string of any length", () => {
  test("is decoded the same wherever an escape falls within the vectors", () => {
    for (let before = 0; before < 40; before++) {
      const plain = "x".repeat(before);
      const text = plain + "\\n\\ud83d\\ude00" + plain;
      expect(traceText('"' + text + '"')).toBe(
        "'" + plain + "<0a><f0><9f><98><80>" + plain + "' complete",
      );
    }
  });
});
