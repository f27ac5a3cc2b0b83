// `./build.sh bench sharing`: what gateways gain by sharing, what it costs, how fast it is.
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ProgressLine } from "../../demo/progress.js";
import { EXIT_FAILED, EXIT_INTERRUPTED, runProgram, type Frame } from "../../lab/program.js";
import { measureJoins, type Join } from "./join.js";
import { measureLag, POLL_INTERVALS_MS, type Lag } from "./lag.js";
import { findNats } from "../../lab/nats.js";
import { parseOptions, type Options } from "./options.js";
import { cpuTable, joinTable, lagTable, roundsTable } from "./report.js";
import { measureRounds, type Run } from "./rounds.js";
import { introduction } from "./service.js";
import type { Ground } from "./world.js";

/** What `--json` writes. */
export interface Figures {
  options: Options;
  runs: Run[];
  lags: Lag[];
  joins: Join[];
}

async function bench(options: Options, { watch, atEnd }: Frame): Promise<number> {
  // A path that cannot be written is told now and not after a quarter of an hour.
  if (options.jsonPath !== undefined) writeFileSync(options.jsonPath, "");
  const nats = await findNats();
  if ("reason" in nats && needsNats(options)) {
    console.log(`skipped: ${nats.reason}; --only rounds --variants one,alone needs none`);
    return 0;
  }
  const folder = mkdtempSync(join(tmpdir(), "warmroute-sharing-"));
  atEnd(() => rmSync(folder, { recursive: true, force: true }));
  const natsProgram = "program" in nats ? nats.program : "";
  const figures = await measure(options, { folder, watch, natsProgram, atEnd });
  if (watch.signal.aborted) {
    watch.check();
    return EXIT_INTERRUPTED;
  }
  if (options.jsonPath !== undefined) {
    writeFileSync(options.jsonPath, `${JSON.stringify(figures, null, 1)}\n`);
  }
  return errorsOf(figures) > 0 ? EXIT_FAILED : 0;
}

/** Each part prints its tables when it is done. */
async function measure(options: Options, ground: Ground): Promise<Figures> {
  const line = new ProgressLine(process.stdout, () => performance.now());
  const figures: Figures = { options, runs: [], lags: [], joins: [] };
  console.log(`${introduction(options.rate)}\n`);
  try {
    if (options.only.includes("rounds")) {
      line.note("rounds ...");
      figures.runs = await measureRounds(options, ground, ({ round, variant }) =>
        line.note(`rounds: ${variant} of round ${round + 1} of ${options.rounds} is done`),
      );
      line.stop();
      console.log(`${roundsTable(figures.runs)}\n\n${cpuTable(figures.runs)}\n`);
    }
    if (options.only.includes("lag")) {
      for (const pollIntervalMs of POLL_INTERVALS_MS) {
        line.note(`lag with polls each ${pollIntervalMs} ms ...`);
        figures.lags.push(await measureLag(options, ground, pollIntervalMs));
      }
      line.stop();
      console.log(`${lagTable(figures.lags)}\n`);
    }
    if (options.only.includes("join")) {
      line.note("join ...");
      figures.joins = await measureJoins(options, ground, ({ round, replaySeconds }) =>
        line.note(`join: ${round + 1} of ${options.rounds}, replay ${replaySeconds} s, is done`),
      );
      line.stop();
      console.log(joinTable(figures.joins, options.seconds));
    }
    return figures;
  } finally {
    line.stop();
  }
}

function needsNats({ only, variants }: Options): boolean {
  return only.some((part) => part !== "rounds" || variants.includes("shared"));
}

function errorsOf({ runs, lags, joins }: Figures): number {
  const counts = [
    ...[...runs, ...lags].map((one) => one.errors),
    ...joins.flatMap((one) => [one.newcomer.errors, one.others.errors]),
  ];
  return counts.reduce((sum, count) => sum + count, 0);
}

try {
  const options = parseOptions(process.argv.slice(2));
  if (options !== null) {
    process.exitCode = await runProgram("bench sharing", (frame) => bench(options, frame));
  }
} catch (error) {
  console.error(`bench sharing: ${error instanceof Error ? error.message : String(error)}`);
  process.exitCode = EXIT_FAILED;
}
