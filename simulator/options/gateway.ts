// Options of the gateway: its rule, what it knows of the pods, and the filter's configuration.
import { Option, type Command } from "commander";
import { RULES } from "../rules/index.js";
import { integer, names, object } from "./values.js";

const AGE_MAX_MS = 2000;
const WORKERS_MAX = 62;
/** Each has a VM of its own: 100 take some 8 GB. */
const GATEWAYS_MAX = 128;
const LAG_MAX_MS = 60_000;
const RULES_DEFAULT = ["round-robin", "warmroute"];

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
    .optionsGroup("The gateway:")
    .addOption(
      new Option("--rule <list>", `${[...RULES.keys()].join(", ")}; or all`)
        .argParser(names(RULES))
        .default(RULES_DEFAULT, RULES_DEFAULT.join()),
    )
    .option("--metrics-age-ms <n>", "age of scraped metrics", integer(0, AGE_MAX_MS), 50)
    .addOption(
      new Option("--filter-config <json>", "of warmroute: further keys of its configuration")
        .argParser(object)
        .default({}, "none"),
    )
    .option("--workers <n>", "of warmroute: VMs of a gateway", integer(1, WORKERS_MAX), 1)
    .option("--gateways <n>", "gateways, each with a rule of its own", integer(1, GATEWAYS_MAX), 1)
    .option(
      "--share-lag-ms <n>",
      "of warmroute: gateways tell each other load and prefixes, so late; else nothing",
      integer(0, LAG_MAX_MS),
    );
}

/** What is given without what it needs, as text; null: nothing. */
export function gatewayConflict({ gateways, shareLagMs }: GatewayOptions): string | null {
  if (shareLagMs === undefined || gateways > 1) return null;
  return `--share-lag-ms ${shareLagMs} is given with one gateway, it needs --gateways 2 or more`;
}
