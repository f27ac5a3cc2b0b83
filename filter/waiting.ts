// Requests that are held although all of their body is there, because their pool has no pod yet.
import { Config } from "./config";
import { WAITING_BYTES_MAX, WAITING_MAX } from "./constants";
import { Pool } from "./pool";
import { setDeadline, Stream } from "./stream-slots";

/** Of this VM, over all its pools. */
let requests: u32 = 0;
let bodyBytes: u64 = 0;

/** Holds the request, for `noPodWait` at most; false: it is not to wait, or no longer. */
export function waitForPod(stream: Stream, pool: Pool, config: Config, nowMs: f64): bool {
  const untilMs = stream.heldAtMs + <f64>config.noPodWait * 1e3;
  if (pool.canDecide || nowMs >= untilMs) return false;
  if (requests >= WAITING_MAX || bodyBytes + stream.bodySeen > WAITING_BYTES_MAX) return false;
  requests += 1;
  bodyBytes += stream.bodySeen;
  pool.own.head.waitingForPod += 1;
  stream.waitUntilMs = untilMs;
  stream.isWaiting = true;
  // Looked at with each tick: pods come by a table.
  setDeadline(stream, 0);
  return true;
}

/** Whether there still is no pod, and time left. */
export function stillWaits(stream: Stream, nowMs: f64): bool {
  if (stream.waitUntilMs == 0) return false;
  return nowMs < stream.waitUntilMs && !changetype<Pool>(stream.pool).canDecide;
}

/** It waits no longer, for whatever reason. A second call changes nothing. */
export function endWait(stream: Stream): void {
  if (stream.waitUntilMs == 0) return;
  stream.waitUntilMs = 0;
  requests -= 1;
  bodyBytes -= stream.bodySeen;
  changetype<Pool>(stream.pool).own.head.waitingForPod -= 1;
}
