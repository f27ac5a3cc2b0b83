// Options that say what comes, for how long, and to which pods.
import { type Command, InvalidArgumentError } from "commander";
import { PROFILES } from "../engine/profiles.js";
import { TRAFFIC } from "../traffic/index.js";
import { integer, integers, names, namesHelp, numbers } from "./values.js";

const ENGINES = Object.keys(PROFILES);
const RATE_MAX = 10_000;
const COUNT_MAX = 10_000_000;
const PODS_MAX = 1024;
const SECONDS_MAX = 86_400;
const SEEDS_MAX = 1000;

/** Undefined: the workload's own. */
export interface TrafficOptions {
  workload: string[];
  /** Requests a second, one run each. */
  rate?: number[];
  concurrency?: number[];
  pods?: number;
  /** A name of engine/profiles.ts. */
  engine?: string;
  seeds: number;
  requests?: number;
  seconds?: number;
}

export function addTrafficOptions(command: Command): void {
  command
    .option("--workload <list>", namesHelp(TRAFFIC), names(TRAFFIC), ["seed-qwq"])
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
    .addHelpText("after", `\nWorkloads:\n${workloadLines()}`);
}

/** Which two options exclude each other, as text; null: none. */
export function trafficConflict(options: TrafficOptions): string | null {
  const given = (name: "rate" | "concurrency" | "requests" | "seconds"): string | null =>
    options[name] === undefined ? null : `--${name} ${String(options[name])}`;
  for (const [one, other] of [
    [given("rate"), given("concurrency")],
    [given("requests"), given("seconds")],
    [given("concurrency"), given("seconds")],
  ]) {
    if (one && other) return `${one} and ${other} are given, allowed is one of the two`;
  }
  return null;
}

function workloadLines(): string {
  return [...TRAFFIC.values()].map(({ name, title }) => `  ${name.padEnd(17)}${title}\n`).join("");
}

function engine(text: string): string {
  if (ENGINES.includes(text)) return text;
  throw new InvalidArgumentError(`There is no "${text}", only: ${ENGINES.join(", ")}.`);
}
