// Options of the gateway: its rule, what it knows of the pods, and the filter's configuration.
import type { Command } from "commander";
import { RULES } from "../rules/index.js";
import { integer, names, namesHelp, object } from "./values.js";

const AGE_MAX_MS = 2000;
const WORKERS_MAX = 62;
const GATEWAYS_MAX = 64;
const LAG_MAX_MS = 60_000;

export interface GatewayOptions {
  rule: string[];
  metricsAgeMs: number;
  /** Besides `pool`. */
  filterConfig: Record<string, unknown>;
  /** VMs of a gateway, of the rule `warmroute`. */
  workers: number;
  gateways: number;
  /** Undefined: gateways tell each other nothing. */
  shareLagMs?: number;
}

export function addGatewayOptions(command: Command): void {
  command
    .option("--rule <list>", namesHelp(RULES), names(RULES), ["round-robin", "warmroute"])
    .option("--metrics-age-ms <n>", "age of scraped metrics", integer(0, AGE_MAX_MS), 50)
    .option("--filter-config <json>", "further keys of the filter's configuration", object, {})
    .option("--workers <n>", "workers of a gateway: VMs of the filter", integer(1, WORKERS_MAX), 1)
    .option("--gateways <n>", "gateways, each with a rule alone", integer(1, GATEWAYS_MAX), 1)
    .option(
      "--share-lag-ms <n>",
      "they share load and prefixes, so late; absent: nothing",
      integer(0, LAG_MAX_MS),
    );
}
