// The terms of the marginal delay, one pure function each, in seconds. docs/decisions holds why.

/** Share of the KV cache from which on a pod counts as nearly full. */
const FULL: f64 = 0.9;

/** What a request waits for before its own prefill: prompts ahead of it, ours and those unseen. */
// @ts-ignore: decorator
@inline
export function queueDelay(
  backlogTokens: f64,
  unseenWaiting: f64,
  promptTokensMean: f64,
  prefillSecondsPerToken: f64,
): f64 {
  return (backlogTokens + unseenWaiting * promptTokensMean) * prefillSecondsPerToken;
}

/**
 * The wait for KV space: the tokens that are missing, over the rate at which `running` answers of
 * `outputTokens` end and give back `sequenceTokens` each. 0 where there is room, or nothing runs.
 */
// @ts-ignore: decorator
@inline
export function spaceDelay(
  neededTokens: f64,
  freeTokens: f64,
  running: f64,
  outputTokens: f64,
  sequenceTokens: f64,
  secondsPerOutputToken: f64,
): f64 {
  const missing = neededTokens - freeTokens;
  if (missing <= 0 || running <= 0) return 0;
  return (missing * outputTokens * secondsPerOutputToken) / (running * sequenceTokens);
}

/**
 * A cache that is nearly full preempts soon: from FULL on, a growing part of the time until one of
 * the `running` answers ends, which is what a preempted one waits. `alpha` of it, as it is others'.
 */
// @ts-ignore: decorator
@inline
export function pressureDelay(
  kvUse: f64,
  running: f64,
  outputTokens: f64,
  secondsPerOutputToken: f64,
  alpha: f64,
): f64 {
  // False for NaN too: a pod that does not tell.
  if (!(kvUse > FULL)) return 0;
  const share = Math.min((kvUse - FULL) / (1 - FULL), 1);
  return (alpha * share * outputTokens * secondsPerOutputToken) / Math.max(running, 1);
}

/**
 * What a LoRA adapter costs on a pod: nothing where it is held. Else the time to load it, and where
 * no slot is free also the wait for one: a slot is given back when the answers that use its adapter
 * end, so about as long as one answer of `outputTokens`.
 */
// @ts-ignore: decorator
@inline
export function adapterDelay(
  isHeld: bool,
  isAtLimit: bool,
  loadSeconds: f64,
  outputTokens: f64,
  secondsPerOutputToken: f64,
): f64 {
  if (isHeld) return 0;
  return loadSeconds + (isAtLimit ? outputTokens * secondsPerOutputToken : 0);
}

/**
 * Our own prefill, and that `alpha` of it stalls each of `inFlight` others: of the `extraSeconds`,
 * which the pod with the deepest match would not have to compute. What any pod must compute stalls
 * others wherever it goes; counted in full, it sorts long prompts to the pods with fewer requests.
 */
// @ts-ignore: decorator
@inline
export function prefillDelay(ownSeconds: f64, extraSeconds: f64, alpha: f64, inFlight: f64): f64 {
  return ownSeconds + alpha * extraSeconds * inFlight;
}

/** Our decode slows the others: by a sequence more in each step, and by its context. */
// @ts-ignore: decorator
@inline
export function decodeDelay(
  outputTokens: f64,
  secondsPerSequence: f64,
  secondsPerKvToken: f64,
  contextTokens: f64,
  alpha: f64,
  inFlight: f64,
): f64 {
  return alpha * outputTokens * (secondsPerSequence + secondsPerKvToken * contextTokens) * inFlight;
}
