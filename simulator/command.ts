// The command `simulate`: of `./build.sh simulate` and of `warmroute simulate`.
import { closeSync, openSync, writeFileSync } from "node:fs";
import { Command } from "commander";
import { addSimulateOptions, checkedOptions, type SimulateOptions } from "./options/index.js";
import { reportPage } from "./report/page.js";
import { jsonLine } from "./run/json.js";
import { comparisonTable, tableHead, tableRow } from "./run/print.js";
import { overloadTable } from "./run/overload-table.js";
import { Progress } from "./run/progress.js";
import { seedTable } from "./run/seed-table.js";
import { simulate, type Row } from "./run/simulate.js";
import { fileProblem } from "./traces/lines.js";

/** `name` is how the user calls it. */
export function simulateCommand(name: string): Command {
  const command = addSimulateOptions(new Command(name));
  return command.action(async () => {
    const options = checkedOptions(command);
    try {
      await show(options, commandLine(command));
    } catch (error) {
      console.error(`error: ${error instanceof Error ? error.message : String(error)}`);
      process.exitCode = 1;
    }
  });
}

async function show(options: SimulateOptions, command: string): Promise<void> {
  const { report, seeds } = options;
  if (report !== undefined) checkWritable(report);
  const progress = new Progress(process.stderr, options, () => performance.now());
  const print = printerOf(options);
  const rows: Row[] = [];
  for await (const row of simulate(options, progress.update)) {
    progress.clear();
    print(row);
    if (report !== undefined) rows.push(row);
  }
  progress.clear();
  if (report !== undefined) writeFileSync(report, reportPage({ command, seeds, rows }));
}

/** A folder that is not there is told before the runs, not after; a report that is there stays. */
function checkWritable(report: string): void {
  try {
    closeSync(openSync(report, "a"));
  } catch (error) {
    throw new Error(`--report ${report}: ${fileProblem(error)}`);
  }
}

/** As it was typed, for the report. */
function commandLine(command: Command): string {
  const names = command.parent ? [command.parent.name(), command.name()] : [command.name()];
  const skipped = command.parent ? 3 : 2;
  const args = process.argv
    .slice(skipped)
    .map((one) => (/^[\w.,:=/-]+$/.test(one) ? one : `'${one.replaceAll("'", "'\\''")}'`));
  return [...names, ...args].join(" ");
}

/** Prints each row as it comes, and what is to be said once the last rule's is there. */
function printerOf(options: SimulateOptions): (row: Row) => void {
  if (options.json) return (row) => console.log(jsonLine(row));
  if (options.table === "overload") return (row) => console.log(`${overloadTable(row)}\n`);
  if (options.table === "seed") return (row) => console.log(`${seedTable(row)}\n`);
  let group: Row[] = [];
  let isFirst = true;
  return (row) => {
    if (group.length === 0) {
      console.log((isFirst ? "" : "\n") + tableHead(row.workload, row.load));
      isFirst = false;
    }
    console.log(tableRow(row));
    group.push(row);
    if (group.length < options.rule.length) return;
    const comparison = comparisonTable(group);
    if (comparison !== null) console.log(`\n${comparison}`);
    group = [];
  };
}
