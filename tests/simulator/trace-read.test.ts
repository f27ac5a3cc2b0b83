// Traces: what a file may hold, how errors name it, and what its prompts share.
import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, describe, test } from "node:test";
import { hashSegments } from "../../simulator/engine/block-hash.js";
import { readTrace } from "../../simulator/traces/trace-traffic.js";
import { isStreamed } from "../../simulator/traffic/traffic.js";
import { promptTokens, type TrafficRequest } from "../../simulator/traffic/traffic.js";

const folder = mkdtempSync(join(tmpdir(), "warmroute-trace-"));
after(() => rmSync(folder, { recursive: true }));

const FILE = join(folder, "some.jsonl");

function read(...lines: (object | string)[]) {
  const texts = lines.map((line) => (typeof line === "string" ? line : JSON.stringify(line)));
  writeFileSync(FILE, texts.join("\n"));
  return readTrace(FILE);
}

function requestsOf(...lines: object[]): TrafficRequest[] {
  const { traffic } = read(...lines);
  const source = traffic.source(1);
  return lines.map((_, index) => source.first(index));
}

/** Prompt tokens in common, by whole KV blocks of one token. */
function sharedTokens(a: TrafficRequest, b: TrafficRequest): number {
  const [left, right] = [a, b].map(({ messages }) => hashSegments(messages, 1));
  const first = left!.findIndex((hash, index) => hash !== right![index]);
  return first < 0 ? left!.length : first;
}

// The two requests of the published description: 12 blocks of 512 in common, 6,144 tokens.
const PUBLISHED = [
  {
    timestamp: 27482,
    input_length: 6955,
    output_length: 52,
    hash_ids: [46, 47, 48, 49, 50, 51, 52, 53, 54, 55, 56, 57, 2353, 2354],
  },
  {
    timestamp: 30535,
    input_length: 6472,
    output_length: 26,
    hash_ids: [46, 47, 48, 49, 50, 51, 52, 53, 54, 55, 56, 57, 2366],
  },
];

describe("prompts", () => {
  test("Mooncake's published example shares the 6,144 tokens that its text names", () => {
    const [first, second] = requestsOf(...PUBLISHED);
    assert.equal(sharedTokens(first!, second!), 6144);
    assert.deepEqual(
      [first, second].map((one) => promptTokens(one!)),
      [6955, 6472],
    );
    assert.deepEqual([first!.outputTokens, second!.outputTokens], [52, 26]);
    assert.equal(first!.messages.length, 2);
    assert.deepEqual(read(...PUBLISHED).traffic.arrivalsMs, [0, 3053]);
  });

  test("both spellings are the same trace", () => {
    const ours = PUBLISHED.map((line) => ({
      atMs: line.timestamp + 1_790_000_000_000,
      promptTokens: line.input_length,
      outputTokens: line.output_length,
      hashIds: line.hash_ids,
      blockTokens: 512,
    }));
    assert.deepEqual(requestsOf(...ours), requestsOf(...PUBLISHED));
    assert.deepEqual(read(...ours).traffic.arrivalsMs, [0, 3053]);
  });

  const line = (hashIds: (number | string)[], more: object = {}) => ({
    ...{ atMs: 0, promptTokens: 40, outputTokens: 1, blockTokens: 10, hashIds, ...more },
  });

  for (const [title, one, other, shared] of [
    ["the same blocks, the last one partial", line([1, 2, 3, 4]), line([1, 2, 3, 4]), 40],
    ["one prompt that goes on", line([1, 2], { promptTokens: 20 }), line([1, 2, 3, 4]), 20],
    ["a partial block that both have", line([1, 2], { promptTokens: 15 }), line([1, 2]), 15],
    ["an equal block behind another beginning", line([1, 2, 3, 4]), line([9, 2, 3, 4]), 0],
    ["what no hash names is the request's own", line([1, 2]), line([1, 2]), 20],
    ["names in place of numbers", line(["a", "b", "c"]), line(["a", "b", "d"]), 20],
    ["another model", line([1, 2], { model: "x" }), line([1, 2], { model: "y" }), 0],
    ["another size of block", line([1, 2]), line([1, 2], { blockTokens: 20 }), 0],
    ["only lengths", line([]), line([]), 0],
    ["lengths and one session", line([], { session: "s" }), line([], { session: "s" }), 40],
    ["two sessions", line([], { session: "s" }), line([], { session: 7 }), 0],
    [
      "one session of two models",
      line([], { session: 1, model: "x" }),
      line([], { session: 1, model: "y" }),
      0,
    ],
  ] as const) {
    test(`in common: ${title}`, () => {
      const [first, second] = requestsOf(one, other);
      assert.equal(sharedTokens(first!, second!), shared);
    });
  }

  test("a session's next prompt begins with the last one and its answer", () => {
    const session = "chat 1";
    const [first, second, third] = requestsOf(
      { atMs: 0, promptTokens: 100, outputTokens: 30, session },
      { atMs: 1, promptTokens: 150, outputTokens: 10, session },
      { atMs: 2, promptTokens: 120, outputTokens: 10, session },
    );
    const answer = { role: "user", id: first!.answerId, tokens: 30 };
    assert.deepEqual(second!.messages[1], answer);
    assert.equal(second!.messages[2]!.tokens, 20);
    // A shorter prompt is the beginning of what was there, not longer than it.
    assert.equal(sharedTokens(second!, third!), 120);
    assert.equal(promptTokens(third!), 120);
  });
});

test("times are sorted, blank lines left out, keys of no meaning named", () => {
  const at = (atMs: number, promptTokens: number) => ({ atMs, promptTokens, outputTokens: 1 });
  const { traffic, unknownKeys } = read("", at(9, 1), { ...at(4, 2), turn: 1 }, " ", at(9, 3), "");
  const source = traffic.source(1);
  assert.deepEqual(traffic.arrivalsMs, [0, 5, 5]);
  assert.deepEqual(
    [0, 1, 2].map((i) => promptTokens(source.first(i))),
    [2, 1, 3],
  );
  assert.deepEqual(unknownKeys, ["turn"]);
  assert.equal(traffic.name, "some.jsonl");
});

const GOOD = { atMs: 5, promptTokens: 10, outputTokens: 1 };
for (const [line, message] of [
  ["{", /:3: not JSON: /],
  ["[1]", /:3: \[1\] is not allowed; it must be a JSON object$/],
  [{ ...GOOD, atMs: "5" }, /:3: atMs: "5" is not allowed; it must be ms from the start or since/],
  [{ ...GOOD, atMs: -1 }, /:3: atMs: -1 is not allowed; it must be ms from the start/],
  [{ ...GOOD, atMs: 1.79e18 }, /:3: atMs: 1790000000000000000 is not allowed/],
  [
    { ...GOOD, atMs: 1.79e12 },
    /:3: time 1790000000000 is .* after the first, 5 on line 1; .* 604800000 ms/,
  ],
  [
    { atMs: 1, promptTokens: 3 },
    /:3: outputTokens or output_length: is missing; it must be a whole/,
  ],
  [
    { ...GOOD, promptTokens: 0 },
    /:3: promptTokens: 0 is not allowed; it must be a whole number from 1 to 10000000/,
  ],
  [{ ...GOOD, promptTokens: 1.5 }, /:3: promptTokens: 1.5 is not allowed/],
  [{ ...GOOD, outputTokens: 1e7 }, /:3: outputTokens: 10000000 is not allowed.* 1000000$/],
  [{ ...GOOD, input_length: 3 }, /:3: promptTokens and input_length mean the same, allowed is one/],
  [
    { ...GOOD, hashIds: [1, -4] },
    /:3: hashIds\[1\]: -4 is not allowed; it must be a whole number from 0/,
  ],
  [
    { ...GOOD, hash_ids: [1, 2] },
    /:3: hash_ids: 2 hashes are not allowed; it must be at most 1, the blocks of 512/,
  ],
  [{ ...GOOD, hash_ids: 5 }, /:3: hash_ids: 5 is not allowed; it must be a list of hashes/],
  [
    { ...GOOD, block_size: 0 },
    /:3: block_size: 0 is not allowed; it must be a whole number from 1 to 65536/,
  ],
  [{ ...GOOD, stream: 1 }, /:3: stream: 1 is not allowed; it must be true or false$/],
  [
    { ...GOOD, session: "x".repeat(300) },
    /:3: session: "x+\.\.\. is not allowed; it must be a string of at most 256/,
  ],
  [
    `{"hashIds":[${"1,".repeat(5_000_000)}`,
    /:3: a line of more than 8388608 characters, the most$/,
  ],
] as const) {
  const shown = typeof line === "string" ? line : JSON.stringify(line);
  test(`refused: ${shown.slice(0, 60)}`, () => {
    assert.throws(() => read(GOOD, "", line, GOOD), message);
  });
}

test("refused: a file without requests, one that is not there", () => {
  assert.throws(() => read(" "), /some.jsonl: there is no request in it$/);
  assert.throws(() => readTrace(join(folder, "none")), /none: no such file or directory$/);
});

test("answers are streamed unless the line says otherwise", () => {
  const lines = [GOOD, { ...GOOD, stream: true }, { ...GOOD, stream: false }];
  const file = join(folder, "streams.jsonl");
  writeFileSync(file, lines.map((line) => JSON.stringify(line)).join("\n"));
  const source = readTrace(file).traffic.source(1);
  const streamed = lines.map((_, number) => isStreamed(source.first(number)));
  assert.deepEqual(streamed, [true, true, false]);
});
