// The table of holders against a Map of pod lists, nearly full, with keys that probe past the end.
import { HolderTable } from "../../../filter/prefix/holder-table";
import { Random } from "./random";

const CANARY: u8 = 0xa5;
const CANARY_BYTES: u32 = 256;

/** Adds and removes at random; returns the first difference, or "". */
function differences(slots: u32, width: u32, keys: u32, seed: u64): string {
  const bytes = slots * HolderTable.slotBytes(width);
  const memoryAt = heap.alloc(bytes + CANARY_BYTES);
  memory.fill(memoryAt + bytes, CANARY, CANARY_BYTES);
  const table = new HolderTable();
  table.lay(memoryAt, slots, width);
  const naive = new Map<u64, Set<u32>>();
  const random = new Random(seed);
  for (let step = 0; step < 4000; step++) {
    const hash = hashOf(random.below(keys));
    const pod = random.below(64 * width);
    const pods = naive.has(hash) ? naive.get(hash) : new Set<u32>();
    const isFull = <u32>naive.size >= slots - 1 && !naive.has(hash);
    if (random.chance(1, 2) && !isFull) {
      table.add(hash, pod);
      pods.add(pod);
    } else {
      // Mostly a pod that does hold it, so that the table empties as well as fills.
      const held = pods.size > 0 && random.chance(3, 4) ? pods.values()[0] : pod;
      table.remove(hash, held);
      pods.delete(held);
    }
    if (pods.size > 0) naive.set(hash, pods);
    else naive.delete(hash);
    if (table.size != <u32>naive.size) return `step ${step}: ${table.size} hashes`;
    for (let key: u32 = 0; key < keys; key++) {
      const fault = compare(table, naive, hashOf(key), width);
      if (fault != "") return `step ${step}: ${fault}`;
    }
  }
  for (let i: u32 = 0; i < CANARY_BYTES; i++) {
    if (load<u8>(memoryAt + bytes + i) != CANARY) return "wrote beyond its memory";
  }
  heap.free(memoryAt);
  return "";
}

function hashOf(key: u32): u64 {
  // Every third is a small number, the rest is spread.
  return key % 3 == 0 ? key + 1 : new Random(key + 1).next();
}

function compare(table: HolderTable, naive: Map<u64, Set<u32>>, hash: u64, width: u32): string {
  const bitmap = table.find(hash);
  if (bitmap == 0) return naive.has(hash) ? `${hash} is lost` : "";
  if (!naive.has(hash)) return `${hash} is still there`;
  let count: i32 = 0;
  for (let word: u32 = 0; word < width; word++) {
    count += <i32>popcnt(load<u64>(bitmap + (word << 3)));
  }
  if (count != naive.get(hash).size) return `${hash} has ${count} holders`;
  const pods = naive.get(hash).values();
  for (let i = 0; i < pods.length; i++) {
    const word = load<u64>(bitmap + ((pods[i] >> 6) << 3));
    if (((word >> (pods[i] & 63)) & 1) == 0) return `${hash} lost pod ${pods[i]}`;
  }
  return "";
}

describe("holder table", () => {
  test("equals a Map at one word and at two", () => {
    expect(differences(12, 1, 11, 1)).toBe("");
    expect(differences(12, 2, 11, 2)).toBe("");
  });
  test("equals a Map when all slots but one are taken", () => {
    expect(differences(8, 1, 20, 3)).toBe("");
    expect(differences(7, 2, 20, 4)).toBe("");
  });
  test("ends its search in a table without a free slot", () => {
    const memoryAt = heap.alloc(4 * HolderTable.slotBytes(1));
    const table = new HolderTable();
    table.lay(memoryAt, 4, 1);
    for (let hash: u64 = 1; hash <= 6; hash++) table.add(hash, 5);
    expect(table.size).toBe(4);
    expect(table.find(6)).toBe(0);
    table.remove(6, 5);
    for (let hash: u64 = 1; hash <= 4; hash++) table.remove(hash, 5);
    expect(table.size).toBe(0);
    heap.free(memoryAt);
  });
});
