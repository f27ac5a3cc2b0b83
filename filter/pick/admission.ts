// Admission: which requests are refused because every pod is too far behind, or too late for them.
import { Config } from "../config";
import { RETRY_AFTER_SECONDS_MAX } from "../constants";
import { Criticality } from "../models/section";
import { PickAnswer } from "./pick";
import { Reason } from "./reason";

/** The request goes to a pod. */
export const ADMITTED: i32 = -1;
/** The digits of TARGET_MS_MAX: more are no number of ours, leading zeros neither. */
const TARGET_DIGITS_MAX: u32 = 7;
/** An hour: nobody waits longer for a first token. */
export const TARGET_MS_MAX: u32 = 3600000;

/**
 * The reason to refuse a request, or ADMITTED. Critical requests are never refused, nor are Standard
 * ones where nobody has said that others matter more or less (`isGraded`). What counts is the
 * shortest wait there is before its own prefill: a long prompt on idle pods is no overload.
 * `targetMs` is when its first token is wanted, 0: whenever it comes.
 */
export function admit(
  criticality: u8,
  isGraded: bool,
  answer: PickAnswer,
  targetMs: u32,
  config: Config,
): i32 {
  if (criticality == <u8>Criticality.Critical) return ADMITTED;
  const waitMs = answer.leastWait * 1e3;
  if (criticality == <u8>Criticality.Sheddable) {
    if (waitMs > config.saturationMs) return Reason.Shed;
    return isTooLate(answer, targetMs) ? Reason.TargetMissed : ADMITTED;
  }
  const boundMs = isGraded ? standardBoundMs(config) : 0;
  return boundMs > 0 && waitMs > boundMs ? Reason.Overloaded : ADMITTED;
}

/** No pod's estimate meets the target. */
export function isTooLate(answer: PickAnswer, targetMs: u32): bool {
  return targetMs > 0 && answer.leastDelay * 1e3 > <f64>targetMs;
}

/** Whole seconds until the reason may be gone again, if nothing more comes. */
export function retryAfterSeconds(
  reason: i32,
  answer: PickAnswer,
  targetMs: u32,
  config: Config,
): u32 {
  let overMs = answer.leastWait * 1e3;
  if (reason == Reason.Overloaded) overMs -= standardBoundMs(config);
  else if (reason == Reason.Shed) overMs -= config.saturationMs;
  else overMs = answer.leastDelay * 1e3 - <f64>targetMs;
  return <u32>Math.min(Math.max(Math.ceil(overMs * 1e-3), 1), RETRY_AFTER_SECONDS_MAX);
}

/** What waits longer than sheddable requests may: never the lower of the two. 0: no bound. */
function standardBoundMs(config: Config): f64 {
  if (config.standardSaturationMs == 0) return 0;
  return Math.max(config.standardSaturationMs, config.saturationMs);
}

/** The target that a header's value names in ms, or `otherwise` where it names none. */
export function targetMsOf(at: usize, size: u32, otherwise: u32): u32 {
  if (size == 0 || size > TARGET_DIGITS_MAX) return otherwise;
  let value: u32 = 0;
  for (let i: u32 = 0; i < size; i++) {
    const digit = <u32>load<u8>(at + i) - 0x30;
    if (digit > 9) return otherwise;
    value = value * 10 + digit;
  }
  return value == 0 || value > TARGET_MS_MAX ? otherwise : value;
}
