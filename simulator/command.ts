// The command `simulate`: of `./build.sh simulate` and of `warmroute simulate`.
import { Command } from "commander";
import { addSimulateOptions, checkedOptions, type SimulateOptions } from "./options/index.js";
import { jsonLine } from "./run/json.js";
import { comparisonTable, tableHead, tableRow } from "./run/print.js";
import { Progress } from "./run/progress.js";
import { seedTable } from "./run/seed-table.js";
import { simulate, type Row } from "./run/simulate.js";

/** `name` is how the user calls it. */
export function simulateCommand(name: string): Command {
  const command = addSimulateOptions(new Command(name));
  return command.action(async () => {
    const options = checkedOptions(command);
    try {
      await show(options);
    } catch (error) {
      console.error(`error: ${error instanceof Error ? error.message : String(error)}`);
      process.exitCode = 1;
    }
  });
}

async function show(options: SimulateOptions): Promise<void> {
  const progress = new Progress(process.stderr, options, () => performance.now());
  const print = printerOf(options);
  for await (const row of simulate(options, progress.update)) {
    progress.clear();
    print(row);
  }
  progress.clear();
}

/** Prints each row as it comes, and what is to be said once the last rule's is there. */
function printerOf(options: SimulateOptions): (row: Row) => void {
  if (options.json) return (row) => console.log(jsonLine(row));
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
