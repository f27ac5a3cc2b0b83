// Whom an answer speaks for or against: the pod that gave it, and those that a retry passed over.
import { Bytes, utf8 } from "../host/bytes";
import { getProperty, nowMs, resultAt, resultSize } from "../host/calls";
import { Pool } from "../pool";
import { Stream } from "../stream-slots";

const ATTEMPTS = utf8("upstream\0request_attempt_count");
const FLAGS = utf8("response\0flags");

/**
 * Envoy's response flags that a pod is to blame for: request timeout (2), remote reset (4),
 * connection failure (5), connection termination (6), protocol error (23). A client that leaves is
 * 14, and a route without a pod is another.
 */
const UPSTREAM_FAULTS: u64 = (1 << 2) | (1 << 4) | (1 << 5) | (1 << 6) | (1 << 23);

/** Envoy's own limit was reached (7), and the pod was not asked. */
const OVERFLOW: u64 = 1 << 7;

/** "Not implemented" is an answer. All others from 500 on say that the pod could not. */
const NOT_IMPLEMENTED: u16 = 501;

// @ts-ignore: decorator
@inline
function isFailure(status: u16): bool {
  return status >= 500 && status != NOT_IMPLEMENTED;
}

/**
 * The headers of an answer have come. `server` is the endpoint that gave it, or -1; the stream
 * still holds its first choice. Of a retry the filter sees the end only.
 */
export function judgeHeaders(stream: Stream, pool: Pool, server: i32): void {
  if (stream.kind == 0) return;
  const first = <i32>stream.hold.endpoint;
  const attempts = server != first ? propertyOr(ATTEMPTS, 1) : 1;
  if (attempts > 1) {
    blame(stream, pool, first);
    const second = stream.second;
    if (attempts > 2 && second >= 0 && second != server) blame(stream, pool, second);
  }
  if (!isFailure(stream.status) || server < 0) return;
  if ((propertyOr(FLAGS, 0) & OVERFLOW) == 0) blame(stream, pool, server);
}

/** The first token has come. */
export function judgeFirstToken(stream: Stream, pool: Pool): void {
  if (stream.kind == 0 || stream.status >= 400) return;
  const number = <u32>stream.hold.endpoint;
  if (!pool.endpoints.at(number).isTroubled) return;
  pool.health.succeeded(number, stream.probed == <i32>number);
  if (stream.probed == <i32>number) stream.probed = -1;
}

/** The stream is over, and its answer has not come to its end. */
export function judgeEnd(stream: Stream, pool: Pool): void {
  if (stream.kind == 0 || isFailure(stream.status)) return;
  // A probe that was waited for in vain has failed as well.
  const isInVain = stream.probed >= 0 && stream.isOverdue;
  if (isInVain || (propertyOr(FLAGS, 0) & UPSTREAM_FAULTS) != 0) {
    blame(stream, pool, stream.hold.endpoint);
  }
}

/** A probe without a verdict, as when the pod has refused the prompt: the next one may come. */
export function endProbe(stream: Stream, pool: Pool): void {
  if (stream.probed < 0) return;
  pool.health.releaseProbe(<u32>stream.probed, nowMs());
  stream.probed = -1;
}

function blame(stream: Stream, pool: Pool, number: i32): void {
  const isProbe = stream.probed == number;
  pool.health.failed(<u32>number, nowMs(), isProbe);
  if (isProbe) stream.probed = -1;
}

function propertyOr(path: Bytes, otherwise: u64): u64 {
  return getProperty(path) && resultSize == 8 ? load<u64>(resultAt) : otherwise;
}
