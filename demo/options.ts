// The demo's command line.
import { Command, InvalidArgumentError, Option } from "commander";
import { PHASE_SECONDS_DEFAULT, type WorkloadName } from "./service.js";

const PORT_MAX = 65535;
const SEED_MAX = 2 ** 32 - 1;
const SECONDS_MIN = 2;
const SECONDS_MAX = 600;

export interface DemoOptions {
  workload: WorkloadName;
  seed: number;
  /** Length of each of the four phases. */
  seconds: number;
  /** Port of the standard route; 0: any free one. */
  httpPort: number;
  /** Port of the route through warmroute; 0: any free one. */
  llmGwPort: number;
  /** End after the table. */
  once: boolean;
  /** Print one line of JSON at the end instead of the addresses; implies `once`. */
  json: boolean;
  /** Leave the filter out of llm-gw too. */
  sameRoute: boolean;
}

/** Parses the arguments; prints a usage error and exits with 2 where they are wrong. */
export function parseOptions(args: string[], defaultSeed: number): DemoOptions {
  const command = new Command("./build.sh demo")
    .description(
      "Plays one workload through Envoy's standard route and through warmroute, on simulated " +
        "vLLM pods, and shows what changes. Stays up afterwards, to play with.",
    )
    .addOption(
      new Option("--workload <name>", "chats share prompts, unique ones share nothing")
        .choices(["chats", "unique"])
        .default("chats"),
    )
    .addOption(
      new Option("--seed <n>", "repeat the run that printed it")
        .argParser(integer(0, SEED_MAX))
        .default(defaultSeed, "any"),
    )
    .option(
      "--seconds <n>",
      "length of each of the four phases",
      integer(SECONDS_MIN, SECONDS_MAX),
      PHASE_SECONDS_DEFAULT,
    )
    .option("--http-port <n>", "standard route; 0: any free port", integer(0, PORT_MAX), 8080)
    .option("--llm-gw-port <n>", "warmroute; 0: any free port", integer(0, PORT_MAX), 8081)
    .option("--once", "end after the table", false)
    .option("--json", "end with one line of JSON", false)
    .option("--same-route", "no filter on llm-gw: how far apart two equal routes measure", false)
    .configureOutput({ outputError: (text, write) => write(text) })
    .exitOverride((error) => process.exit(error.exitCode === 0 ? 0 : 2))
    .parse(args, { from: "user" });
  const options = command.opts<DemoOptions>();
  return { ...options, once: options.once || options.json };
}

function integer(min: number, max: number): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (/^\d+$/.test(text) && value >= min && value <= max) return value;
    throw new InvalidArgumentError(`It must be a whole number from ${min} to ${max}.`);
  };
}
