// The command `simulate`: of `./build.sh simulate` and of `warmroute simulate`.
import { Command } from "commander";
import { addSimulateOptions, checkedOptions, type SimulateOptions } from "./options/index.js";
import { jsonLine, loadText, tableHead, tableRow } from "./run/print.js";
import { simulate } from "./run/simulate.js";

/** `name` is how the user calls it. */
export function simulateCommand(name: string): Command {
  const command = addSimulateOptions(new Command(name));
  return command.action(() => {
    try {
      print(checkedOptions(command));
    } catch (error) {
      console.error(`error: ${error instanceof Error ? error.message : String(error)}`);
      process.exitCode = 1;
    }
  });
}

function print(options: SimulateOptions): void {
  let head = "";
  for (const row of simulate(options)) {
    if (options.json) {
      console.log(jsonLine(row));
      continue;
    }
    const title = `${row.workload} ${loadText(row.load)}`;
    const gap = head === "" ? "" : "\n";
    if (title !== head) console.log(gap + tableHead(row.workload, row.load));
    head = title;
    console.log(tableRow(row));
  }
}
