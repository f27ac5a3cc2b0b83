// The files that a rule of scripts/tidy.ts does not hold for, each with its reason.

export interface Exception {
  path: string;
  rule: string;
  reason: string;
}

const RUN_IN_HOST =
  "acts on Envoy's callbacks and host functions; tests/host/filter runs it in the built module";

/** One that no longer excepts anything is itself an error, so the list cannot grow stale. */
export const TIDY_EXCEPTIONS: readonly Exception[] = [
  {
    path: "filter/index.ts",
    rule: "spec",
    reason: "only exports the callbacks, which tests/host calls in the built module",
  },
  {
    path: "filter/answer.ts",
    rule: "spec",
    reason: RUN_IN_HOST,
  },
  {
    path: "filter/decide.ts",
    rule: "spec",
    reason: RUN_IN_HOST,
  },
  {
    path: "filter/load/sync.ts",
    rule: "spec",
    reason: RUN_IN_HOST,
  },
  {
    path: "filter/load/report.ts",
    rule: "spec",
    reason: RUN_IN_HOST,
  },
  {
    path: "filter/response/verdict.ts",
    rule: "spec",
    reason: RUN_IN_HOST,
  },
  {
    path: "filter/waiting.ts",
    rule: "spec",
    reason: RUN_IN_HOST,
  },
  {
    path: "filter/metrics.ts",
    rule: "spec",
    reason: RUN_IN_HOST,
  },
  {
    path: "filter/pool.ts",
    rule: "spec",
    reason: RUN_IN_HOST,
  },
  {
    path: "filter/root.ts",
    rule: "spec",
    reason: RUN_IN_HOST,
  },
  {
    path: "filter/stream.ts",
    rule: "spec",
    reason: RUN_IN_HOST,
  },
  {
    path: "filter/route-prompt.ts",
    rule: "spec",
    reason: RUN_IN_HOST,
  },
  {
    path: "filter/models/resolve.ts",
    rule: "spec",
    reason: RUN_IN_HOST,
  },
  {
    path: "filter/models/rewrite.ts",
    rule: "spec",
    reason: RUN_IN_HOST,
  },
  {
    path: "filter/models/local-reply.ts",
    rule: "spec",
    reason: RUN_IN_HOST,
  },
  {
    path: "filter/host/imports.ts",
    rule: "spec",
    reason: "declarations only; tests/host/filter/imports.test.ts checks them",
  },
  {
    path: "filter/constants.ts",
    rule: "spec",
    reason: "numbers only; the files that use them test them",
  },
  {
    path: "sidecar-metrics/src/sharing/nats/server-time.ts",
    rule: "clock",
    reason: "writes down a time that a server gave; it reads no clock",
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
