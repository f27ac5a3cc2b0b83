// Documents as lines: what a scan tells of them, whole and cut at every byte.
import { JsonStatus } from "../../../filter/request/json-scanner";
import { scanner, traceBytes, traceSingly, traceText } from "./json-tracer";

const DOCUMENT =
  ' {"a" : [1, -2.5e+3 ,true,null,"x"],\r\n\t"esc\\u0061ped":"tab\\t \\u00e9 \\ud83d\\ude00 ' +
  '\\ud83d.", ' +
  '"a string of more than two vectors, with \\"quotes\\" in it": {"":[[],{}]}, "é漢": "é漢😀"} \n';
const TRACE =
  "{a:[1,-2.5e+3,true,null,'x']escaped:'tab<09> <c3><a9> <f0><9f><98><80> <ed><a0><bd>.'" +
  'a string of more than two vectors, with "quotes" in it:{:[[]{}]}' +
  "<c3><a9><e6><bc><a2>:'<c3><a9><e6><bc><a2><f0><9f><98><80>'} complete";

function repeated(text: string, count: i32): string {
  return text.repeat(count);
}

describe("a scan", () => {
  test("tells a document in its order", () => {
    expect(traceText(DOCUMENT)).toBe(TRACE);
  });

  test("is the same when the document is split at any two bytes", () => {
    const bytes = String.UTF8.encode(DOCUMENT);
    for (let first = 0; first <= bytes.byteLength; first++) {
      const second = first + (bytes.byteLength - first) / 3;
      const told = traceBytes(bytes, first, second);
      if (told != TRACE) expect(told).toBe(TRACE, first.toString());
    }
    expect(traceSingly(bytes)).toBe(TRACE);
  });

  test("hands on text longer than its stage whole", () => {
    const text = repeated("0123456789abcde\\n", 700);
    const expected = "'" + repeated("0123456789abcde<0a>", 700) + "' complete";
    expect(traceText('"' + text + '"')).toBe(expected);
    expect(traceBytes(String.UTF8.encode('"' + text + '"'), 5000, 5001)).toBe(expected);
  });

  test("knows the range of a string with its quotes", () => {
    traceText('{"model": "abc"');
    expect(scanner.consumed).toBe(15);
    expect(scanner.depth).toBe(1);
  });
});

function refuses(text: string): void {
  const told = traceText(text);
  expect(told.endsWith(" malformed")).toBe(true, text + " told as " + told);
  expect(traceSingly(String.UTF8.encode(text)).endsWith(" malformed")).toBe(true, text);
}

function accepts(text: string): void {
  expect(traceText(text).endsWith(" complete")).toBe(true, text);
}

describe("a document", () => {
  test("that ends early is malformed at every byte", () => {
    const whole = '{"a":[1,"b\\u0041",{"c":true}],"d":{}}';
    accepts(whole);
    for (let n = 0; n < whole.length; n++) refuses(whole.substr(0, n));
  });

  test("may hold nothing but white space behind its value", () => {
    accepts("{} \n\r\t");
    refuses("{} x");
    refuses("{}{}");
    refuses("[]]");
    refuses("1 2");
  });

  test("must have its commas and colons in place", () => {
    refuses("[1,]");
    refuses("[,1]");
    refuses("[1 2]");
    refuses('{"a":1,}');
    refuses('{"a" 1}');
    refuses('{"a":}');
    refuses('{"a"}');
    refuses("{1:2}");
    refuses('["a":1]');
    refuses("[}");
    refuses('{"a":1]');
    refuses("\u00a0{}");
  });

  test("must spell words and numbers as JSON does", () => {
    accepts("-0.5E-7");
    accepts("[0,10,-0]");
    refuses("[01]");
    refuses("[1.]");
    refuses("[.5]");
    refuses("[+1]");
    refuses("[1e]");
    refuses("[-]");
    refuses("[True]");
    refuses("[nul]");
    refuses("[NaN]");
    refuses("[" + repeated("1", 33) + "]");
    accepts("[" + repeated("1", 32) + "]");
  });

  test("must escape as JSON does", () => {
    refuses('"\\x"');
    refuses('"\\u12g4"');
    refuses('"\\');
    accepts('"\\/\\b\\f"');
  });

  test("may nest 64 deep and no deeper", () => {
    accepts(repeated("[", 64) + repeated("]", 64));
    expect(traceText(repeated("[", 65)).endsWith(" too deep")).toBe(true);
    expect(traceText(repeated('{"a":', 10000)).endsWith(" too deep")).toBe(true);
  });
});

describe("keys", () => {
  test("are told up to 64 bytes and reported as long beyond", () => {
    const key = repeated("k", 64);
    expect(traceText('{"' + key + '":1}')).toBe("{" + key + ":1,} complete");
    expect(traceText('{"k' + key + '":1}')).toBe("{LONG:1,} complete");
    expect(traceText('{"' + repeated("\\u006b", 64) + '":1}')).toBe("{" + key + ":1,} complete");
    expect(traceText('{"' + repeated("\\u006b", 65) + '":1}')).toBe("{LONG:1,} complete");
  });
});

describe("bytes that are no UTF-8", () => {
  test("pass through strings as they are", () => {
    const bytes = String.UTF8.encode('{"k?":"a?b"}');
    const at = changetype<usize>(bytes);
    store<u8>(at + 3, 0xff);
    store<u8>(at + 8, 0xc0);
    expect(traceBytes(bytes, 0, 0)).toBe("{k<ff>:'a<c0>b'} complete");
  });

  test("are malformed outside of strings", () => {
    for (let byte = 0x80; byte < 0x100; byte++) {
      const bytes = new ArrayBuffer(1);
      store<u8>(changetype<usize>(bytes), <u8>byte);
      expect(traceBytes(bytes, 0, 0)).toBe(" malformed");
    }
  });
});

describe("a failed scan", () => {
  test("stays failed and tells nothing more", () => {
    expect(traceBytes(String.UTF8.encode('{"a":x,"b":1}'), 6, 9)).toBe("{a: malformed");
    expect(scanner.finish()).toBe(JsonStatus.Malformed);
  });
});
