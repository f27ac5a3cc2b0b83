// A small random world from a seed: pods, load, prompts, and what goes wrong.
import { Random } from "../../simulator/workloads/random.js";

/** Parts of the seed: what one draws must not shift what another draws. */
export const enum Draw {
  Config = 1,
  Arrivals = 2,
  Requests = 3,
  Filter = 4,
  Life = 5,
  Sidecar = 6,
}

export interface WorldConfig {
  seed: number;
  vms: 1 | 2;
  pods: number;
  requests: number;
  ratePerS: number;
  /** The real KV cache of a pod, and what the table says of it, in tokens; 0: not known. */
  kvTokens: number;
  toldTokens: number;
  scheduler: "v0" | "v1";
  /** Of the pods' tokenizer. */
  bytesPerToken: number;
  /** Prompts so many and long that the index runs out of nodes. */
  isLarge: boolean;
  systemPrompts: number;
  systemBytes: number;
  questionBytesMax: number;
  outputTokensMax: number;
  /** Mean time between two things that happen to pods; Infinity: nothing does. */
  lifeMsMean: number;
  /** Of requests, and of answers. */
  hangUpShare: number;
  retryShare: number;
  errorShare: number;
  unstreamedShare: number;
  usage: "details" | "zeros" | "plain" | "none";
  /** Between a poll and its answer. */
  pollMs: number;
  sidecarTrouble: boolean;
  /** Requests come before the first table. */
  startsCold: boolean;
}

export function drawConfig(seed: number): WorldConfig {
  const random = Random.from(seed, Draw.Config);
  const oneOf = <T>(...values: readonly T[]): T => values[random.integer(0, values.length - 1)]!;
  const isLarge = seed % 8 === 3;
  const kvTokens = oneOf(4_000, 8_000, 20_000, 60_000);
  // What lives long enough fills the index; a pod that starts anew empties its part.
  const isCalm = oneOf(true, false, false, false) || isLarge;
  return {
    seed,
    vms: oneOf(1, 2),
    pods: random.integer(1, 12),
    requests: isLarge ? 900 : random.integer(40, 260),
    ratePerS: isLarge ? 60 : oneOf(2, 5, 20, 60, 200),
    kvTokens: isLarge ? 60_000 : kvTokens,
    toldTokens: isLarge ? 5_000_000 : oneOf(0, 0.3, 1, 1, 1, 4) * kvTokens,
    scheduler: oneOf("v0", "v1", "v1", "v1"),
    bytesPerToken: oneOf(3, 4, 4, 5.3),
    isLarge,
    systemPrompts: random.integer(1, 12),
    systemBytes: isLarge ? 12_000 : oneOf(0, 200, 900, 3_000, 6_000),
    questionBytesMax: isLarge ? 24_000 : oneOf(300, 1_500, 4_000, 9_000),
    outputTokensMax: isLarge ? 2 : oneOf(2, 20, 120),
    lifeMsMean: isCalm ? Infinity : oneOf(150, 600, 2_000),
    hangUpShare: oneOf(0, 0.05, 0.3),
    retryShare: oneOf(0, 0.05, 0.25),
    errorShare: isLarge ? 0 : oneOf(0, 0.03, 0.15),
    unstreamedShare: oneOf(0, 0.2, 0.6),
    usage: oneOf("details", "details", "zeros", "plain", "none"),
    pollMs: oneOf(0, 3, 12, 40),
    sidecarTrouble: !isCalm && oneOf(true, false),
    startsCold: oneOf(true, false, false),
  };
}
