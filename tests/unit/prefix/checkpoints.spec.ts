// Where checkpoints lie, by the arithmetic of the design done by hand.
import { CheckpointList, gridStep } from "../../../filter/prefix/checkpoints";
import { mix } from "../../../filter/prefix/siphash";

const hashes: usize = heap.alloc(64 * 8);
const ends: usize = heap.alloc(64 * 4);
const list = changetype<CheckpointList>(heap.alloc(offsetof<CheckpointList>()));
const other = changetype<CheckpointList>(heap.alloc(offsetof<CheckpointList>()));

function endAt(i: u32): u32 {
  return load<u32>(list.ends + ((<usize>i) << 2));
}
function hashAt(i: u32): u64 {
  return load<u64>(list.hashes + ((<usize>i) << 3));
}

describe("the grid", () => {
  test("is even to 4 KiB", () => {
    for (let at: u32 = 256; at < 4096; at += 256) expect(gridStep(at)).toBe(at + 256);
  });

  test("then grows by a sixteenth of the position", () => {
    expect(gridStep(4096)).toBe(4352);
    expect(gridStep(4352)).toBe(4624);
    expect(gridStep(1600000)).toBe(1700000);
  });

  test("has at most 150 positions in 8 MiB", () => {
    let count = 0;
    for (let at: u32 = 256; at <= 8 << 20; at = gridStep(at)) count++;
    expect(count).toBeGreaterThan(120);
    expect(count).toBeLessThan(150);
  });

  test("ends at the largest position instead of wrapping", () => {
    expect(gridStep(u32.MAX_VALUE - 10)).toBe(u32.MAX_VALUE);
  });
});

describe("a list of checkpoints", () => {
  beforeEach(() => {
    list.reset(hashes + 256, ends + 128, 4);
  });

  test("takes any first checkpoint, then none without new bytes", () => {
    expect(list.isFar(0)).toBe(true);
    list.push(7, 0);
    expect(list.isFar(0)).toBe(false);
    expect(list.isFar(1)).toBe(true);
  });

  test("keeps a 64th of the position between two", () => {
    list.push(7, 6400);
    expect(list.isFar(6400 + 100)).toBe(false);
    expect(list.isFar(6400 + 102)).toBe(true);
  });

  test("notes nothing more when it is full, but puts the very end last", () => {
    for (let i: u32 = 1; i <= 6; i++) list.push(i, 100 * i);
    expect(list.count).toBe(4);
    expect(hashAt(3)).toBe(4);
    list.pushEnd(9, 1000);
    expect(list.count).toBe(4);
    expect(hashAt(3)).toBe(9);
    expect(endAt(3)).toBe(1000);
  });

  test("needs no second checkpoint at its end", () => {
    list.push(1, 100);
    list.pushEnd(2, 100);
    expect(list.count).toBe(1);
    list.pushEnd(2, 101);
    expect(list.count).toBe(2);
  });

  test("knows its last end after it forgot some", () => {
    list.push(1, 100);
    list.push(2, 200);
    list.truncate(1);
    expect(list.lastEnd).toBe(100);
    list.truncate(0);
    expect(list.lastEnd).toBe(0);
  });

  test("mixes into the later hashes only", () => {
    list.push(1, 100);
    list.push(2, 200);
    list.mixIn(5, 6, 77, 1);
    expect(hashAt(0)).toBe(1);
    expect(hashAt(1)).toBe(mix(5, 6, 77, 2));
  });

  test("moves up against the next list", () => {
    other.reset(hashes + 400, ends + 200, 4);
    list.push(1, 100);
    list.push(2, 200);
    list.addToEnds(1000);
    list.moveBefore(other);
    expect(list.hashes).toBe(hashes + 400 - 16);
    expect(list.ends).toBe(ends + 200 - 8);
    expect(hashAt(0)).toBe(1);
    expect(hashAt(1)).toBe(2);
    expect(endAt(0)).toBe(1100);
    expect(endAt(1)).toBe(1200);
  });
});
