// The walk down a chain, for bitmaps of one word and of more, against a walk for each pod alone.
import { legalHash, walkChain } from "../../../filter/prefix/chain-walk";
import { HolderTable } from "../../../filter/prefix/holder-table";
import { Random } from "./random";

const CHAIN: u32 = 9;
const UNTOUCHED: u16 = 0xffff;

function differences(width: u32, words: u32, seed: u64): string {
  const slots: u32 = 3 * CHAIN;
  const tableAt = heap.alloc(slots * HolderTable.slotBytes(width));
  const hashes = new StaticArray<u64>(CHAIN);
  const live = new StaticArray<u64>(words);
  const depths = new StaticArray<u16>(words * 64);
  const random = new Random(seed);
  for (let round = 0; round < 60; round++) {
    const table = new HolderTable();
    table.lay(tableAt, slots, width);
    const podCount: u32 = width * 64;
    const held = new Array<Array<u64>>(podCount).fill([]);
    for (let i: u32 = 0; i < CHAIN; i++) hashes[i] = random.chance(1, 9) ? 0 : random.next();
    for (let pod: u32 = 0; pod < podCount; pod++) {
      held[pod] = [];
      // Holes are common: 9 of 10 checkpoints are held.
      for (let i: u32 = 0; i < CHAIN; i++) {
        if (random.chance(1, 10)) continue;
        table.add(legalHash(hashes[i]), pod);
        held[pod].push(hashes[i]);
      }
    }
    for (let i: u32 = 0; i < words; i++) live[i] = random.next();
    const candidates = live.slice<Array<u64>>();
    depths.fill(UNTOUCHED);
    const count = random.below(CHAIN + 1);
    const liveAt = changetype<usize>(live);
    const depthsAt = changetype<usize>(depths);
    walkChain(table, changetype<usize>(hashes), count, liveAt, words, depthsAt);
    for (let pod: u32 = 0; pod < words * 64; pod++) {
      let expected: u32 = 0;
      while (expected < count && held[pod].includes(hashes[expected])) expected++;
      const isLive = ((candidates[pod / 64] >> (pod % 64)) & 1) == 1;
      if (depths[pod] == (isLive ? <u16>expected : UNTOUCHED)) continue;
      return `round ${round}, pod ${pod}: ${depths[pod]} instead of ${expected}`;
    }
  }
  heap.free(tableAt);
  return "";
}

describe("chain walk", () => {
  test("gives each pod its depth", () => {
    expect(differences(1, 1, 1)).toBe("");
    expect(differences(2, 2, 2)).toBe("");
    expect(differences(16, 16, 3)).toBe("");
  });
  test("looks at fewer words than the table has", () => {
    expect(differences(4, 1, 4)).toBe("");
    expect(differences(4, 3, 5)).toBe("");
  });
  test("gives hash 0 another name, and no other hash", () => {
    expect(legalHash(0) != 0).toBe(true);
    expect(legalHash(1)).toBe(1);
    expect(legalHash(u64.MAX_VALUE)).toBe(u64.MAX_VALUE);
  });
});
