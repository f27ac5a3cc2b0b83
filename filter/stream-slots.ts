// Memory of the streams that a VM follows: slots of fixed size, found by context id, used again.
import { STREAMS_MAX, STREAMS_PER_SLAB } from "./constants";
import { Hold } from "./load/in-flight";
import { PROMPT_STATE_BYTES, PromptState } from "./request/prompt-parser";
import { USAGE_STATE_BYTES, UsageState } from "./response/usage-scanner";

export const enum Phase {
  /** The headers have not come. */
  New = 0,
  /** The headers are held, the body is read. */
  Held = 1,
  /** Decided; the answer is followed. */
  Routed = 2,
  /** Not followed: Envoy's own policy decided, or the filter has answered. */
  Passed = 3,
}

/** One HTTP stream. Its hold, parser and usage scanner lie behind it in the same slot. */
@unmanaged
export class Stream {
  contextId: u32;
  slot: u32;
  /** The root context that it belongs to (a Root); kept alive by the list of roots. */
  root: usize;
  /** The pool that it was routed by (a Pool, never freed); 0 before its headers. */
  pool: usize;
  phase: i32;
  reason: i32;
  kind: u8;
  /** The client asked for a streamed answer. */
  wantsStream: bool;
  /** The answer's bytes are worth reading: status 200, JSON or events, not compressed. */
  readsAnswer: bool;
  answerIsEvents: bool;
  hasFirstByte: bool;
  isOverdue: bool;
  /** All of the body is read; the request waits for a pool's first table, or for a pod. */
  isWaiting: bool;
  /** All of its body had come when it was routed. */
  isWhole: bool;
  /** The prediction is that of the pod that answers. */
  isPredicted: bool;
  /** Its headers have a content-length, and the objective's. */
  hasLength: bool;
  hasObjective: bool;
  /** How much it may be made to wait (Criticality). */
  criticality: u8;
  /** A hit was predicted and the answer may confirm it. */
  hasPrediction: bool;
  status: u16;
  /** Bytes of the request body that have come, and those that were read. */
  bodySeen: u32;
  bodyRead: u32;
  /** When its first token is wanted, in ms from its routing; 0: whenever it comes. */
  targetMs: u32;
  promptTokens: u32;
  matchedTokens: u32;
  /** Tokens of prefill ahead of the first byte, own ones too; 0 where nothing can be learned. */
  workTokens: u32;
  /** The second choice, -1 for none. */
  second: i32;
  /** The ejected pod that this request is a probe of, until there is a verdict; else -1. */
  probed: i32;
  /** Checkpoints that the pod held already when the request was routed. */
  matchedDepth: u16;
  /** Last touch of the deepest checkpoint that matched, before this request. */
  priorTouch: u32;
  heldAtMs: f64;
  /** It waits for a pod, until then at most; 0: it does not. */
  waitUntilMs: f64;
  routedAtMs: f64;
  /** From then on its first byte is overdue. */
  overdueAtMs: f64;
  firstByteMs: f64;
  predictedSeconds: f64;
  /** Time spent on it in the VM, for the histogram. */
  busyNs: u64;

  // @ts-ignore: decorator
  @inline
  get hold(): Hold {
    return changetype<Hold>(changetype<usize>(this) + HOLD_OFFSET);
  }

  // @ts-ignore: decorator
  @inline
  get prompt(): PromptState {
    return changetype<PromptState>(changetype<usize>(this) + PROMPT_OFFSET);
  }

  // @ts-ignore: decorator
  @inline
  get usage(): UsageState {
    return changetype<UsageState>(changetype<usize>(this) + USAGE_OFFSET);
  }
}

const HOLD_OFFSET: usize = (offsetof<Stream>() + 7) & ~7;
const PROMPT_OFFSET: usize = (HOLD_OFFSET + offsetof<Hold>() + 7) & ~7;
const USAGE_OFFSET: usize = (PROMPT_OFFSET + PROMPT_STATE_BYTES + 7) & ~7;
const SLOT_BYTES: usize = (USAGE_OFFSET + USAGE_STATE_BYTES + 63) & ~63;

/** Twice the streams, a power of two: probes stay short. */
const FINDER_CELLS: u32 = STREAMS_MAX * 2;
/** No deadline. */
export const NEVER: f64 = Infinity;

const slabs = new StaticArray<usize>(STREAMS_MAX / STREAMS_PER_SLAB);
/** Context id u32 and slot + 1 u32 (0: empty) in each cell. */
const finder: usize = heap.alloc(FINDER_CELLS * 8);
memory.fill(finder, 0, FINDER_CELLS * 8);
/** Slots that were given back, u32 each. */
const freeSlots: usize = heap.alloc(STREAMS_MAX * 4);
let freeCount: u32 = 0;
/** When each slot wants to be looked at, f64 each: a dense list that a tick walks quickly. */
const deadlines: usize = heap.alloc(STREAMS_MAX * 8);
/** Slots that were ever used. */
let slotCount: u32 = 0;

/** Streams that are followed now. */
export let streamCount: u32 = 0;

// @ts-ignore: decorator
@inline
function slotAt(slot: u32): Stream {
  const slab = unchecked(slabs[slot / STREAMS_PER_SLAB]);
  return changetype<Stream>(slab + <usize>(slot % STREAMS_PER_SLAB) * SLOT_BYTES);
}

/** A slot for a new stream; null when as many streams as possible are followed. */
export function openStream(contextId: u32, root: usize): Stream | null {
  const slot = takeSlot();
  if (slot == STREAMS_MAX) return null;
  const stream = slotAt(slot);
  memory.fill(changetype<usize>(stream), 0, PROMPT_OFFSET);
  stream.contextId = contextId;
  stream.slot = slot;
  stream.root = root;
  stream.probed = -1;
  setDeadline(stream, NEVER);
  let cell = home(contextId);
  while (load<u32>(finder + ((<usize>cell) << 3), 4) != 0) cell = next(cell);
  store<u32>(finder + ((<usize>cell) << 3), contextId);
  store<u32>(finder + ((<usize>cell) << 3), slot + 1, 4);
  streamCount += 1;
  return stream;
}

/** The stream of a context; null when it is not followed. */
export function findStream(contextId: u32): Stream | null {
  const cell = findCell(contextId);
  if (cell == FINDER_CELLS) return null;
  return slotAt(load<u32>(finder + ((<usize>cell) << 3), 4) - 1);
}

/** Gives the slot back. */
export function closeStream(stream: Stream): void {
  const cell = findCell(stream.contextId);
  if (cell == FINDER_CELLS) return;
  setDeadline(stream, NEVER);
  store<u32>(freeSlots + ((<usize>freeCount) << 2), stream.slot);
  freeCount += 1;
  streamCount -= 1;
  closeGap(cell);
}

export function setDeadline(stream: Stream, atMs: f64): void {
  store<f64>(deadlines + ((<usize>stream.slot) << 3), atMs);
}

/** The first slot from `from` on whose deadline has passed, or -1: a tick walks all once. */
export function nextDue(from: u32, nowMs: f64): i32 {
  for (let slot = from; slot < slotCount; slot++) {
    if (load<f64>(deadlines + ((<usize>slot) << 3)) <= nowMs) return <i32>slot;
  }
  return -1;
}

export function streamAt(slot: i32): Stream {
  return slotAt(<u32>slot);
}

function takeSlot(): u32 {
  if (freeCount > 0) {
    freeCount -= 1;
    return load<u32>(freeSlots + ((<usize>freeCount) << 2));
  }
  if (slotCount == STREAMS_MAX) return STREAMS_MAX;
  const slot = slotCount;
  if (slot % STREAMS_PER_SLAB == 0) {
    unchecked((slabs[slot / STREAMS_PER_SLAB] = heap.alloc(<usize>STREAMS_PER_SLAB * SLOT_BYTES)));
  }
  slotCount += 1;
  return slot;
}

// @ts-ignore: decorator
@inline
function home(contextId: u32): u32 {
  return (contextId * 0x9e3779b1) & (FINDER_CELLS - 1);
}

// @ts-ignore: decorator
@inline
function next(cell: u32): u32 {
  return (cell + 1) & (FINDER_CELLS - 1);
}

/** The cell of a context, or FINDER_CELLS. At most half the cells are full, so it ends. */
function findCell(contextId: u32): u32 {
  let cell = home(contextId);
  while (load<u32>(finder + ((<usize>cell) << 3), 4) != 0) {
    if (load<u32>(finder + ((<usize>cell) << 3)) == contextId) return cell;
    cell = next(cell);
  }
  return FINDER_CELLS;
}

/** Moves later cells of the run back, so that no mark of a deleted one is needed. */
function closeGap(gap: u32): void {
  let cell = next(gap);
  for (;;) {
    const at = finder + ((<usize>cell) << 3);
    if (load<u32>(at, 4) == 0) break;
    const distance = (cell - home(load<u32>(at))) & (FINDER_CELLS - 1);
    if (distance >= ((cell - gap) & (FINDER_CELLS - 1))) {
      store<u64>(finder + ((<usize>gap) << 3), load<u64>(at));
      gap = cell;
    }
    cell = next(cell);
  }
  store<u64>(finder + ((<usize>gap) << 3), 0);
}
