// The command line of the simulator, put together from groups of options, one file each.
import type { Command } from "commander";
import { addGatewayOptions, gatewayConflict, type GatewayOptions } from "./gateway.js";
import { addOutputOptions, baselineOf, type OutputOptions } from "./output.js";
import { addTraceOptions, traceConflict, type TraceOptions } from "./trace.js";
import { addTrafficOptions, trafficConflict, type TrafficOptions } from "./traffic.js";

/** What the operator asked for. Plain data: workers get a copy. */
export interface SimulateOptions
  extends TrafficOptions, TraceOptions, GatewayOptions, OutputOptions {}

/** Gives a command the simulator's options; a usage error exits with 2. */
export function addSimulateOptions(command: Command): Command {
  command
    .description(
      "Runs workloads through routing rules, the filter among them, in virtual time on modelled " +
        "vLLM pods, and shows what each rule comes to. Lists are joined by commas.",
    )
    .summary("run routing rules on modelled pods in virtual time")
    .optionsGroup("Help:")
    .helpOption("-h, --help", "print this")
    .configureOutput({ outputError: (text, write) => write(text) })
    .exitOverride((error) => process.exit(error.exitCode === 0 ? 0 : 2));
  addTrafficOptions(command);
  addTraceOptions(command);
  addGatewayOptions(command);
  addOutputOptions(command);
  return command;
}

/** The options of a command that has parsed its arguments. */
export function checkedOptions(command: Command): SimulateOptions {
  const options = command.opts<SimulateOptions>();
  const given = command.opts<Partial<SimulateOptions>>().baseline;
  const baseline = baselineOf(given, options.rule);
  const conflict =
    traceConflict(command) ??
    trafficConflict(options) ??
    gatewayConflict(options) ??
    (options.json && options.table !== "figures"
      ? `--json and --table ${options.table} are given, allowed is one of the two`
      : null) ??
    (options.table === "overload" && !options.criticalities
      ? "--table overload is given without --criticalities, which it needs"
      : null) ??
    (baseline === null
      ? `--baseline ${given} is given, allowed is one of --rule: ${options.rule.join(", ")}`
      : null);
  if (conflict !== null) command.error(`error: ${conflict}`);
  return { ...options, baseline: baseline! };
}
