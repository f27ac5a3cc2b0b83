// Stream slots against a plain map: found by context id, used again, never laid over each other.
import { STREAMS_MAX } from "../../filter/constants";
import { Hold } from "../../filter/load/in-flight";
import { PROMPT_STATE_BYTES } from "../../filter/request/prompt-parser";
import { USAGE_STATE_BYTES } from "../../filter/response/usage-scanner";
import {
  closeStream,
  findStream,
  NEVER,
  nextDue,
  openStream,
  Phase,
  setDeadline,
  Stream,
  streamAt,
  streamCount,
} from "../../filter/stream-slots";
import { Random } from "./prefix/random";

const ROOT: usize = 4242;
/** Ids that many a hash of low bits puts into one cell. */
const STRIDE: u32 = 2 * STREAMS_MAX;

function open(contextId: u32): Stream {
  return openStream(contextId, ROOT) as Stream;
}

function close(contextId: u32): void {
  const stream = findStream(contextId);
  if (stream != null) closeStream(stream);
}

/** Opens and closes at random beside a map from id to slot; what went wrong first, or "". */
function differences(seed: u64, firstId: u32, step: u32, openMax: i32, steps: i32): string {
  const random = new Random(seed);
  const slots = new Map<u32, u32>();
  const ids: Array<u32> = [];
  let nextId = firstId;
  for (let i = 0; i < steps; i++) {
    const isOpening = ids.length == 0 || (ids.length < openMax && random.chance(11, 20));
    if (isOpening) {
      const stream = open(nextId);
      if (stream.contextId != nextId || stream.root != ROOT) return `${nextId} is not itself`;
      if (slots.values().includes(stream.slot)) return `slot ${stream.slot} is given twice`;
      slots.set(nextId, stream.slot);
      ids.push(nextId);
      nextId += step;
    } else {
      const at = random.below(ids.length);
      const id = ids[at];
      ids[at] = ids[ids.length - 1];
      ids.pop();
      close(id);
      slots.delete(id);
      if (findStream(id) != null) return `${id} is found after its end`;
    }
    if (streamCount != <u32>ids.length) return `${streamCount} streams`;
    const probe = ids.length > 0 ? ids[random.below(ids.length)] : 0;
    const found = findStream(probe);
    if (ids.length > 0 && (found == null || found.slot != slots.get(probe))) return `lost ${probe}`;
    if (findStream(nextId) != null) return `${nextId} is found before it opened`;
  }
  for (let i = 0; i < ids.length; i++) {
    const found = findStream(ids[i]);
    if (found == null || found.slot != slots.get(ids[i])) return `lost ${ids[i]} at the end`;
  }
  for (let i = 0; i < ids.length; i++) close(ids[i]);
  return streamCount == 0 ? "" : `${streamCount} streams are left`;
}

function fill(stream: Stream, mark: u8): void {
  memory.fill(changetype<usize>(stream.hold), mark, offsetof<Hold>());
  memory.fill(changetype<usize>(stream.prompt), mark + 1, PROMPT_STATE_BYTES);
  memory.fill(changetype<usize>(stream.usage), mark + 2, USAGE_STATE_BYTES);
}

function isFilled(at: usize, mark: u8, bytes: usize): bool {
  for (let i: usize = 0; i < bytes; i++) if (load<u8>(at + i) != mark) return false;
  return true;
}

describe("streams are found", () => {
  test("among a few", () => {
    expect(differences(1, 2, 1, 5, 2000)).toBe("");
  });
  test("among hundreds, opened and closed thousands of times", () => {
    expect(differences(2, 2, 1, 300, 4000)).toBe("");
    expect(differences(3, 7, 3, 100, 4000)).toBe("");
  });
  test("while the ids wrap around", () => {
    expect(differences(4, u32.MAX_VALUE - 500, 1, 200, 3000)).toBe("");
  });
  test("when all ids fall into one cell", () => {
    expect(differences(5, 9, STRIDE, 60, 3000)).toBe("");
    expect(differences(6, 9, STRIDE / 2, 60, 3000)).toBe("");
  });
  test("with the ids 0 and the greatest", () => {
    const zero = open(0);
    const last = open(u32.MAX_VALUE);
    expect(changetype<usize>(findStream(0))).toBe(changetype<usize>(zero));
    expect(changetype<usize>(findStream(u32.MAX_VALUE))).toBe(changetype<usize>(last));
    close(0);
    expect(findStream(0) == null).toBe(true);
    expect(findStream(u32.MAX_VALUE) != null).toBe(true);
    close(u32.MAX_VALUE);
  });
});

describe("a slot", () => {
  test("is given back once", () => {
    const stream = open(70);
    closeStream(stream);
    closeStream(stream);
    expect(streamCount).toBe(0);
    expect(open(71).slot).not.toBe(open(72).slot);
    close(71);
    close(72);
  });

  test("begins empty, whatever the stream before left", () => {
    const before = open(80);
    before.phase = Phase.Routed;
    before.promptTokens = 5;
    before.isOverdue = true;
    before.hold.backlogTokens = 9;
    setDeadline(before, 1);
    memory.fill(changetype<usize>(before.hold), 0xff, 4);
    closeStream(before);
    const after = open(81);
    expect(after.slot).toBe(before.slot);
    expect(after.phase).toBe(Phase.New);
    expect(after.promptTokens).toBe(0);
    expect(after.isOverdue).toBe(false);
    expect(after.hold.backlogTokens).toBe(0);
    expect(after.hold.isHeld).toBe(false);
    expect(nextDue(0, 1e300)).toBe(-1);
    closeStream(after);
  });

  test("holds parser and scanner whole, apart from each other and from other slots", () => {
    const count: u32 = 70;
    for (let id: u32 = 0; id < count; id++) fill(open(id), <u8>(3 * id));
    for (let id: u32 = 0; id < count; id++) {
      const stream = findStream(id) as Stream;
      const mark = <u8>(3 * id);
      expect(stream.contextId).toBe(id);
      expect(stream.root).toBe(ROOT);
      expect(isFilled(changetype<usize>(stream.hold), mark, offsetof<Hold>())).toBe(true);
      expect(isFilled(changetype<usize>(stream.prompt), mark + 1, PROMPT_STATE_BYTES)).toBe(true);
      expect(isFilled(changetype<usize>(stream.usage), mark + 2, USAGE_STATE_BYTES)).toBe(true);
    }
    for (let id: u32 = 0; id < count; id++) close(id);
  });
});

describe("deadlines", () => {
  test("that have passed are met in one walk, each once", () => {
    const random = new Random(9);
    const atMs = new Map<u32, f64>();
    for (let id: u32 = 100; id < 400; id++) {
      const ms: f64 = random.chance(1, 3) ? NEVER : <f64>random.below(1000);
      const stream = open(id);
      if (ms != NEVER) setDeadline(stream, ms);
      atMs.set(id, ms);
    }
    for (let nowMs: f64 = -1; nowMs < 1002; nowMs += 167) {
      let expected = 0;
      for (let id: u32 = 100; id < 400; id++) if (atMs.get(id) <= nowMs) expected++;
      let met = 0;
      let last = -1;
      for (let slot = nextDue(0, nowMs); slot >= 0; slot = nextDue(<u32>slot + 1, nowMs)) {
        expect(slot).toBeGreaterThan(last);
        expect(atMs.get(streamAt(slot).contextId)).toBeLessThanOrEqual(nowMs);
        last = slot;
        met++;
      }
      expect(met).toBe(expected);
    }
    for (let id: u32 = 100; id < 400; id++) close(id);
  });

  test("end with their stream", () => {
    setDeadline(open(500), 10);
    expect(nextDue(0, 10)).not.toBe(-1);
    close(500);
    expect(nextDue(0, 1e300)).toBe(-1);
  });

  test("are not looked for beyond the last slot", () => {
    setDeadline(open(501), 10);
    expect(nextDue(STREAMS_MAX, 10)).toBe(-1);
    expect(nextDue(u32.MAX_VALUE, 10)).toBe(-1);
    close(501);
  });
});

describe("the last slot", () => {
  test("is followed by none, until one is given back", () => {
    let opened: u32 = 0;
    for (let id: u32 = 1; id <= STREAMS_MAX; id++) if (openStream(id, ROOT) != null) opened++;
    expect(opened).toBe(STREAMS_MAX);
    expect(openStream(STREAMS_MAX + 1, ROOT) == null).toBe(true);
    expect(findStream(STREAMS_MAX + 1) == null).toBe(true);
    expect(streamCount).toBe(STREAMS_MAX);
    close(77);
    expect(openStream(STREAMS_MAX + 1, ROOT) != null).toBe(true);
    expect(openStream(STREAMS_MAX + 2, ROOT) == null).toBe(true);
    let found: u32 = 0;
    for (let id: u32 = 1; id <= STREAMS_MAX + 1; id++) if (findStream(id) != null) found++;
    expect(found).toBe(STREAMS_MAX);
    for (let id: u32 = 1; id <= STREAMS_MAX + 1; id++) close(id);
    expect(streamCount).toBe(0);
  });

  test("leaves an Envoy worker most of its memory", () => {
    // The test above took them all: 12 KiB each, and the heap grows by doubling.
    expect(memory.size() << 16).toBeLessThanOrEqual(256 << 20);
  });
});
