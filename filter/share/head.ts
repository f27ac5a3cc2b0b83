// The head record: what a VM shows of itself in shared data. A fixed part, then load by endpoint.
import { DECISIONS_KEPT, ENDPOINTS_MAX } from "../constants";
import { setShared } from "../host/calls";
import { Endpoints } from "../load/endpoint";
import { SharedKeys } from "./keys";

/** Room for more reasons than there are, so that a new one does not move the fields. */
export const REASONS_ROOM: u32 = 24;

/** The fixed part. All VMs under one vm_id run the same code, so its layout is theirs alone. */
@unmanaged
export class Head {
  incarnation: u64;
  heartbeatMs: f64;
  configHash: u64;
  startedMs: f64;
  segmentSequence: u32;
  segmentUsed: u32;
  entryCount: u32;
  /** Requests that it holds until there is a pod. */
  waitingForPod: u32;
  /** A body came while headers were held: the allow flag is set. */
  isAllowProven: bool;
  /** A held request was released because its body did not come. */
  hasStalled: bool;
  /** This VM serves requests; the main thread's and the config VM's never do. */
  isServing: bool;
  promptTokens: u64;
  matchedTokens: u64;
  mispredictions: u64;
  indexNodes: u32;
  indexNodesMax: u32;
  indexEvicted: u32;
  decisionCount: u32;
  bytesPerToken: f64;
  outputTokens: f64;
  prefillSecondsPerToken: f64;
  secondsPerOutputToken: f64;

  // @ts-ignore: decorator
  @inline
  reasonCell(reason: u32): usize {
    return changetype<usize>(this) + offsetof<Head>() + ((<usize>reason) << 3);
  }

  // @ts-ignore: decorator
  @inline
  decision(i: u32): Decision {
    return changetype<Decision>(
      changetype<usize>(this) +
        DECISIONS_OFFSET +
        <usize>(i % DECISIONS_KEPT) * offsetof<Decision>(),
    );
  }

  // @ts-ignore: decorator
  @inline
  entry(i: u32): HeadEntry {
    return changetype<HeadEntry>(
      changetype<usize>(this) + HEAD_FIXED_BYTES + <usize>i * offsetof<HeadEntry>(),
    );
  }
}

/** One decision, for people: no text, no hash. */
@unmanaged
export class Decision {
  atMs: f64;
  etaMs: f32;
  promptTokens: u32;
  matchedTokens: u32;
  endpoint: u16;
  reason: u16;
}

/** The VM's own requests on one endpoint. */
@unmanaged
export class HeadEntry {
  endpoint: u16;
  inFlight: u16;
  unprefilled: u16;
  unused: u16;
  backlogTokens: u32;
  kvTokens: u32;
  /** When the VM last saw it compute. */
  progressAtMs: f64;
}

const DECISIONS_OFFSET: usize = offsetof<Head>() + REASONS_ROOM * 8;
export const HEAD_FIXED_BYTES: usize = DECISIONS_OFFSET + DECISIONS_KEPT * offsetof<Decision>();
export const HEAD_BYTES_MAX: usize = HEAD_FIXED_BYTES + ENDPOINTS_MAX * offsetof<HeadEntry>();

/** This VM's own head: counters are kept in it, load is written in when it is published. */
export class OwnHead {
  readonly head: Head;

  constructor(incarnation: u64, nowMs: f64) {
    const at = heap.alloc(HEAD_BYTES_MAX);
    memory.fill(at, 0, HEAD_BYTES_MAX);
    this.head = changetype<Head>(at);
    this.head.incarnation = incarnation;
    this.head.startedMs = nowMs;
  }

  count(reason: u32): void {
    const cell = this.head.reasonCell(reason);
    store<u64>(cell, load<u64>(cell) + 1);
  }

  /** Writes the head to shared data; with `cas` only if nobody took the number meanwhile. */
  publish(keys: SharedKeys, vm: u32, endpoints: Endpoints, nowMs: f64, cas: u32): bool {
    const head = this.head;
    head.heartbeatMs = nowMs;
    let entries: u32 = 0;
    for (let number: u32 = 0; number < endpoints.limit; number++) {
      const endpoint = endpoints.at(number);
      if (endpoint.ownInFlight <= 0) continue;
      const entry = head.entry(entries++);
      entry.endpoint = <u16>number;
      entry.inFlight = <u16>min(endpoint.ownInFlight, 0xffff);
      entry.unprefilled = <u16>min(endpoint.ownUnprefilled, 0xffff);
      entry.backlogTokens = <u32>min<i64>(endpoint.ownBacklogTokens, 0xffffffff);
      entry.kvTokens = <u32>min<i64>(endpoint.ownKvTokens, 0xffffffff);
      entry.progressAtMs = endpoint.progressAtMs;
    }
    head.entryCount = entries;
    const bytes = HEAD_FIXED_BYTES + <usize>entries * offsetof<HeadEntry>();
    const key = keys.head(vm);
    return setShared(key, keys.size, changetype<usize>(head), <u32>bytes, cas);
  }
}

/** True where `size` bytes at `at` are a whole head. */
export function isHead(at: usize, size: u32): bool {
  if (<usize>size < HEAD_FIXED_BYTES) return false;
  const entries = changetype<Head>(at).entryCount;
  return (
    entries <= ENDPOINTS_MAX &&
    HEAD_FIXED_BYTES + <usize>entries * offsetof<HeadEntry>() == <usize>size
  );
}
