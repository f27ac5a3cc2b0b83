#!/usr/bin/env node
// The command `warmroute`: checks the filter's configuration, migrates manifests, simulates.
import { readFileSync } from "node:fs";
import { Command } from "commander";
import { projectPath } from "./config/project.js";
import { validateFiles } from "./config/validate.js";
import { simulateCommand } from "../simulator/command.js";
import { addMigrate } from "./migrate/command.js";
import { addTrace } from "../simulator/traces/command.js";
import { endWithReader } from "../simulator/quiet-pipe.js";

const program = new Command("warmroute")
  .description("Sends each LLM request to the vLLM pod that will answer it first")
  .version(readVersion());

program
  .command("validate")
  .description("run the filter on its configuration: JSON, YAML or an EnvoyExtensionPolicy")
  .argument("<file...>", "what Envoy, or Envoy Gateway, would give to the filter")
  .option("--filter <wasm>", "the filter to run", projectPath("build", "filter.wasm"))
  .addHelpText(
    "after",
    "\nExits with 0 when all are taken, 1 when one is refused, 2 when unreadable.",
  )
  .action((files: string[], options: { filter: string }) => {
    process.exitCode = validateFiles(files, options.filter);
  });

program
  .command("schema")
  .description("print the JSON Schema of the filter's configuration")
  .action(() => {
    process.stdout.write(readFileSync(projectPath("docs", "configuration.schema.json"), "utf8"));
  });

addMigrate(program);
addTrace(program);
program.addCommand(simulateCommand("simulate"));

function readVersion(): string {
  const { version } = JSON.parse(readFileSync(projectPath("package.json"), "utf8")) as {
    version: string;
  };
  return version;
}

endWithReader();
await program.parseAsync();
