// The command line of `./build.sh simulate`.
import { Command, InvalidArgumentError } from "commander";
import { PROFILES } from "../engine/profiles.js";
import { RULES } from "../rules/index.js";
import { TRAFFIC } from "../traffic/index.js";

const RATE_MAX = 10_000;
const COUNT_MAX = 10_000_000;
const PODS_MAX = 1024;
const SECONDS_MAX = 86_400;
const AGE_MAX_MS = 2000;
const SEEDS_MAX = 1000;
const WORKERS_MAX = 62;
const GATEWAYS_MAX = 64;
const LAG_MAX_MS = 60_000;

const ENGINES = Object.keys(PROFILES);

/** What the operator asked for; undefined: the workload's own. */
export interface SimulateOptions {
  workload: string[];
  rule: string[];
  /** Requests a second, one run each. */
  rate?: number[];
  concurrency?: number[];
  pods?: number;
  /** A name of engine/profiles.ts. */
  engine?: string;
  seeds: number;
  requests?: number;
  seconds?: number;
  metricsAgeMs: number;
  /** Besides `pool`. */
  filterConfig: Record<string, unknown>;
  /** VMs of a gateway, of the rule `warmroute`. */
  workers: number;
  gateways: number;
  /** Undefined: gateways tell each other nothing. */
  shareLagMs?: number;
  json: boolean;
}

/** Parses the arguments; prints a usage error and exits with 2 where they are wrong. */
export function parseOptions(args: string[]): SimulateOptions {
  const command = new Command("./build.sh simulate")
    .description(
      "Runs workloads through routing rules, the filter among them, in virtual time on modelled " +
        "vLLM pods, and shows what each rule comes to. Lists are joined by commas.",
    )
    .option("--workload <list>", namesHelp(TRAFFIC), names(TRAFFIC), ["seed-qwq"])
    .option("--rule <list>", namesHelp(RULES), names(RULES), ["round-robin", "warmroute"])
    .option("--rate <list>", "requests a second, whatever happens", numbers(0.001, RATE_MAX))
    .option("--concurrency <list>", "or: requests in flight all the time", integers(1, COUNT_MAX))
    .option("--pods <n>", "pods; the workload's own number when absent", integer(1, PODS_MAX))
    .option("--engine <name>", `engine of all pods: ${ENGINES.join(", ")}`, engine)
    .option(
      "--seeds <n>",
      "runs of which the mean is shown, seeds 1 to n",
      integer(1, SEEDS_MAX),
      3,
    )
    .option("--requests <n>", "requests of a run", integer(1, COUNT_MAX))
    .option("--seconds <n>", "or, with a rate: for how long they arrive", integer(1, SECONDS_MAX))
    .option("--metrics-age-ms <n>", "age of scraped metrics", integer(0, AGE_MAX_MS), 50)
    .option("--filter-config <json>", "further keys of the filter's configuration", object, {})
    .option("--workers <n>", "workers of a gateway: VMs of the filter", integer(1, WORKERS_MAX), 1)
    .option("--gateways <n>", "gateways, each with a rule alone", integer(1, GATEWAYS_MAX), 1)
    .option(
      "--share-lag-ms <n>",
      "they share load and prefixes, so late; absent: nothing",
      integer(0, LAG_MAX_MS),
    )
    .option("--json", "one line of JSON for each workload, rate and rule", false)
    .addHelpText("after", `\nWorkloads:\n${workloadLines()}`)
    .configureOutput({ outputError: (text, write) => write(text) })
    .exitOverride((error) => process.exit(error.exitCode === 0 ? 0 : 2))
    .parse(args, { from: "user" });
  const options = command.opts<SimulateOptions>();
  const given = (name: "rate" | "concurrency" | "requests" | "seconds"): string | null =>
    options[name] === undefined ? null : `--${name} ${String(options[name])}`;
  for (const [one, other] of [
    [given("rate"), given("concurrency")],
    [given("requests"), given("seconds")],
    [given("concurrency"), given("seconds")],
  ]) {
    if (!one || !other) continue;
    command.error(`error: ${one} and ${other} are given, allowed is one of the two`);
  }
  return options;
}

function object(text: string): Record<string, unknown> {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    value = null;
  }
  if (typeof value === "object" && value !== null && !Array.isArray(value)) {
    return value as Record<string, unknown>;
  }
  throw new InvalidArgumentError(`It must be a JSON object, such as {"alpha":0.3}.`);
}

function engine(text: string): string {
  if (ENGINES.includes(text)) return text;
  throw new InvalidArgumentError(`There is no "${text}", only: ${ENGINES.join(", ")}.`);
}

function workloadLines(): string {
  return [...TRAFFIC.values()].map(({ name, title }) => `  ${name.padEnd(17)}${title}\n`).join("");
}

function namesHelp(known: ReadonlyMap<string, unknown>): string {
  return `${[...known.keys()].join(", ")}; or all`;
}

function names(known: ReadonlyMap<string, unknown>): (text: string) => string[] {
  return (text) => {
    if (text === "all") return [...known.keys()];
    for (const name of text.split(",")) {
      if (known.has(name)) continue;
      const allowed = [...known.keys()].join(", ");
      throw new InvalidArgumentError(`There is no "${name}", only: all, ${allowed}.`);
    }
    return text.split(",");
  };
}

function numbers(min: number, max: number): (text: string) => number[] {
  return (text) =>
    text.split(",").map((item) => {
      const value = Number(item);
      if (/^\d+(\.\d+)?$/.test(item) && value >= min && value <= max) return value;
      throw new InvalidArgumentError(`"${item}" must be a number from ${min} to ${max}.`);
    });
}

function integers(min: number, max: number): (text: string) => number[] {
  return (text) => text.split(",").map(integer(min, max));
}

function integer(min: number, max: number): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (/^\d+$/.test(text) && value >= min && value <= max) return value;
    throw new InvalidArgumentError(`"${text}" must be a whole number from ${min} to ${max}.`);
  };
}
