// Walks a chain of checkpoints once and writes how deep each pod holds it.
import { HolderTable } from "./holder-table";

/** Stands for hash 0, which marks free slots and answers. Any constant does: hashes are keyed. */
const HASH_OF_ZERO: u64 = 0x6a09e667f3bcc908;

/** The hash under which the tables know `hash`. */
export function legalHash(hash: u64): u64 {
  return hash != 0 ? hash : HASH_OF_ZERO;
}

/**
 * `live` is a bitmap of `words` words, at most the table's width, of the pods that may match; it is
 * used up. A pod's depth (u16 in `depths`) is the checkpoint where its bit drops. Entries of pods
 * that are not in `live` are left alone.
 */
export function walkChain(
  holders: HolderTable,
  hashes: usize,
  count: u32,
  live: usize,
  words: u32,
  depths: usize,
): void {
  if (words == 1) walkWord(holders, hashes, count, load<u64>(live), depths);
  else walkWords(holders, hashes, count, live, words << 3, depths);
}

/** Up to 64 pods: those that still match stay in a register. */
function walkWord(holders: HolderTable, hashes: usize, count: u32, pods: u64, depths: usize): void {
  let depth: u32 = 0;
  for (; depth < count && pods != 0; depth++) {
    const held = holders.find(legalHash(load<u64>(hashes + (depth << 3))));
    if (held == 0) break;
    const still = pods & load<u64>(held);
    if (still != pods) noteDepth(pods ^ still, depths, depth);
    pods = still;
  }
  noteDepth(pods, depths, depth);
}

function walkWords(
  holders: HolderTable,
  hashes: usize,
  count: u32,
  live: usize,
  bytes: u32,
  depths: usize,
): void {
  let depth: u32 = 0;
  for (let any = true; depth < count && any; depth++) {
    const held = holders.find(legalHash(load<u64>(hashes + (depth << 3))));
    if (held == 0) break;
    any = false;
    for (let at: u32 = 0; at < bytes; at += 8) {
      const pods = load<u64>(live + at);
      if (pods == 0) continue;
      const still = pods & load<u64>(held + at);
      any = any || still != 0;
      if (still == pods) continue;
      noteDepth(pods ^ still, depths + (at << 4), depth);
      store<u64>(live + at, still);
    }
  }
  for (let at: u32 = 0; at < bytes; at += 8) {
    noteDepth(load<u64>(live + at), depths + (at << 4), depth);
  }
}

/** Writes `depth` for each pod of the bitmap word `pods`. */
function noteDepth(pods: u64, depths: usize, depth: u32): void {
  for (; pods != 0; pods &= pods - 1) store<u16>(depths + ((<usize>ctz(pods)) << 1), <u16>depth);
}
