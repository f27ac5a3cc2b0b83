// `./build.sh simulate`: routing rules on modelled pods, in virtual time.
import { parseOptions } from "./run/options.js";
import { jsonLine, loadText, tableHead, tableRow } from "./run/print.js";
import { simulate } from "./run/simulate.js";

const options = parseOptions(process.argv.slice(2));
let head = "";
for (const row of simulate(options)) {
  if (options.json) {
    console.log(jsonLine(row));
    continue;
  }
  const title = `${row.workload} ${loadText(row.load)}`;
  if (title !== head) console.log(`${head === "" ? "" : "\n"}${tableHead(row.workload, row.load)}`);
  head = title;
  console.log(tableRow(row));
}
