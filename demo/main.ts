// The demo: one workload through the standard route and through warmroute, and what changes.
import { stopAll } from "../lab/processes.js";
import { DemoFailure, FailureWatch } from "./failure.js";
import { parseOptions, type DemoOptions } from "./options.js";
import { LISTENERS, playPhases, type Phase } from "./phases.js";
import { ProgressLine } from "./progress.js";
import { decisions } from "./pools-view.js";
import {
  decisionLine,
  errorLines,
  lateWarning,
  problemLines,
  summarizeRoutes,
  table,
} from "./report.js";
import { kvTokensPerPod, makeWorkload } from "./service.js";
import { startStack, type Stack } from "./stack.js";
import { introduction, phaseLine, playground } from "./texts.js";

const SEED_RANGE = 1_000_000;
const EXIT_FAILED = 1;
const EXIT_INTERRUPTED = 130;

const nowMs = () => performance.now();

async function main(): Promise<number> {
  const options = parseOptions(process.argv.slice(2), Math.floor(Math.random() * SEED_RANGE));
  const watch = new FailureWatch();
  const line = new ProgressLine(process.stdout, nowMs);
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) {
    process.on(signal, () => watch.end());
  }
  let stack: Stack | null = null;
  try {
    const workload = makeWorkload(options.workload, options.seed, options.seconds);
    const kvTokens = kvTokensPerPod(workload);
    console.log(introduction(options, workload, kvTokens));
    line.note("starting pods, sidecar and Envoy ...");
    stack = await startStack({ ...options, kvTokensPerPod: kvTokens, watch });
    const onPhase = (phase: Phase, index: number) =>
      console.log(phaseLine(phase, index, LISTENERS[phase.route]));
    const phases = await playPhases({ options, workload, stack, watch, line, nowMs, onPhase });
    if (watch.signal.aborted) return EXIT_INTERRUPTED;
    await showResults(options, phases, stack);
    if (options.once) return errorLines(phases).length > 0 ? EXIT_FAILED : 0;
    console.log(playground(stack));
    await watch.ended();
    return 0;
  } catch (error) {
    line.stop();
    if (watch.isEnded) return EXIT_INTERRUPTED;
    console.error(`demo: ${messageOf(await watch.explain(error))}`);
    return EXIT_FAILED;
  } finally {
    line.stop();
    await stack?.stop();
    await stopAll();
    watch.close();
  }
}

/** Prints the table and what belongs to it; the line of JSON, if asked for, is the last. */
async function showResults(options: DemoOptions, phases: Phase[], stack: Stack): Promise<void> {
  const { reasons, problems: found } = await decisions(stack.sidecarUrl);
  // That no filter polls the sidecar is then as it should be.
  const problems = options.sameRoute ? [] : found;
  const errors = errorLines(phases);
  const parts = [
    table(phases, options.sameRoute ? "standard again" : "warmroute"),
    [decisionLine(reasons), ...problemLines(problems)].join("\n"),
    errors.length === 0 ? "" : `failed requests:\n${errors.join("\n")}`,
    lateWarning(phases),
  ];
  console.log(`\n${parts.filter((part) => part !== "").join("\n\n")}\n`);
  if (options.json) console.log(JSON.stringify(summarizeRoutes(phases)));
}

/** What goes wrong in starting is told without a stack, a mistake of ours with it. */
function messageOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const isTold = error instanceof DemoFailure || error.constructor === Error;
  return isTold ? error.message : (error.stack ?? error.message);
}

process.exitCode = await main();
