// The reader of the text format: forms of lines, splits anywhere, lines without end.
import assert from "node:assert/strict";
import { test } from "node:test";
import {
  ExpositionParser,
  LINE_BYTES_MAX,
  NameSet,
} from "../../../sidecar-metrics/src/scrape/exposition.js";
import { fixture } from "../support/support.js";

type Seen = [string, Record<string, string>, number];

function parse(chunks: (string | Buffer)[], names: string[]): { seen: Seen[]; help: string[] } {
  const seen: Seen[] = [];
  const help: string[] = [];
  const parser = new ExpositionParser(new NameSet(names), {
    sample: (name, labels, value) => seen.push([name, Object.fromEntries(labels), value]),
    help: (name, text) => help.push(`${name}: ${text}`),
  });
  for (const chunk of chunks) parser.feed(Buffer.from(chunk));
  parser.end();
  return { seen, help };
}

const LINES: [string, string, Seen[]][] = [
  ["a bare value", "a 1\n", [["a", {}, 1]]],
  ["no newline at the end", "a 1", [["a", {}, 1]]],
  ["carriage returns", "a 1\r\n", [["a", {}, 1]]],
  ["leading and inner blanks", " \ta  \t2.5 \n", [["a", {}, 2.5]]],
  ["a time stamp", "a 3 1712345678901\n", [["a", {}, 3]]],
  ["labels", 'a{x="1",y="two"} 4\n', [["a", { x: "1", y: "two" }, 4]]],
  ["blanks and a last comma in labels", 'a{ x = "1" , } 4\n', [["a", { x: "1" }, 4]]],
  ["escapes", 'a{x="q\\"b\\\\n\\nz"} 4\n', [["a", { x: 'q"b\\n\nz' }, 4]]],
  ["braces and commas inside a label", 'a{x="},{"} 4\n', [["a", { x: "},{" }, 4]]],
  ["empty labels", "a{} 4\n", [["a", {}, 4]]],
  [
    "exponents",
    "a 1.5e+09\na .5E-1\n",
    [
      ["a", {}, 1.5e9],
      ["a", {}, 0.05],
    ],
  ],
  ["no number", "a NaN\n", [["a", {}, NaN]]],
  ["infinity is not a load", "a +Inf\n", [["a", {}, NaN]]],
  ["hexadecimal is no number", "a 0x10\n", [["a", {}, NaN]]],
  ["a missing value", "a\n", [["a", {}, NaN]]],
  ["labels without an end", 'a{x="1 4\n', [["a", {}, NaN]]],
  ["names that only begin alike", "aa 1\na_total 2\n", []],
  ["comments and empty lines", "# TYPE a gauge\n#\n\n   \n", []],
];

for (const [name, text, expected] of LINES) {
  test(`reads ${name}`, () => assert.deepEqual(parse([text], ["a"]).seen, expected));
}

test("HELP is told for names asked for", () => {
  const { help } = parse(["# HELP a in blocks\n# HELP b no\n# HELP a\n"], ["a"]);
  assert.deepEqual(help, ["a: in blocks", "a: "]);
});

test("a page split at any byte reads the same", () => {
  const page = fixture("metrics/vllm-v0.txt");
  const names = ["vllm:num_requests_waiting", "vllm:cache_config_info", "vllm:prompt_tokens_total"];
  const whole = parse([page], names);
  assert.equal(whole.seen.length, 3);
  for (let at = 0; at <= page.length; at++) {
    assert.deepEqual(parse([page.subarray(0, at), page.subarray(at)], names), whole);
  }
  assert.deepEqual(
    parse(
      Array.from(page, (byte) => Buffer.from([byte])),
      names,
    ),
    whole,
  );
});

test("a line without end is skipped, whole or in pieces, and the next one is read", () => {
  const long = `a{x="${"y".repeat(LINE_BYTES_MAX)}"} 1`;
  assert.deepEqual(parse([`${long}\na 2\n`], ["a"]).seen, [["a", {}, 2]]);
  const pieces = long.match(/.{1,1000}/g) ?? [];
  assert.deepEqual(parse([...pieces, "\na 2\n"], ["a"]).seen, [["a", {}, 2]]);
});

test("arbitrary bytes never throw", () => {
  let state = 12_345;
  for (let round = 0; round < 200; round++) {
    const bytes = Buffer.alloc(300);
    for (let at = 0; at < bytes.length; at++) {
      state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0;
      bytes[at] = ["a", "{", "}", '"', "\\", " ", "\n", "=", ",", "1"][
        (state >>> 16) % 10
      ]!.charCodeAt(0);
    }
    parse([bytes.subarray(0, 77), bytes.subarray(77)], ["a", "aa", "a1"]);
  }
});
