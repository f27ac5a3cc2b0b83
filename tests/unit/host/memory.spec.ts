// The scratch page: one block for all host results, grown by doubling up to a bound.
import { BODY_READ_BYTES, SCRATCH_BYTES_MAX } from "../../../filter/constants";
import { scratchFor } from "../../../filter/host/memory";

/** Writes the first and last byte of a block of `bytes` and reads them back. */
function isUsable(at: usize, bytes: u32): bool {
  if (at == 0) return false;
  if (bytes == 0) return true;
  store<u8>(at, 0x5a);
  store<u8>(at + bytes - 1, 0x5a);
  return load<u8>(at) == 0x5a && load<u8>(at + bytes - 1) == 0x5a;
}

describe("the scratch page", () => {
  test("is the same block for all that one read of a body needs", () => {
    const page = scratchFor(0);
    const sizes: u32[] = [1, 16, 1000, BODY_READ_BYTES - 1, BODY_READ_BYTES];
    for (let i = 0; i < sizes.length; i++) {
      expect(scratchFor(sizes[i])).toBe(page);
      expect(isUsable(page, sizes[i])).toBe(true);
    }
  });

  test("does not grow for what is too large", () => {
    const page = scratchFor(1);
    const pagesBefore = memory.size();
    const sizes: u32[] = [SCRATCH_BYTES_MAX + 1, 0x7fffffff, 0x80000000, u32.MAX_VALUE];
    for (let i = 0; i < sizes.length; i++) expect(scratchFor(sizes[i])).toBe(0);
    expect(scratchFor(BODY_READ_BYTES)).toBe(page);
    expect(memory.size()).toBe(pagesBefore);
  });

  test("grows by doubling, to the bound and no further", () => {
    let moves = 0;
    let page = scratchFor(1);
    for (let bytes: u32 = BODY_READ_BYTES; bytes <= SCRATCH_BYTES_MAX; bytes += 4096) {
      const at = scratchFor(bytes);
      if (at != page) moves++;
      page = at;
      expect(isUsable(at, bytes)).toBe(true);
    }
    // From 64 KiB to 4 MiB are six doublings.
    expect(moves).toBeLessThanOrEqual(6);
    expect(scratchFor(SCRATCH_BYTES_MAX)).toBe(page);
    expect(scratchFor(1)).toBe(page);
    const pagesAfter = memory.size();
    for (let i = 0; i < 1000; i++) scratchFor(SCRATCH_BYTES_MAX - <u32>i);
    expect(memory.size()).toBe(pagesAfter);
    // The pages before it were given back, or it would lie behind 4 MiB of them.
    expect(page).toBeLessThan(SCRATCH_BYTES_MAX / 2);
    // Four times the largest page covers the smaller ones before it and the heap's own growth.
    expect(pagesAfter << 16).toBeLessThan(4 * SCRATCH_BYTES_MAX);
  });
});
