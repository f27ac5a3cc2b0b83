// Reads how many tests passed, failed and were skipped out of what the two test runners print.

export interface Counts {
  passed: number;
  failed: number;
  skipped: number;
}

export function addCounts(a: Counts, b: Counts): Counts {
  return {
    passed: a.passed + b.passed,
    failed: a.failed + b.failed,
    skipped: a.skipped + b.skipped,
  };
}

// as-pect colours its output whatever it is told.
const COLOUR = new RegExp(`${String.fromCharCode(27)}\\[[0-9;]*m`, "g");

export function withoutColour(text: string): string {
  return text.replace(COLOUR, "");
}

/** What as-pect printed with --verbose: the sum over the files, and the files that ran a test. */
export function parseAspect(output: string): { counts: Counts; files: Set<string> } {
  const counts: Counts = { passed: 0, failed: 0, skipped: 0 };
  const files = new Set<string>();
  let file = "";
  const plain = withoutColour(output);
  for (const line of plain.split("\n")) {
    const named = /^\s*\[File\]: (.*)$/.exec(line);
    if (named?.[1] !== undefined) file = named[1].trim();
    if (/^\s*\[Todo\]:/.test(line)) counts.skipped++;
    const summary = /^\s*\[Summary\]: (\d+) pass,\s+(\d+) fail, (\d+) total/.exec(line);
    if (summary === null) continue;
    counts.passed += Number(summary[1]);
    counts.failed += Number(summary[2]);
    if (Number(summary[3]) > 0) files.add(file);
  }
  // A compile error in the last spec leaves the sums of the others; a run that ends says so itself.
  const failed = /^\s*\[Result\]: (❌|✖) F/m.test(plain);
  if (failed && counts.failed === 0) counts.failed = 1;
  return { counts, files };
}

/** What scripts/test-reporter.ts wrote: one JSON object a line for each test that ended. */
export function parseNodeEvents(events: string): Counts {
  const counts: Counts = { passed: 0, failed: 0, skipped: 0 };
  for (const line of events.split("\n")) {
    if (line === "") continue;
    const { outcome } = JSON.parse(line) as { outcome: keyof Counts };
    counts[outcome]++;
  }
  return counts;
}
