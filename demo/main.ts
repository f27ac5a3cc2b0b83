// The demo: one workload through the standard route and through warmroute, and what changes.
import { decisions } from "../lab/pools-view.js";
import { EXIT_FAILED, EXIT_INTERRUPTED, runProgram, type Frame } from "../lab/program.js";
import { parseOptions, type DemoOptions } from "./options.js";
import { LISTENERS, playPhases, type Phase } from "./phases.js";
import { ProgressLine } from "./progress.js";
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

const nowMs = () => performance.now();

async function demo(args: string[], { watch, atEnd }: Frame): Promise<number> {
  const options = parseOptions(args, Math.floor(Math.random() * SEED_RANGE));
  const line = new ProgressLine(process.stdout, nowMs);
  try {
    const workload = makeWorkload(options.workload, options.seed, options.seconds);
    const kvTokens = kvTokensPerPod(workload);
    console.log(introduction(options, workload, kvTokens));
    line.note("starting pods, sidecar and Envoy ...");
    const stack = await startStack({ ...options, kvTokensPerPod: kvTokens, watch });
    atEnd(() => stack.stop());
    const onPhase = (phase: Phase, index: number) =>
      console.log(phaseLine(phase, index, LISTENERS[phase.route]));
    const phases = await playPhases({ options, workload, stack, watch, line, nowMs, onPhase });
    if (watch.signal.aborted) return EXIT_INTERRUPTED;
    await showResults(options, phases, stack);
    if (options.once) return errorLines(phases).length > 0 ? EXIT_FAILED : 0;
    console.log(playground(stack));
    await watch.ended();
    return 0;
  } finally {
    line.stop();
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

process.exitCode = await runProgram("demo", (frame) => demo(process.argv.slice(2), frame));
