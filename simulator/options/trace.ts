// Options that replay a trace in place of a workload.
import type { Command } from "commander";
import { integer, numbers } from "./values.js";

const SPEED = { min: 0.0001, max: 1000 };
const BLOCK_TOKENS_MAX = 65_536;

export interface TraceOptions {
  /** A file in place of `workload`, see docs/traces.md. */
  trace?: string;
  traceBlockTokens?: number;
  /** How many times as fast the trace is replayed, one run each. */
  speed?: number[];
}

export function addTraceOptions(command: Command): void {
  command
    .optionsGroup("A trace in place of a workload, see docs/traces.md:")
    .option("--trace <file>", "replay its requests")
    .option(
      "--trace-block-tokens <n>",
      "tokens of a block where the trace does not say; default 512",
      integer(1, BLOCK_TOKENS_MAX),
    )
    .option("--speed <list>", "so many times as fast", numbers(SPEED.min, SPEED.max));
}

/** What is given together and must not be, as text; null: nothing. */
export function traceConflict(command: Command): string | null {
  const given = (name: string): boolean => command.getOptionValueSource(name) === "cli";
  const shown = (name: string): string => `--${name} ${String(command.getOptionValue(name))}`;
  if (given("trace")) {
    const other = ["workload", "rate", "concurrency", "seconds"].find(given);
    if (other === undefined) return null;
    const instead = other === "rate" ? "--speed in place of the rate" : "one of the two";
    return `${shown("trace")} and ${shown(other)} are given, allowed is ${instead}`;
  }
  if (given("speed")) return `${shown("speed")} is given without --trace, which it needs`;
  return given("traceBlockTokens") ? "--trace-block-tokens is given without --trace" : null;
}
