// Options that say what is shown of the runs, and how they are run.
import { availableParallelism } from "node:os";
import { Option, type Command } from "commander";
import { integer, name } from "./values.js";

const JOBS_MAX = 256;
const TABLES = ["figures", "seed", "overload"] as const;

export interface OutputOptions {
  json?: boolean;
  table: (typeof TABLES)[number];
  /** The rule that the others are compared with. */
  baseline: string;
  /** A file for the report. */
  report?: string;
  progress?: boolean;
  /** Threads; they change no output. */
  jobs: number;
}

export function addOutputOptions(command: Command): void {
  command
    .optionsGroup("The result:")
    .addOption(
      new Option(
        "--table <name>",
        "figures; seed: the rows of vLLM's benchmark; overload: goodput by criticality",
      )
        .argParser(name(TABLES))
        .default("figures"),
    )
    .option("--json", "or one line of JSON for each workload, load and rule")
    .option(
      "--baseline <rule>",
      "the others are compared with it (default: warmroute, or the last rule)",
    )
    .option("--report <file>", "also write a page with plots, for a browser")
    .option("--progress", "tell on stderr how far it is, also where that is no terminal")
    .addOption(
      new Option("--jobs <n>", "runs at a time; changes no figure")
        .argParser(integer(1, JOBS_MAX))
        .default(availableParallelism(), "the cores"),
    );
}

/** The baseline in effect; null: the one given is not among the rules. */
export function baselineOf(given: string | undefined, rules: readonly string[]): string | null {
  if (given !== undefined) return rules.includes(given) ? given : null;
  return rules.includes("warmroute") ? "warmroute" : rules.at(-1)!;
}
