// The simulator's `seed-qwq` against the design's table, which follows the published benchmark.
import assert from "node:assert/strict";
import { test } from "node:test";
import { meanFigures } from "../../simulator/run/figures.js";
import { shortRun } from "./run-support.js";

const SHARE_MAX = 0.1;
/** The first seeds of which the mean is taken; random routing needs more of them. */
const SEEDS = 2;
const RANDOM_SEEDS = 4;

/** TTFT in ms, tokens/s, sd of KV use: of the study, means of 3 seeds of another generator. */
const ROWS = [
  { rule: "random", mean: 2405, p50: 1418, tokensPerS: 898, kvUseSd: 0.18 },
  { rule: "round-robin", mean: 1467, p50: 1319, tokensPerS: 917, kvUseSd: 0.097 },
  { rule: "least-request", mean: 1560, p50: 1375, tokensPerS: 919, kvUseSd: 0.079 },
  { rule: "seed-default", mean: 1873, p50: 1542, tokensPerS: 919, kvUseSd: 0.047 },
  { rule: "least-in-flight", mean: 1494, p50: 1345, tokensPerS: 921, kvUseSd: 0.041 },
];

for (const { rule, ...expected } of ROWS) {
  test(`seed-qwq under ${rule} is within 10 % of the study's row`, () => {
    const runs = Array.from({ length: rule === "random" ? RANDOM_SEEDS : SEEDS }, (_, i) =>
      shortRun({ workload: "seed-qwq", rule, seed: i + 1, conversations: 3000 }),
    );
    const { ttftMs, tokensPerS, kvUseSd } = meanFigures(runs.map(({ figures }) => figures));
    const actual = { mean: ttftMs.mean, p50: ttftMs.p50, tokensPerS, kvUseSd };
    for (const [name, value] of Object.entries(expected)) {
      const got = actual[name as keyof typeof actual];
      const message = `${name} is ${got}, the study's is ${value}`;
      assert.ok(Math.abs(got / value - 1) <= SHARE_MAX, message);
    }
  });
}

test("the filter beats the published extension's mean and keeps the tokens of round robin", () => {
  const [warmroute, roundRobin] = ["warmroute", "round-robin"].map((rule) =>
    shortRun({ workload: "seed-qwq", rule, conversations: 3000 }),
  );
  const { ttftMs, tokensPerS, kvUseSd } = warmroute!.figures;
  assert.ok(ttftMs.mean <= 1530, `mean TTFT ${ttftMs.mean}, the extension's is 1,797`);
  assert.ok(tokensPerS >= roundRobin!.figures.tokensPerS * 0.96, `${tokensPerS} tokens/s`);
  assert.ok(kvUseSd <= 0.045, `sd of KV use ${kvUseSd}`);
});
