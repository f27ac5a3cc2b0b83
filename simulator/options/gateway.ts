// Options of the gateway: its rule, what it knows of the pods, and the filter's configuration.
import type { Command } from "commander";
import { RULES } from "../rules/index.js";
import { integer, names, namesHelp, object } from "./values.js";

const AGE_MAX_MS = 2000;

export interface GatewayOptions {
  rule: string[];
  metricsAgeMs: number;
  /** Besides `pool`. */
  filterConfig: Record<string, unknown>;
}

export function addGatewayOptions(command: Command): void {
  command
    .option("--rule <list>", namesHelp(RULES), names(RULES), ["round-robin", "warmroute"])
    .option("--metrics-age-ms <n>", "age of scraped metrics", integer(0, AGE_MAX_MS), 50)
    .option("--filter-config <json>", "further keys of the filter's configuration", object, {});
}
