// The rules of scripts/tidy.ts: that each finds what it is for, and that the project keeps them.
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { parseAspect, parseNodeEvents } from "../scripts/test-counts.js";
import { checkFile, checkSpecs, tidy } from "../scripts/tidy.js";
import { checkPins } from "../scripts/tidy-pins.js";

const HEAD = "// Says what it does.\n";
const call = (lines: number): string => `function f() {\n${"  g();\n".repeat(lines - 2)}}\n`;

// Title, path, text, the rules that must speak. Words in pieces, so that tidy passes this file.
const CASES: [title: string, path: string, text: string, rules: string[]][] = [
  ["a file that keeps all rules", "filter/a.ts", `${HEAD}${call(70)}`, []],
  ["a file without a purpose", "lab/a.ts", "const a = 1;\n", ["purpose"]],
  ["a line of 101 columns", "lab/a.ts", `${HEAD}// ${"x".repeat(98)}\n`, ["columns"]],
  ["a line of 100 columns, not bytes", "lab/a.ts", `${HEAD}// ${"é".repeat(97)}\n`, []],
  ["a function of 71 lines", "lab/a.ts", `${HEAD}${call(71)}`, ["function-lines"]],
  [
    "a describe of 71 lines",
    "tests/host/a.test.ts",
    `${HEAD}describe("a", () => {\n${"  g();\n".repeat(80)}});\n`,
    [],
  ],
  ["a long program", "lab/a.ts", `${HEAD}${"g();\n".repeat(400)}`, ["file-lines"]],
  ["a long test", "tests/host/a.test.ts", `${HEAD}${"g();\n".repeat(400)}`, []],
  ["a throw in the filter", "filter/a.ts", `${HEAD}throw new Error("x");\n`, ["throw"]],
  ["the word throw in the filter", "filter/a.ts", `${HEAD}// We never throw here.\n`, []],
  ["a throw elsewhere", "lab/a.ts", `${HEAD}throw new Error("x");\n`, []],
  ["work left over", "lab/a.ts", `${HEAD}// TO${"DO"}: later\n`, ["todo"]],
  ["a clock in the simulator", "simulator/a.ts", `${HEAD}Date.now();\n`, ["clock"]],
  ["a clock in a main", "sidecar-metrics/src/main.ts", `${HEAD}Date.now();\n`, []],
  ["chance in the sidecar", "sidecar-metrics/src/a.ts", `${HEAD}Math.random();\n`, ["chance"]],
  ["a path of one machine", "docs/a.md", `Look in /ho${"me"}/me/x.\n`, ["machine-path"]],
  ["a path below another", "docs/a.md", `Look in build/wo${"rk"}/x.\n`, []],
  ["a registry", "docs/a.md", `https://registry.npmjs${".org"}/\n`, ["registry"]],
  ["a skipped test", "tests/e2e/a.test.ts", `${HEAD}test.sk${"ip"}("x", f);\n`, ["skipped-test"]],
];

describe("tidy", () => {
  for (const [title, path, text, rules] of CASES) {
    test(`${title}: ${rules.join(", ") || "nothing"}`, () => {
      const found = checkFile(path, text).map((finding) => finding.rule);
      assert.deepEqual(found, rules);
    });
  }

  test("a file of the filter needs a spec at the same path", () => {
    const findings = checkSpecs(["filter/a/b.ts", "filter/c.ts", "tests/unit/a/b.spec.ts"]);
    assert.deepEqual(
      findings.map((finding) => finding.path),
      ["filter/c.ts"],
    );
  });

  test("packages have one version each, and the hash of what is downloaded", () => {
    const integrity = `sha512-${"A".repeat(86)}==`;
    const locked = { version: "1.2.3", integrity };
    const speak = (version: string, entry: object, root = version): string[] => {
      const packages = { "": { dependencies: { a: root } }, "node_modules/a": entry };
      const manifest = JSON.stringify({ dependencies: { a: version } });
      return checkPins(manifest, JSON.stringify({ packages })).map(({ text }) => text);
    };
    assert.deepEqual(speak("1.2.3", locked), []);
    assert.deepEqual(speak("1.2.3-rc.1", locked), []);
    for (const range of ["^1.2.3", "~1.2.3", "1.2.x", "*", "latest", "", ">=1.2.3", "file:../a"]) {
      assert.deepEqual(speak(range, locked), [`a is "${range}", not one version`]);
    }
    assert.match(speak("1.2.3", locked, "1.2.2")[0] as string, /not locked/);
    assert.match(speak("1.2.3", { version: "1.2.3" })[0] as string, /no SHA-512/);
    assert.match(speak("1.2.3", { ...locked, integrity: "sha1-AAAA" })[0] as string, /no SHA-512/);
    assert.deepEqual(speak("1.2.3", { version: "1.2.3", inBundle: true }), []);
  });

  test("the project keeps the rules", () => {
    const problems = tidy(".");
    assert.ok(problems.length === 0, `\n${problems.join("\n")}`);
  });
});

describe("counting tests", () => {
  test("as-pect's summaries are added up, and a file that ran nothing is missing", () => {
    const output = [
      "    [File]: tests/unit/a.spec.ts",
      " [Summary]: 3 pass,  0 fail, 3 total",
      "    [File]: tests/unit/b.spec.ts",
      " [Summary]: \x1b[32m1 pass\x1b[39m,  \x1b[31m2 fail\x1b[39m, 3 total",
      "    [Todo]: one more",
      "   [Result]: ❌ Fail",
    ].join("\n");
    const { counts, files } = parseAspect(output);
    assert.deepEqual(counts, { passed: 4, failed: 2, skipped: 1 });
    assert.deepEqual([...files], ["tests/unit/a.spec.ts", "tests/unit/b.spec.ts"]);
  });

  test("an as-pect run that fails without a failed test counts one", () => {
    assert.equal(parseAspect("   [Result]: ❌ Fail").counts.failed, 1);
  });

  test("node's events are added up", () => {
    const events = ["passed", "failed", "passed", "skipped"]
      .map((outcome) => `${JSON.stringify({ outcome, name: "x" })}\n`)
      .join("");
    assert.deepEqual(parseNodeEvents(events), { passed: 2, failed: 1, skipped: 1 });
  });
});
