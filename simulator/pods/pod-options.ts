// What one simulated pod is and does, with defaults that are vLLM's.
import type { EngineConfig } from "../engine/options.js";
import { profile, PROFILE_DEFAULT } from "../engine/profiles.js";
import { systemClock, type Clock } from "./engine-driver.js";

/** Misbehaviour on purpose, for tests of what is in front; set live by `POST /_fault`. */
export interface Fault {
  /** Requests get this status at once, with vLLM's error JSON. */
  status?: number;
  /** Requests are accepted and never answered, not even with headers. */
  hang?: boolean;
  /** The connection is reset when a request has come. */
  reset?: boolean;
  /** `status`, `hang` and `reset` meet only requests whose body contains this. */
  marker?: string;
  /** The engine makes no step until the fault is gone, and the metrics page stays as it is. */
  stall?: boolean;
  /** Each step of the engine takes so many times as long, 1 to 1000. */
  slowdown?: number;
  /** The connection is cut after this many tokens of an answer. */
  resetAfterTokens?: number;
  metricsStatus?: number;
  /** In the place of the metrics page, which it need not be. */
  metricsText?: string;
  metricsHang?: boolean;
}

export interface PodOptions {
  host: string;
  /** 0: any free port. */
  port: number;
  /** Sent in the header `x-pod` of every response. */
  name: string;
  model: string;
  /** Further names of the same model, as vLLM's `--served-model-name` takes several. */
  otherNames: readonly string[];
  /** LoRA adapters served under their own names; they share no KV with the model. */
  adapters: readonly string[];
  /** vLLM's `--max-loras`: told on the metrics page only, the engine runs any number at once. */
  maxLoras: number | null;
  engine: EngineConfig;
  /** `asked`: as vLLM, in streams only if the client wants it; `never` imitates other servers. */
  usage: "never" | "asked" | "always";
  /** vLLM's `--enable-prompt-tokens-details`. */
  promptTokensDetails: boolean;
  /** Compresses answers for clients that accept gzip. vLLM does not; a proxy in a pod may. */
  gzip: boolean;
  /** Bounds of an answer whose length the client left open; the prompt decides in between. */
  outputTokensMin: number;
  outputTokensMax: number;
  fault: Fault;
  clock: Clock;
  /** Makes the unique part of request ids. */
  newId: () => string;
}

export function podOptions(given: Partial<PodOptions>): PodOptions {
  let count = 0;
  const options: PodOptions = {
    host: "127.0.0.1",
    port: 0,
    name: "",
    model: "demo",
    otherNames: [],
    adapters: [],
    maxLoras: null,
    engine: profile(PROFILE_DEFAULT),
    usage: "asked",
    promptTokensDetails: false,
    gzip: false,
    outputTokensMin: 32,
    outputTokensMax: 256,
    fault: {},
    clock: systemClock,
    newId: () => (++count).toString(16).padStart(32, "0"),
    ...given,
  };
  if (!(options.outputTokensMin >= 2 && options.outputTokensMax >= options.outputTokensMin)) {
    const { outputTokensMin, outputTokensMax } = options;
    throw new RangeError(
      `output tokens are ${outputTokensMin} to ${outputTokensMax}, allowed is 2 or more, ascending`,
    );
  }
  return options;
}
