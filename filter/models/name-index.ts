// Finds names: an open-addressing table over names that lie elsewhere, filled once and then read.
import { SipState } from "../prefix/siphash";

/** What is known of one name. */
@unmanaged
export class NameCell {
  hash: u64;
  /** Where the name lies; 0 marks a free cell. */
  name: usize;
  size: u32;
  /** The entry of that name, 0 where it has none. */
  entry: usize;
  /** Number of the adapter of that name plus 1; 0 where there is none. */
  adapter: u32;
}

const CELL_BYTES: usize = (offsetof<NameCell>() + 7) & ~7;
const CELLS_MIN: u32 = 64;
const sip: SipState = changetype<SipState>(heap.alloc(offsetof<SipState>()));

/**
 * The hash of a name under a fixed key, so that look-ups and shares do not depend on the pool's.
 * Who finds two names of one hash gains nothing: the names are compared.
 */
export function nameHash(name: usize, size: u32): u64 {
  sip.reset(0, 0);
  sip.update(name, size);
  return sip.digest();
}

/** Names and their cells; the memory grows with the most names that were ever in it. */
export class NameIndex {
  count: u32 = 0;
  private cells: usize = 0;
  private cellCount: u32 = 0;
  private capacity: u32 = 0;

  /** Empties it and makes room for `namesMax` names: at most half the cells are ever full. */
  prepare(namesMax: u32): void {
    let cells = CELLS_MIN;
    while (cells < namesMax * 2) cells <<= 1;
    if (cells > this.capacity) {
      if (this.cells != 0) heap.free(this.cells);
      this.cells = heap.alloc(<usize>cells * CELL_BYTES);
      this.capacity = cells;
    }
    this.cellCount = cells;
    this.count = 0;
    memory.fill(this.cells, 0, <usize>cells * CELL_BYTES);
  }

  /** The cell of a name, which is added where it is missing. The name must stay where it lies. */
  add(name: usize, size: u32): NameCell {
    const hash = nameHash(name, size);
    const cell = this.probe(name, size, hash);
    if (cell.name == 0) {
      cell.hash = hash;
      cell.name = name;
      cell.size = size;
      this.count += 1;
    }
    return cell;
  }

  /** The cell of a name, or null. */
  find(name: usize, size: u32): NameCell | null {
    if (this.count == 0) return null;
    const cell = this.probe(name, size, nameHash(name, size));
    return cell.name == 0 ? null : cell;
  }

  /** The name's cell, or the free one where it would be. */
  private probe(name: usize, size: u32, hash: u64): NameCell {
    const mask = this.cellCount - 1;
    let i = (<u32>hash) & mask;
    let cell = this.cellAt(i);
    while (cell.name != 0 && !isOf(cell, name, size, hash)) {
      i = (i + 1) & mask;
      cell = this.cellAt(i);
    }
    return cell;
  }

  private cellAt(i: u32): NameCell {
    return changetype<NameCell>(this.cells + <usize>i * CELL_BYTES);
  }
}

function isOf(cell: NameCell, name: usize, size: u32, hash: u64): bool {
  return cell.hash == hash && cell.size == size && memory.compare(cell.name, name, size) == 0;
}
