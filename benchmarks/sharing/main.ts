// `./build.sh bench sharing`: what gateways gain by sharing, what it costs, how fast it is.
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { EXIT_FAILED, runProgram, type Frame } from "../../lab/program.js";
import { parseOptions, type Options } from "./options.js";
import { measureRounds } from "./rounds.js";
import { introduction } from "./service.js";

async function bench(options: Options, { watch, atEnd }: Frame): Promise<number> {
  const folder = mkdtempSync(join(tmpdir(), "warmroute-sharing-"));
  atEnd(() => rmSync(folder, { recursive: true, force: true }));
  const ground = { folder, watch };
  console.log(introduction(options.rate));
  const runs = await measureRounds(options, ground, (run) => console.log(JSON.stringify(run)));
  if (options.jsonPath) writeFileSync(options.jsonPath, JSON.stringify({ runs }));
  return 0;
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
