// What the reference of a VM knows of tables, pods and requests.
import type { PodRow } from "../host/filter/support/wire.js";
import type { PromptShape } from "./reference-checkpoints.js";
import type { ChainLink } from "./reference-index.js";

/** A load table, and which hash key it brought. */
export interface Table {
  rows: readonly PodRow[];
  isDefaultStrategy: boolean;
  keyNumber: number;
}

export interface Row {
  address: string;
  isListed: boolean;
  mayBePicked: boolean;
  isCacheOff: boolean;
  epoch: number;
  capacityTokens: number;
  predictedHits: number;
  confirmedHits: number;
  /** Grows whenever the pod's cache is another one. */
  life: number;
}

/** A request that a pod was chosen for. */
export interface Routed {
  /** The pod whose load it is; -1: none's any more. */
  number: number;
  /** The pod's life when it was routed: in a later one it has another cache. */
  life: number;
  prompt: PromptShape | null;
  promptBytes: number;
  keyNumber: number;
  chain: ChainLink[];
  matchedTokens: number;
  matchedDepth: number;
  uncachedTokens: number;
  priorTouch: number;
  routedStep: number;
  hasPrediction: boolean;
  status: number;
}

export type Reason = "prefix" | "load" | "cold" | "no-prompt" | "fallback-json" | "default";
export type AnyReason = Reason | "fallback-no-key";

/** What the pod says at the end of its answer; absent: nothing. */
export interface UsageSaid {
  promptTokens?: number;
  cachedTokens?: number;
  outputTokens?: number;
}
