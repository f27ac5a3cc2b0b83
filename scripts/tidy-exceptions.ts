// The files that a rule of scripts/tidy.ts does not hold for, each with its reason.

export interface Exception {
  path: string;
  rule: string;
  reason: string;
}

/** One that no longer excepts anything is itself an error, so the list cannot grow stale. */
export const TIDY_EXCEPTIONS: readonly Exception[] = [
  {
    path: "filter/index.ts",
    rule: "spec",
    reason: "only exports the callbacks, which tests/host calls in the built module",
  },
];

export function isExcepted(
  finding: { path: string; rule: string },
  exceptions: readonly Exception[],
): boolean {
  return exceptions.some((one) => one.path === finding.path && one.rule === finding.rule);
}

export function unusedExceptions(
  findings: readonly { path: string; rule: string }[],
  exceptions: readonly Exception[],
): Exception[] {
  return exceptions.filter((one) => !findings.some((finding) => isExcepted(finding, [one])));
}
