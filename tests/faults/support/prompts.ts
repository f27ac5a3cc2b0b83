// The prompts of a steady load: a few that many begin with, each with an end of its own.
import { prose } from "../../e2e/support/rig.js";

const MODEL = "demo";
/** Shared beginnings: each pod comes to hold some of them. */
const PREFIXES = 24;
/** What no pod holds goes by load alone, so a pod that seems to have none gets it. */
const COLD_EVERY = 4;

export interface PromptOptions {
  /** How many beginnings there are; 1: everybody hits the same cache. */
  prefixes?: number;
  /** Bytes that are shared, and bytes of the request's own. */
  sharedBytes?: number;
  ownBytes?: number;
  /** Every so many requests one begins like no other, so that no pod holds it; 0: none does. */
  coldEvery?: number;
  /** Shortest and longest answer in tokens. */
  outputTokens?: [number, number];
  /** Tells one load's prompts from another's. */
  name?: string;
}

/** The body of request `id`; the same for the same number. */
export function shortChats(options: PromptOptions = {}): (id: number) => object {
  const { prefixes = PREFIXES, sharedBytes = 800, ownBytes = 200, name = "load" } = options;
  const { coldEvery = COLD_EVERY } = options;
  const [shortest, longest] = options.outputTokens ?? [4, 8];
  const shared = Array.from({ length: prefixes }, (_, n) => prose(`${name} ${n}`, sharedBytes));
  const beginning = (id: number): string =>
    coldEvery > 0 && id % coldEvery === 0
      ? prose(`${name} cold ${id}`, sharedBytes)
      : // Times a prime, so that equal beginnings do not come one after the other.
        (shared[(id * 7) % prefixes] as string);
  return (id) => ({
    model: MODEL,
    messages: [
      { role: "system", content: beginning(id) },
      { role: "user", content: prose(`${name} request ${id}`, ownBytes) },
    ],
    max_tokens: shortest + (id % (longest - shortest + 1)),
    ignore_eos: true,
  });
}
