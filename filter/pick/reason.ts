// The closed list of outcomes of a decision, and the one place that holds the fail-open policy.

/** Why a request went where it went. Each is a counter; the names are in REASON_NAMES. */
export const enum Reason {
  /** The pod holds at least as much of the prompt as any other. */
  Prefix = 0,
  /** Another pod holds more of the prompt, but this one answers sooner. */
  Load = 1,
  /** No pod holds any of the prompt: by load. */
  Cold = 2,
  /** No prompt that is read (by path, method, type, encoding, or an empty body): by load. */
  NoPrompt = 3,
  /** The body is not the JSON it says it is: by load; the pod will say so to the client. */
  BadJson = 4,
  /** The strategy is DEFAULT: by load. */
  Default = 5,
  /** The hash key is not known yet: by load. */
  NoKey = 6,
  /** The body did not come while the headers were held (see the stall guard): by load. */
  Stalled = 7,
  /** No table has come yet: Envoy's own policy decides. */
  NoTable = 8,
  /** The table lists no pod that may be picked: Envoy's own policy decides. */
  NoEndpoint = 9,
  /** More streams at a time than the VM follows: Envoy's own policy decides. */
  Busy = 10,
}

export const REASONS: u32 = 11;

/** Names in metrics, headers and reports, in the order of Reason. */
export const REASON_NAMES: StaticArray<string> = [
  "prefix",
  "load",
  "cold",
  "no-prompt",
  "fallback-json",
  "default",
  "fallback-no-key",
  "fallback-stalled",
  "fallback-no-table",
  "fallback-no-endpoint",
  "fallback-busy",
];

/**
 * The fail-open policy: may this request still be routed by load (true), or is no destination set,
 * so that the cluster's own policy decides (false)? Nothing is ever refused or held for longer.
 */
export function fallBack(reason: Reason): bool {
  return reason != Reason.NoTable && reason != Reason.NoEndpoint && reason != Reason.Busy;
}
