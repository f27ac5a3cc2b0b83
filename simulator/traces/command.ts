// The command `warmroute trace`: Envoy's access logs in, a trace for `simulate --trace` on stdout.
import { writeSync } from "node:fs";
import type { Command } from "commander";
import { number } from "../options/values.js";
import { type LoggedRequest, parseLogLine, type Skipped } from "./access-log.js";
import { type LengthOptions, traceOf } from "./from-log.js";
import { FileError, readLines } from "./lines.js";
import { REQUESTS_MAX } from "./trace-traffic.js";

/** The filter's default, of English text. */
const BYTES_PER_TOKEN = 4;
/** An event of vLLM 0.11's chat stream with a model's name of 14 characters, see docs/traces.md. */
const STREAM_BYTES_PER_TOKEN = 240;
const STDOUT = 1;
const LENGTH = { min: 0.001, max: 1e6 };

export function addTrace(program: Command): void {
  const positive = number(LENGTH.min, LENGTH.max);
  program
    .command("trace")
    .description("make a trace for `simulate --trace` from Envoy's access logs, see docs/traces.md")
    .argument("<log...>", "access logs as JSON lines; - is the standard input")
    .option("--bytes-per-token <n>", "of requests", positive, BYTES_PER_TOKEN)
    .option("--stream-bytes-per-token <n>", "of streams", positive, STREAM_BYTES_PER_TOKEN)
    .option("--mean-prompt-tokens <n>", "what the pods counted: prompts are scaled to it", positive)
    .option("--mean-output-tokens <n>", "the same of answers", positive)
    .addHelpText(
      "after",
      "\nWhat became of the lines is on stderr. Exits with 0, 1 where no line was a request,\n" +
        "2 where a log is unreadable.",
    )
    .action((files: string[], options: LengthOptions) => {
      process.exitCode = run(files, options);
    });
}

function run(files: readonly string[], options: LengthOptions): number {
  const requests: LoggedRequest[] = [];
  const skipped = new Map<Skipped, number>();
  try {
    for (const file of files) {
      for (const { text, number } of readLines(file)) {
        const request = parseLogLine(text);
        if (typeof request === "string") {
          skipped.set(request, (skipped.get(request) ?? 0) + 1);
        } else if (requests.push(request) > REQUESTS_MAX) {
          throw new FileError(`${file}:${number}: more than ${REQUESTS_MAX} requests, the most`);
        }
      }
    }
  } catch (error) {
    if (!(error instanceof FileError)) throw error;
    console.error(`error: ${error.message}`);
    return 2;
  }
  for (const [reason, count] of skipped) console.error(`${count} lines ${reason}`);
  if (requests.length === 0) {
    console.error("error: no line was a request to a model");
    return 1;
  }
  print(requests, options);
  return 0;
}

function print(requests: LoggedRequest[], options: LengthOptions): void {
  const { lines, unknownPrefixes, promptTokens, sharedTokens } = traceOf(requests, options);
  for (const { atMs, promptTokens: prompt, outputTokens, ...line } of lines) {
    const { hashIds, blockTokens, model, stream } = line;
    const named = model === null ? {} : { model };
    const keys = { atMs, promptTokens: prompt, outputTokens, ...named, stream };
    write(`${JSON.stringify({ ...keys, blockTokens, hashIds })}\n`);
  }
  const share = ((100 * sharedTokens) / promptTokens).toFixed(1);
  console.error(`${lines.length} requests; ${share} % of their prompt tokens shared with earlier`);
  if (requests.every(({ cachedTokens, session }) => cachedTokens === null && session === null)) {
    console.error("no x-warmroute-decision and no session was logged, so nothing is shared");
  }
  if (unknownPrefixes > 0) {
    console.error(`${unknownPrefixes} decisions matched more than the log holds: taken as new`);
  }
}

/** At once, also into a pipe that is read slowly. */
function write(text: string): void {
  const bytes = Buffer.from(text);
  for (let at = 0; at < bytes.length;) {
    try {
      at += writeSync(STDOUT, bytes, at);
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      if (code === "EPIPE") process.exit(0); // Its reader has what it wanted.
      if (code !== "EAGAIN") throw error;
    }
  }
}
