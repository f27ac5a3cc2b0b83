// Options that say what is shown of the runs.
import type { Command } from "commander";

export interface OutputOptions {
  json: boolean;
}

export function addOutputOptions(command: Command): void {
  command.option("--json", "one line of JSON for each workload, rate and rule", false);
}
