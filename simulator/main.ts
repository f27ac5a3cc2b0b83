// `./build.sh simulate`: routing rules on modelled pods, in virtual time.
import { parseOptions } from "./run/options.js";
import { jsonLine, loadText, tableHead, tableRow } from "./run/print.js";
import { simulate } from "./run/simulate.js";

function main(args: string[]): void {
  const options = parseOptions(args);
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

try {
  main(process.argv.slice(2));
} catch (error) {
  console.error(`error: ${error instanceof Error ? error.message : String(error)}`);
  process.exitCode = 1;
}
