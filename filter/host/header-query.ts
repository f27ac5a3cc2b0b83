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

/** A fixed list of header names, in lower case, as the host gives them. */
export class HeaderQuery {
  private readonly found: usize;

  constructor(private readonly names: Bytes[]) {
    this.found = heap.alloc(<usize>names.length * offsetof<Found>());
    this.clear();
  }

  /** Looks all names up. Values lie in the scratch page until the next host call. */
  read(map: HeaderMap): void {
    this.clear();
    if (!getHeaderPairs(map)) return;
    const pairs = resultAt;
    const end = pairs + resultSize;
    const count = resultSize >= 4 ? load<u32>(pairs) : 0;
    // Sizes of all names and values come first, then the bytes, each ended by a 0.
    let sizes = pairs + 4;
    let at = sizes + ((<usize>count) << 3);
    for (let i: u32 = 0; i < count && at <= end; i++, sizes += 8) {
      const nameSize = load<u32>(sizes);
      const valueSize = load<u32>(sizes, 4);
      const value = at + nameSize + 1;
      if (value + valueSize > end) return;
      this.note(at, nameSize, value, valueSize);
      at = value + valueSize + 1;
    }
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

  private note(name: usize, nameSize: u32, value: usize, valueSize: u32): void {
    for (let i = 0; i < this.names.length; i++) {
      const wanted = unchecked(this.names[i]);
      if (wanted.size != nameSize || memory.compare(wanted.at, name, nameSize) != 0) continue;
      const found = this.cell(i);
      // Of one that is there twice the first counts, as it does for the host.
      if (found.at != 0) return;
      found.at = value;
      found.size = valueSize;
      return;
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
