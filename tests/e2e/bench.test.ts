// `./build.sh bench envoy` at its smallest: it runs, loses no request and says what it promises.
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { describe, test } from "node:test";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { rotated } from "../../benchmarks/envoy/measure.js";
import { makeRequests } from "../../benchmarks/envoy/prompts.js";
import { judge, spread } from "../../benchmarks/envoy/statistics.js";

const ENTRY = fileURLToPath(new URL("../../benchmarks/envoy/main.js", import.meta.url));
const SMALL = ["--sizes", "2,220", "--pairs", "2", "--seconds", "0.4", "--connections", "20"];
const SHORT_PEAK = ["--peak-seconds", "0.4", "--peak-rounds", "1", "--rate-share", "0.1"];
const EXIT_OVER_LIMIT = 2;
const COLUMNS_MAX = 80;

interface Answer {
  figures: { sizeKb: number; name: string; value: number; limit: number | null; verdict: string }[];
  failed: number;
  routedShare: number;
}

/** A run this short may well be over a limit; that is not what is tested. */
async function runBench(args: string[]): Promise<string> {
  try {
    return (await promisify(execFile)(process.execPath, [ENTRY, ...args])).stdout;
  } catch (error) {
    const { code, stdout } = error as { code?: number; stdout?: string };
    if (code === EXIT_OVER_LIMIT && stdout !== undefined) return stdout;
    throw error;
  }
}

describe("the Envoy benchmark", () => {
  test("a small run measures every figure, loses nothing, fits the terminal", async () => {
    const output = await runBench([...SMALL, ...SHORT_PEAK, "--json"]);
    const lines = output.trimEnd().split("\n");
    const answer = JSON.parse(lines.pop() ?? "") as Answer;
    assert.deepEqual(
      lines.filter((line) => line.length > COLUMNS_MAX),
      [],
    );
    assert.equal(answer.failed, 0);
    assert.ok(answer.routedShare > 0.9, `only ${answer.routedShare} of the requests were picked`);
    assert.deepEqual(
      answer.figures.map((figure) => [figure.sizeKb, figure.name, figure.limit]),
      [
        [2, "routed, added CPU", 0.03],
        [2, "control, added CPU", null],
        [2, "routed, peak kept", null],
        [2, "control, peak kept", null],
        [220, "routed, added CPU", 0.25],
        [220, "control, added CPU", null],
        [220, "routed, peak kept", 0.7],
        [220, "control, peak kept", null],
      ],
    );
    const verdicts = ["ok", "over", "not resolved on this machine", "no limit"];
    for (const { value, verdict } of answer.figures) {
      assert.ok(Number.isFinite(value));
      assert.ok(verdicts.includes(verdict));
    }
  });

  test("an option it does not know, or a number it cannot use, is one line", async () => {
    for (const args of [
      ["--pears", "2"],
      ["--pairs", "none"],
    ]) {
      await assert.rejects(runBench(args), (error: { stderr?: string; code?: number }) => {
        assert.match(error.stderr ?? "", /^bench envoy: .*(--pears|--pairs none).*\n$/);
        return error.code === 1;
      });
    }
  });
});

describe("what the benchmark computes with", () => {
  test("quartiles of 1, 2, 3, 4, 10 by hand", () => {
    assert.deepEqual(spread([10, 3, 1, 4, 2]), { q1: 2, median: 3, q3: 4 });
  });

  // Limit 0.3: the control may be off by 0.1.
  const CASES: [string, number[], number[], string][] = [
    ["small and quiet", [0.1, 0.2, 0.25], [0.01, -0.02, 0.05], "ok"],
    ["large and quiet", [0.5, 0.4, 0.2], [0.01, -0.02, 0.05], "over"],
    ["small and noisy", [0.1, 0.2, 0.25], [0.11, -0.2, 0.05], "not resolved on this machine"],
    ["no control", [0.1], [], "not resolved on this machine"],
  ];
  for (const [title, differences, control, verdict] of CASES) {
    test(`${title}: ${verdict}`, () => assert.equal(judge(differences, control, 0.3), verdict));
  }

  test("over six rounds every variant stands at every place twice", () => {
    const places = new Map<string, number>();
    for (let round = 0; round < 6; round++) {
      rotated(["a", "b", "c"], round).forEach((name, place) => {
        places.set(`${name}${place}`, (places.get(`${name}${place}`) ?? 0) + 1);
      });
    }
    assert.deepEqual([...places.values()], Array(9).fill(2));
  });

  test("64 different prompts of the size, in 16 groups that share the first half", () => {
    const prompts = makeRequests(2048).map((request) => {
      const [head, body] = request.toString("latin1").split("\r\n\r\n") as [string, string];
      assert.match(head, new RegExp(`^POST /v1/chat/completions HTTP/1.1\r\n`));
      assert.match(head, new RegExp(`\r\ncontent-length: ${body.length}$`));
      const { messages } = JSON.parse(body) as { messages: { content: string }[] };
      return messages[0]?.content ?? "";
    });
    assert.equal(new Set(prompts).size, 64);
    assert.ok(prompts.every((prompt) => prompt.length === 2048));
    assert.equal(new Set(prompts.map((prompt) => prompt.slice(0, 1024))).size, 16);
    assert.equal(prompts[3]?.slice(0, 1024), prompts[19]?.slice(0, 1024));
  });
});
