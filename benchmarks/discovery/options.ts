// The options of `bench discovery`, and the limit that its first figure is held against.
import { parseArgs } from "node:util";

const HELP = `usage: ./build.sh bench discovery [OPTIONS]

A sidecar that finds its pools in a real Kubernetes API server: how long from its
start to full tables, its memory, its CPU at rest, and how long a change of a pod
takes to its effect in the table.

  --pools 20           InferencePools, all in one namespace
  --pods 50            pods in each
  --rounds 3           starts of the sidecar
  --changes 20         changes of a pod in each round
  --seconds 10         how long CPU at rest is measured
  --json               one more line at the end: all figures as JSON
`;

export interface Options {
  pools: number;
  podsEach: number;
  rounds: number;
  changes: number;
  seconds: number;
  isJson: boolean;
}

/** Longest time from the start of the process to full tables. */
export const START_MS_MAX = 5_000;

/** Null after `--help`, which it has printed; throws one line for what it does not understand. */
export function parseOptions(args: string[]): Options | null {
  const text = { type: "string" } as const;
  const { values } = parseArgs({
    args,
    options: {
      help: { type: "boolean" },
      json: { type: "boolean" },
      /** Set by the program itself, for its second half. */
      inside: { type: "boolean" },
      pools: { ...text, default: "20" },
      pods: { ...text, default: "50" },
      rounds: { ...text, default: "3" },
      changes: { ...text, default: "20" },
      seconds: { ...text, default: "10" },
    },
  });
  if (values.help === true) {
    console.log(HELP);
    return null;
  }
  const whole = (
    name: "pools" | "pods" | "rounds" | "changes" | "seconds",
    max: number,
  ): number => {
    const value = Number(values[name]);
    if (Number.isInteger(value) && value >= 1 && value <= max) return value;
    throw new Error(`--${name} ${values[name]}: it must be a whole number from 1 to ${max}`);
  };
  return {
    pools: whole("pools", 200),
    podsEach: whole("pods", 250),
    rounds: whole("rounds", 100),
    changes: whole("changes", 1_000),
    seconds: whole("seconds", 600),
    isJson: values.json === true,
  };
}
