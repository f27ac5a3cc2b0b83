// The closed list of outcomes of a request, and the one place that holds the fail-open policy.

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
  /** No pool knows the model, and the pool declares its models: answered 404. */
  UnknownModel = 11,
  /** The body is longer than what is held, and its model must be rewritten: answered 413. */
  TooLarge = 12,
  /** The body is compressed where models must be read: answered 415. */
  Encoded = 13,
  /** Every pod is saturated and the request may be shed: answered 429. */
  Shed = 14,
  /** Envoy did not let the body be changed: answered 500. */
  Unrewritten = 15,
  /** The list of models, which the filter knows: answered 200. */
  ModelList = 16,
  /** An ejected pod is tried with this request. */
  Probe = 17,
  /** Every pod is so far behind that requests without a claim are refused, too: answered 429. */
  Overloaded = 18,
  /** No pod would meet its first-token target, and it may be shed: answered 429. */
  TargetMissed = 19,
}

export const REASONS: u32 = 20;

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
  "unknown-model",
  "too-large",
  "encoded",
  "shed",
  "unrewritten",
  "model-list",
  "probe",
  "overloaded",
  "target-missed",
];

/**
 * The fail-open policy: may this request still be routed by load (true), or is no destination set,
 * so that the cluster's own policy decides (false)? What the filter answers itself is below.
 */
export function fallBack(reason: Reason): bool {
  return reason != Reason.NoTable && reason != Reason.NoEndpoint && reason != Reason.Busy;
}

/**
 * The status that the filter answers with, 0 where the request goes on. Only what would reach a pod
 * under a name that is not its own is refused, and what pick/admission.ts does not admit.
 */
export function refusalStatus(reason: Reason): u32 {
  switch (reason) {
    case Reason.UnknownModel:
      return 404;
    case Reason.TooLarge:
      return 413;
    case Reason.Encoded:
      return 415;
    case Reason.Shed:
    case Reason.Overloaded:
    case Reason.TargetMissed:
      return 429;
    case Reason.Unrewritten:
      return 500;
    default:
      return 0;
  }
}
