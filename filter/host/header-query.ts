// Several headers by one host call: a call that returns memory costs more than looking through what
// it returned, because the host asks the VM for that memory each time.
import { Bytes } from "./bytes";
import { getHeaderPairs, HeaderMap, resultAt, resultSize } from "./calls";

/** Where one wanted header's value lies in the result; `at` is 0 where it is absent. */
@unmanaged
class Found {
  at: usize;
  size: u32;
}

/** Walks the pairs of a header map, which lie in the scratch page until the next host call. */
export class PairWalk {
  name: usize = 0;
  nameSize: u32 = 0;
  value: usize = 0;
  valueSize: u32 = 0;
  private sizes: usize = 0;
  private next: usize = 0;
  private end: usize = 0;
  private left: u32 = 0;

  /** False where the host gives nothing: there is no such map, or it is beyond the scratch page. */
  start(map: HeaderMap): bool {
    this.left = 0;
    if (!getHeaderPairs(map) || resultSize < 4) return false;
    this.left = load<u32>(resultAt);
    this.end = resultAt + resultSize;
    // Sizes of all names and values come first, then the bytes, each ended by a 0.
    this.sizes = resultAt + 4;
    this.next = this.sizes + ((<usize>this.left) << 3);
    return true;
  }

  /** Goes to the next pair; false behind the last. */
  @inline
  step(): bool {
    if (this.left == 0 || this.next > this.end) return false;
    this.left -= 1;
    this.name = this.next;
    this.nameSize = load<u32>(this.sizes);
    this.valueSize = load<u32>(this.sizes, 4);
    this.value = this.name + this.nameSize + 1;
    this.sizes += 8;
    this.next = this.value + this.valueSize + 1;
    return this.value + this.valueSize <= this.end;
  }

  @inline
  isNamed(name: Bytes): bool {
    return this.nameSize == name.size && memory.compare(this.name, name.at, name.size) == 0;
  }
}

const walk = new PairWalk();

/** A fixed list of header names, in lower case, as the host gives them. */
export class HeaderQuery {
  private readonly found: usize;

  constructor(private readonly names: Bytes[]) {
    this.found = heap.alloc(<usize>names.length * offsetof<Found>());
    this.clear();
  }

  /**
   * Looks all names up; values lie in the scratch page until the next host call. False where the
   * host gives no headers: then nothing is found, which is no proof that nothing is there.
   */
  read(map: HeaderMap): bool {
    this.clear();
    if (!walk.start(map)) return false;
    while (walk.step()) this.note();
    return true;
  }

  has(name: i32): bool {
    return this.cell(name).at != 0;
  }

  at(name: i32): usize {
    return this.cell(name).at;
  }

  size(name: i32): u32 {
    return this.cell(name).size;
  }

  private note(): void {
    for (let i = 0; i < this.names.length; i++) {
      if (!walk.isNamed(unchecked(this.names[i]))) continue;
      const found = this.cell(i);
      // Of one that is there twice the first counts, as it does for the host.
      if (found.at != 0) continue;
      found.at = walk.value;
      found.size = walk.valueSize;
    }
  }

  // @ts-ignore: decorator
  @inline
  private cell(name: i32): Found {
    return changetype<Found>(this.found + <usize>name * offsetof<Found>());
  }

  private clear(): void {
    memory.fill(this.found, 0, <usize>this.names.length * offsetof<Found>());
  }
}
