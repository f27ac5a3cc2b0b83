// The audit of dependencies: what fails a build, what is only told, and what cannot be asked.
import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, describe, test } from "node:test";
import { audit, judge } from "../scripts/audit.js";

/** As `npm audit --json` writes it (report version 2): `top` is affected through `deep`. */
function reportOf(severity: string): string {
  const advisory = {
    source: 1,
    name: "deep",
    title: "Prototype pollution",
    url: "https://github.com/advisories/GHSA-aaaa-bbbb-cccc",
    severity,
    range: "<1.2.3",
  };
  const vulnerabilities = {
    top: { name: "top", severity, via: ["deep"], range: "*" },
    deep: { name: "deep", severity, via: [advisory], range: "<1.2.3" },
  };
  return JSON.stringify({ auditReportVersion: 2, vulnerabilities, metadata: {} });
}
const CLEAN = '{"auditReportVersion":2,"vulnerabilities":{},"metadata":{}}';

describe("the verdict", () => {
  const cases: [title: string, output: string, outcome: string, line: RegExp][] = [
    ["no advisory", CLEAN, "good", /^no advisory/],
    ["a low one", reportOf("low"), "good", /^low: deep <1\.2\.3: Prototype pollution .*cccc$/],
    ["a moderate one", reportOf("moderate"), "good", /^moderate: deep/],
    ["a high one", reportOf("high"), "bad", /^high: deep/],
    ["a critical one", reportOf("critical"), "bad", /^critical: deep/],
    ["no output", "", "skipped", /^skipped: npm audit gave no JSON$/],
    ["null", "null", "skipped", /^skipped: the registry/],
    [
      "a registry that refuses",
      '{"message":"405 Method Not Allowed - POST https://r.example/-/npm/v1/x","statusCode":405}',
      "skipped",
      /^skipped: the registry does not tell advisories \(405 Method Not Allowed\)$/,
    ],
    [
      "no network",
      '{"message":"request to https://r.example/-/npm failed, reason: getaddrinfo ENOTFOUND r"}',
      "skipped",
      /ENOTFOUND/,
    ],
  ];
  for (const [title, output, outcome, line] of cases) {
    test(title, () => {
      const verdict = judge(output, []);
      assert.equal(verdict.outcome, outcome);
      assert.equal(verdict.lines.length, 1);
      assert.match(verdict.lines[0] as string, line);
      assert.doesNotMatch(verdict.lines[0] as string, /r\.example/);
    });
  }

  test("an accepted advisory is told with its reason, another one still fails", () => {
    const reason = "the function is not called";
    const accepted = [{ advisory: "GHSA-aaaa-bbbb-cccc", reason }];
    const verdict = judge(reportOf("high"), accepted);
    assert.equal(verdict.outcome, "good");
    assert.match(verdict.lines[0] as string, /accepted: the function is not called/);
    const other = [{ advisory: "GHSA-bbbb-cccc", reason }];
    assert.equal(judge(reportOf("high"), other).outcome, "bad");
  });
});

describe("npm", () => {
  const folder = mkdtempSync(join(tmpdir(), "warmroute-audit-"));
  after(() => rmSync(folder, { recursive: true }));
  const program = (name: string, script: string): string => {
    const path = join(folder, name);
    writeFileSync(path, `#!/bin/sh\n${script}\n`, { mode: 0o755 });
    return path;
  };

  test("is asked for what ships, and its exit status says nothing", async () => {
    const npm = program("npm", `echo "$@" >"${folder}/args"\necho '${CLEAN}'\nexit 1`);
    assert.equal((await audit(npm)).outcome, "good");
    assert.match(readFileSync(join(folder, "args"), "utf8"), /^audit .*--omit=dev/);
  });

  test("that never ends is given up, with what it started", async () => {
    const npm = program("slow", "sleep 60 & wait");
    const startMs = performance.now();
    const { outcome, lines } = await audit(npm, 300);
    assert.deepEqual([outcome, lines], ["skipped", ["skipped: no answer within 0.3 s"]]);
    assert.ok(performance.now() - startMs < 30_000);
  });

  test("that is not there skips the audit", async () => {
    assert.equal((await audit(join(folder, "none"))).outcome, "skipped");
  });
});
