// Options that say what comes, for how long, and to which pods.
import { Option, type Command } from "commander";
import { PROFILES } from "../engine/profiles.js";
import { TRAFFIC } from "../traffic/index.js";
import { integer, integers, name, names, numbers } from "./values.js";

const SCHEDULING = ["fcfs", "priority"] as const;
const ENGINES = Object.keys(PROFILES);
const RATE_MAX = 10_000;
const COUNT_MAX = 10_000_000;
const PODS_MAX = 1024;
const SECONDS_MAX = 86_400;
const SEEDS_MAX = 1000;
const HELP_COLUMNS = 80;
const NAME_COLUMNS = 17;

/** Undefined: the workload's own. */
export interface TrafficOptions {
  workload: string[];
  /** Requests a second, one run each. */
  rate?: number[];
  concurrency?: number[];
  pods?: number;
  /** A name of engine/profiles.ts. */
  engine?: string;
  /** A third of the conversations each is Critical, Standard and Sheddable. */
  criticalities?: boolean;
  /** The order in which the pods' engines serve their queues. */
  scheduling: (typeof SCHEDULING)[number];
  seeds: number;
  requests?: number;
  seconds?: number;
}

export function addTrafficOptions(command: Command): void {
  command
    .optionsGroup("What comes, and to which pods; the workload says what is not given:")
    .addOption(
      new Option("--workload <list>", "of the names below, or all")
        .argParser(names(TRAFFIC))
        .default(["seed-qwq"], "seed-qwq"),
    )
    .option("--rate <list>", "requests a second, whatever happens", numbers(0.001, RATE_MAX))
    .option("--concurrency <list>", "or: requests in flight all the time", integers(1, COUNT_MAX))
    .option("--requests <n>", "requests of a run", integer(1, COUNT_MAX))
    .option("--seconds <n>", "or, with a rate: for how long they arrive", integer(1, SECONDS_MAX))
    .option("--pods <n>", "how many pods", integer(1, PODS_MAX))
    .option("--engine <name>", `engine of all pods: ${ENGINES.join(", ")}`, name(ENGINES))
    .option("--criticalities", "a third each is Critical, Standard and Sheddable")
    .addOption(
      new Option("--scheduling <name>", "of the engines: fcfs, or priority: by criticality")
        .argParser(name(SCHEDULING))
        .default("fcfs"),
    )
    .option(
      "--seeds <n>",
      "runs of which the mean is shown, seeds 1 to n",
      integer(1, SEEDS_MAX),
      3,
    )
    .addHelpText("after", () => `\nWorkloads:\n${workloadLines(command)}`);
}

/** Which two options exclude each other, as text; null: none. */
export function trafficConflict(options: TrafficOptions): string | null {
  const shown = (name: "rate" | "concurrency" | "requests" | "seconds"): string | null =>
    options[name] === undefined ? null : `--${name} ${String(options[name])}`;
  for (const [one, other] of [
    [shown("rate"), shown("concurrency")],
    [shown("requests"), shown("seconds")],
    [shown("concurrency"), shown("seconds")],
  ]) {
    if (one && other) return `${one} and ${other} are given, allowed is one of the two`;
  }
  const { workload, rate, seconds } = options;
  const closed = workload.find((one) => "concurrency" in TRAFFIC.get(one)!.load);
  if (seconds === undefined || rate !== undefined || closed === undefined) return null;
  const given = `--seconds ${seconds} is given without --rate, and ${closed} has none`;
  return `${given}; allowed is --requests`;
}

function workloadLines(command: Command): string {
  const indent = "\n".padEnd(NAME_COLUMNS + 3);
  return [...TRAFFIC.values()]
    .map(({ name, title }) => {
      const text = command.createHelp().boxWrap(title, HELP_COLUMNS - NAME_COLUMNS - 2);
      return `  ${name.padEnd(NAME_COLUMNS)}${text.replaceAll("\n", indent)}\n`;
    })
    .join("");
}
