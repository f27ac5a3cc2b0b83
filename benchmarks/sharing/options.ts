// The options of `bench sharing`.
import { parseArgs } from "node:util";
import { RATE_DEFAULT } from "./service.js";

const HELP = `usage: ./build.sh bench sharing [OPTIONS]

Several gateways in front of one pool of simulated pods: each a real Envoy with
the filter and a sidecar of its own, sharing over a real nats-server.

  rounds  1 gateway, 3 that share, 3 that do not: latency, caches, CPU
  lag     from one gateway's decision to another's knowledge of it
  join    a new gateway's first seconds, with and without replay

  --only NAME[,NAME]   rounds, lag, join (default: all three)
  --variants NAME,...  of the rounds: one, shared, alone (default: all three)
  --rounds 5           rounds of "rounds" and of "join"
  --seconds 24         length of one run; its first third is not counted
  --rate ${RATE_DEFAULT}            requests a second, over all gateways
  --trials 200         of "lag", for each delay
  --seed 1             draws prompts, arrivals and gateways
  --json FILE          also writes every figure to FILE
`;

export const PARTS = ["rounds", "lag", "join"] as const;
export type Part = (typeof PARTS)[number];

/** `one`: one gateway; `shared`: three that share; `alone`: three that do not. */
export const VARIANTS = ["one", "shared", "alone"] as const;
export type Variant = (typeof VARIANTS)[number];

export interface Options {
  only: Part[];
  variants: Variant[];
  rounds: number;
  seconds: number;
  /** Requests a second, over all gateways. */
  rate: number;
  trials: number;
  seed: number;
  jsonPath: string | undefined;
}

/** Null after `--help`, which it has printed; throws one line for what it does not understand. */
export function parseOptions(args: string[]): Options | null {
  const text = { type: "string" } as const;
  const { values } = parseArgs({
    args,
    options: {
      help: { type: "boolean" },
      only: { ...text, default: PARTS.join(",") },
      variants: { ...text, default: VARIANTS.join(",") },
      rounds: { ...text, default: "5" },
      seconds: { ...text, default: "24" },
      rate: { ...text, default: String(RATE_DEFAULT) },
      trials: { ...text, default: "200" },
      seed: { ...text, default: "1" },
      json: text,
    },
  });
  if (values.help === true) {
    console.log(HELP);
    return null;
  }
  return {
    only: names("only", values.only, PARTS),
    variants: names("variants", values.variants, VARIANTS),
    rounds: whole("rounds", values.rounds, 1, 100),
    seconds: whole("seconds", values.seconds, 3, 600),
    rate: whole("rate", values.rate, 1, 500),
    trials: whole("trials", values.trials, 1, 10_000),
    seed: whole("seed", values.seed, 0, 2 ** 32 - 1),
    jsonPath: values.json,
  };
}

/** In the order of `allowed`, each once. */
function names<T extends string>(option: string, value: string, allowed: readonly T[]): T[] {
  const given = value.split(",");
  const unknown = given.find((name) => !allowed.some((one) => one === name));
  if (unknown === undefined) return allowed.filter((one) => given.includes(one));
  throw new Error(`--${option} ${value}: names out of ${allowed.join(", ")} are wanted`);
}

function whole(option: string, value: string, min: number, max: number): number {
  const parsed = Number(value);
  if (/^\d+$/.test(value) && parsed >= min && parsed <= max) return parsed;
  throw new Error(`--${option} ${value}: a whole number from ${min} to ${max} is wanted`);
}
