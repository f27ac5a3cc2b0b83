// What JSON is and what it is not (RFC 8259), case by case: a document or a value, the verdict of
// the RFC, and where the filter takes or refuses more than the RFC does, with the reason.

/** "either": the RFC lets a reader choose. */
export type Verdict = "accept" | "reject" | "either";

export interface JsonCase {
  name: string;
  /** A character a byte, so that what is not UTF-8 can be written. */
  text: string;
  verdict: Verdict;
  /** Where it is not the RFC's: what the filter does. The reasons are in docs/fuzzing.md. */
  filter?: "accept" | "reject";
}

function utf8(text: string): string {
  return Buffer.from(text, "utf8").toString("latin1");
}

function all(verdict: Verdict, cases: Record<string, string>): JsonCase[] {
  return Object.entries(cases).map(([name, text]) => ({ name, text, verdict }));
}

/** Values: they stand in a body behind a key that means nothing. */
export const VALUES: readonly JsonCase[] = [
  ...all("accept", {
    "an empty object": "{}",
    "an empty list": "[]",
    "an empty string": '""',
    "an empty key": '{"":0}',
    "a repeated key": '{"a":1,"a":2}',
    "all kinds of white space": " \t\r\n[ \t\r\n1 \t\r\n, 2 \t\r\n] \t\r\n",
    "no white space": '[1,"a",null,true,false,{"b":[]}]',
    zero: "0",
    "minus zero": "-0",
    "a fraction": "0.000001",
    "an exponent": "1e5",
    "an exponent with a plus": "1E+05",
    "an exponent with a minus": "12.5e-007",
    "a number too large for a double": "1e400",
    "a number of 32 characters": "9".repeat(32),
    "every simple escape": '"\\"\\\\\\/\\b\\f\\n\\r\\t"',
    "an escaped zero": '"\\u0000"',
    "hexadecimal digits of both cases": '"\\uaBcD"',
    "an escaped pair of surrogates": '"\\ud83d\\ude00"',
    "a delete character": '"\u007f"',
    "UTF-8 of two, three and four bytes": utf8('"é€😀"'),
    "a byte order mark in a string": utf8('"\ufeff"'),
    "line separators in a string": utf8('"\u2028\u2029"'),
    "an unassigned code point": utf8('"\u0378"'),
    "a noncharacter": utf8('"\uffff"'),
    "a key with escapes": '{"\\u0061\\n":1}',
    "a slash that is not escaped": '"/"',
    "brackets and quotes in a string": '"[{\\"]}"',
    "64 levels with the body's own": "[".repeat(63) + "]".repeat(63),
    "a long key": `{"${"k".repeat(500)}":1}`,
    "a long string": `"${"s".repeat(70_000)}"`,
  }),
  ...all("reject", {
    "a comma at the end of a list": "[1,]",
    "a comma at the start of a list": "[,1]",
    "two commas": "[1,,2]",
    "a lone comma": "[,]",
    "no comma between items": "[1 2]",
    "a colon in a list": "[1:2]",
    "a comma at the end of an object": '{"a":1,}',
    "a comma alone in an object": "{,}",
    "a key without a value": '{"a"}',
    "a key with a colon alone": '{"a":}',
    "two colons": '{"a"::1}',
    "a comma for a colon": '{"a",1}',
    "a value without a key": "{:1}",
    "a bare key": "{a:1}",
    "a number as key": "{1:1}",
    "a word as key": "{null:1}",
    "a key in single quotes": "{'a':1}",
    "a list as key": "{[]:1}",
    "a list that an object's bracket closes": "[1}",
    "an object that a list's bracket closes": '{"a":1]',
    "a list that stays open": "[1",
    "an object that stays open": '{"a":1',
    "a string that stays open": '"a',
    "a string that ends in a backslash": '"a\\',
    "an escaped last quote": '"a\\"',
    "one bracket too many": "[]]",
    "a comment": "[1/*a*/]",
    "a line comment": "[1//a\n]",
    "a comment after #": "[1#a\n]",
    "single quotes": "'a'",
    "a leading zero": "01",
    "a leading zero behind a minus": "-01",
    "a leading plus": "+1",
    "a leading point": ".5",
    "a point at the end": "1.",
    "a point before an exponent": "1.e5",
    "an exponent without digits": "1e",
    "an exponent with a sign alone": "1e+",
    "two exponents": "1e5e5",
    "two points": "1.2.3",
    "a minus alone": "-",
    "two minuses": "--1",
    "a minus behind": "1-",
    "a space in a number": "- 1",
    "a hexadecimal number": "0x1F",
    "an underscore in a number": "1_000",
    "letters behind a number": "12abc",
    NaN: "NaN",
    Infinity: "Infinity",
    "minus Infinity": "-Infinity",
    undefined: "undefined",
    "True with a capital": "True",
    "a word that is cut": "tru",
    "a word that goes on": "nulll",
    "two words": "true false",
    "an escape that is none": '"\\x41"',
    "an escaped single quote": `"\\'"`,
    "an escaped line feed": '"\\\n"',
    "an escaped zero byte": '"\\\u0000"',
    "a unicode escape of three digits": '"\\u041"',
    "a unicode escape with a space": '"\\u00 1"',
    "a unicode escape with a sign": '"\\u+041"',
    "a capital unicode escape": '"\\U0041"',
    "a unicode escape that the string's end cuts": '"\\u00"',
    "an escape outside of a string": "\\n",
    "a form feed as white space": "[\f1]",
    "a vertical tab as white space": "[\v1]",
    "a zero byte as white space": "[\u0000]",
    "a no-break space as white space": utf8("[\u00a0]"),
    "a wide space as white space": utf8("[\u3000]"),
    "a byte order mark as white space": utf8("[\ufeff1]"),
    "bytes that are no UTF-8 outside of strings": "[\u00ff]",
  }),
  ...all("either", {
    "half of a surrogate pair": '"\\ud800"',
    "the second half alone": '"\\udc00"',
    "halves in the wrong order": '"\\ude00\\ud83d"',
    "a first half before a letter": '"\\ud800a"',
    "a first half before another escape": '"\\ud800\\n"',
    "two first halves and a second": '"\\ud800\\ud800\\udc00"',
  }).map((one): JsonCase => ({ ...one, filter: "accept" })),
  ...all("reject", {
    "a raw line feed in a string": '"a\nb"',
    "a raw tab in a string": '"a\tb"',
    "a raw zero byte in a string": '"a\u0000b"',
    "a raw control character in a key": '{"\u001f":1}',
    "a lone continuation byte": '"\u0080"',
    "an overlong slash": '"\u00c0\u00af"',
    "a surrogate as UTF-8": '"\u00ed\u00a0\u0080"',
    "a code point beyond the last": '"\u00f4\u0090\u0080\u0080"',
    "a character that is cut": '"\u00e2\u0082"',
    "a byte that UTF-8 never has": '"\u00ff"',
  }).map((one): JsonCase => ({ ...one, filter: "accept" })),
  ...all("accept", {
    "a number of 33 characters": "9".repeat(33),
    "a fraction of 100 digits": `0.${"3".repeat(100)}`,
    "65 levels with the body's own": "[".repeat(64) + "]".repeat(64),
    "10,000 levels": "[".repeat(10_000) + "]".repeat(10_000),
  }).map((one): JsonCase => ({ ...one, filter: "reject" })),
];

/** Whole bodies. */
export const DOCUMENTS: readonly JsonCase[] = [
  ...all("accept", {
    "a list": "[1]",
    "a string": '"a"',
    "an object in white space": ' \r\n{"a":1}\t ',
  }),
  ...all("reject", {
    "white space alone": " \n",
    "two documents": "{}{}",
    "a document and a comma": "{},",
    "a document and a word": '{"a":1} x',
    "a document and a zero byte": "{}\u0000",
    "a byte order mark before the document": utf8("\ufeff{}"),
    "a document in UTF-16": "{\u0000}\u0000",
    "a document in UTF-16, high bytes first": "\u0000{\u0000}",
    "two lines of JSON": '{"a":1}\n{"a":2}',
    "a form": "model=m&prompt=hi",
    XML: "<a/>",
    "a closing bracket": "}",
    "a quote": '"',
    "a first bracket": "{",
    "10,000 open brackets": "[".repeat(10_000),
    "100,000 open objects": '{"a":'.repeat(100_000),
  }),
  ...all("accept", {
    "a number": "1",
    "a word": "null",
  }).map((one): JsonCase => ({ ...one, filter: "reject" })),
];
