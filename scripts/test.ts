// Runs the test suites and sums them up: one line a suite, then `N passed, N failed, N skipped`.
import { spawn } from "node:child_process";
import {
  createWriteStream,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
} from "node:fs";
import { dirname, join } from "node:path";
import { pathToFileURL } from "node:url";
import {
  addCounts,
  parseAspect,
  parseNodeEvents,
  withoutColour,
  type Counts,
} from "./test-counts.js";
import { testOptions, type TestOptions } from "./test-options.js";

/** A suite that is not done by then hangs; the slowest takes a few minutes on two cores. */
const SUITE_TIMEOUT_MS = 20 * 60_000;
/** Several clusters one after the other, each with a gateway, on a machine that runs much else. */
const GATEWAY_TIMEOUT_MS = 40 * 60_000;
const LOG_TAIL_LINES_MAX = 200;
const LOG_FOLDER = "build/test";
const SUITES = [
  "unit",
  "tidy",
  "host",
  "sidecar",
  "migrate",
  "simulator",
  "fuzz",
  "e2e",
  "faults",
  "soak",
  "sharing",
  "monitoring",
  "gateway",
];
/** Suites that start processes: one file at a time, or they starve each other. */
const SERIAL_SUITES = new Set(["e2e", "faults", "soak", "sharing", "gateway"]);
/** Suites whose programs build.sh makes; it tells by variables where it could not. */
const PREPARED_SUITES = new Set(["sharing", "gateway"]);
/** What a suite's command is run by. */
const LAUNCHERS = new Map([["gateway", "tests/gateway/support/in-namespaces.sh"]]);
/** Measured, and printed with the sum: a test writes them as lines of their own. */
const FIGURE = /^.*?figure: (.*)$/gm;

interface Outcome {
  counts: Counts;
  /** Why the suite counts as failed although no single test did. */
  problem?: string;
}

async function main(args: string[]): Promise<number> {
  let options: TestOptions;
  try {
    options = testOptions(args, SUITES);
  } catch (error) {
    console.log((error as Error).message);
    console.log("0 passed, 1 failed, 0 skipped");
    return 1;
  }
  Object.assign(process.env, options.env);
  mkdirSync(LOG_FOLDER, { recursive: true });
  let sum: Counts = { passed: 0, failed: 0, skipped: 0 };
  for (const suite of options.suites) {
    const startMs = performance.now();
    const outcome = await runSuite(suite, suite === "soak" ? options.soakTimeoutMs : 0);
    const seconds = ((performance.now() - startMs) / 1000).toFixed(1);
    sum = addCounts(sum, outcome.counts);
    if (outcome.counts.failed > 0) printTail(suite);
    const problem = outcome.problem === undefined ? "" : `: ${outcome.problem}`;
    console.log(`${suite}: ${line(outcome.counts)} (${seconds} s)${problem}`);
    if (outcome.counts.passed > 0) figuresOf(suite).forEach((one) => console.log(`  ${one}`));
  }
  console.log(line(sum));
  return sum.failed > 0 ? 1 : 0;
}

function line(counts: Counts): string {
  return `${counts.passed} passed, ${counts.failed} failed, ${counts.skipped} skipped`;
}

/** `timeoutMs` 0: as long as any. */
async function runSuite(suite: string, timeoutMs: number): Promise<Outcome> {
  if (PREPARED_SUITES.has(suite)) {
    const reason = process.env[`WARMROUTE_${suite.toUpperCase()}_SKIP`];
    const problem = process.env[`WARMROUTE_${suite.toUpperCase()}_PROBLEM`];
    if (problem !== undefined) return { counts: { passed: 0, failed: 1, skipped: 0 }, problem };
    if (reason !== undefined) {
      return { counts: { passed: 0, failed: 0, skipped: 1 }, problem: `skipped: ${reason}` };
    }
  }
  const outcome = suite === "unit" ? await runUnit() : await runNode(suite, timeoutMs);
  const { counts } = outcome;
  if (outcome.problem === undefined && counts.passed + counts.failed + counts.skipped === 0) {
    outcome.problem = "no test ran";
  }
  // A crash is a failure even where every test that was reached had passed.
  if (outcome.problem !== undefined && counts.failed === 0) counts.failed = 1;
  return outcome;
}

async function runUnit(): Promise<Outcome> {
  const log = join(LOG_FOLDER, "unit.log");
  const specs = filesUnder("tests/unit", ".spec.ts");
  const code = await runLogged("node_modules/.bin/asp", ["--verbose"], log);
  const { counts, files } = parseAspect(readFileSync(log, "utf8"));
  const silent = specs.filter((spec) => !files.has(spec));
  if (code !== 0 && counts.failed === 0) return { counts, problem: `as-pect ended with ${code}` };
  if (silent.length > 0) return { counts, problem: `no test ran in ${silent.join(", ")}` };
  return { counts };
}

async function runNode(suite: string, asked: number): Promise<Outcome> {
  const log = join(LOG_FOLDER, `${suite}.log`);
  const events = join(LOG_FOLDER, `${suite}.jsonl`);
  const files =
    suite === "tidy"
      ? filesIn("build/js/tests", ".test.js")
      : filesUnder(`build/js/tests/${suite}`, ".test.js");
  const none: Counts = { passed: 0, failed: 0, skipped: 0 };
  if (files.length === 0) return { counts: none, problem: "there is no test file" };
  rmSync(events, { force: true });
  const reporter = pathToFileURL("build/js/scripts/test-reporter.js").href;
  const args = ["--test", "--test-reporter=spec", "--test-reporter-destination=stdout"];
  args.push(`--test-reporter=${reporter}`, `--test-reporter-destination=${events}`);
  if (SERIAL_SUITES.has(suite)) args.push("--test-concurrency=1");
  const launcher = LAUNCHERS.get(suite);
  const command = [...(launcher === undefined ? [] : [launcher]), process.execPath];
  const [program = "", ...before] = command;
  const longest = suite === "gateway" ? GATEWAY_TIMEOUT_MS : SUITE_TIMEOUT_MS;
  const timeoutMs = Math.max(asked, longest);
  const code = await runLogged(program, [...before, ...args, ...files], log, timeoutMs);
  const counts = existsSync(events) ? parseNodeEvents(readFileSync(events, "utf8")) : none;
  if (code !== 0 && counts.failed === 0) return { counts, problem: `node ended with ${code}` };
  return { counts };
}

/** Runs a command with its output in a file; the exit code, 128 + 9 when it had to be killed. */
function runLogged(
  command: string,
  args: string[],
  log: string,
  timeoutMs = SUITE_TIMEOUT_MS,
): Promise<number> {
  return new Promise((resolve) => {
    const file = createWriteStream(log);
    const child = spawn(command, args, {
      stdio: ["ignore", "pipe", "pipe"],
      env: { ...process.env, CI: "true", FORCE_COLOR: "0" },
    });
    const timer = setTimeout(() => child.kill("SIGKILL"), timeoutMs);
    child.stdout.pipe(file, { end: false });
    child.stderr.pipe(file, { end: false });
    child.on("error", (error) => file.write(`${error.message}\n`));
    child.on("close", (code) => {
      clearTimeout(timer);
      file.end(() => resolve(code ?? 137));
    });
  });
}

function printTail(suite: string): void {
  const path = join(LOG_FOLDER, `${suite}.log`);
  if (!existsSync(path)) return;
  const text = withoutColour(readFileSync(path, "utf8"));
  const failures = text.lastIndexOf("failing tests:");
  const lines = (failures >= 0 ? text.slice(failures) : text).trimEnd().split("\n");
  console.log(`--- ${path}`);
  console.log(lines.slice(-LOG_TAIL_LINES_MAX).join("\n"));
}

function figuresOf(suite: string): string[] {
  const path = join(LOG_FOLDER, `${suite}.log`);
  if (!existsSync(path)) return [];
  const text = withoutColour(readFileSync(path, "utf8"));
  return [...text.matchAll(FIGURE)].map(([, figure]) => figure as string);
}

/** The files right in a folder: those of the project itself, not of one of its parts. */
function filesIn(folder: string, ending: string): string[] {
  return filesUnder(folder, ending).filter((path) => dirname(path) === folder);
}

function filesUnder(folder: string, ending: string): string[] {
  if (!existsSync(folder)) return [];
  return readdirSync(folder, { recursive: true, encoding: "utf8" })
    .filter((name) => name.endsWith(ending))
    .map((name) => join(folder, name))
    .sort();
}

process.exitCode = await main(process.argv.slice(2));
