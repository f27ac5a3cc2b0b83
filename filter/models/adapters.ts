// Which pods hold which LoRA adapter: a bitmap of endpoint numbers for each.
import { ENDPOINTS_MAX } from "../constants";
import { ADAPTERS_MAX, endpointCountOf, endpointOf } from "./section";

const BITMAP_BYTES: usize = ENDPOINTS_MAX / 8;

/** The adapters of one pool by number. Memory is taken with the first adapter, and kept. */
export class Adapters {
  count: u32 = 0;
  private bitmaps: usize = 0;

  clear(): void {
    this.count = 0;
  }

  /** Adds the adapter of an entry; its number. */
  add(entry: usize): u32 {
    if (this.bitmaps == 0) this.bitmaps = heap.alloc(<usize>ADAPTERS_MAX * BITMAP_BYTES);
    const number = min(this.count, ADAPTERS_MAX - 1);
    const bits = this.bitsOf(number);
    memory.fill(bits, 0, BITMAP_BYTES);
    for (let i: u32 = 0; i < endpointCountOf(entry); i++) {
      const endpoint = endpointOf(entry, i);
      const word = bits + (((<usize>endpoint) >> 6) << 3);
      store<u64>(word, load<u64>(word) | ((<u64>1) << (endpoint & 63)));
    }
    this.count = number + 1;
    return number;
  }

  /** The bitmap, u64 words, of the pods that hold an adapter. */
  bitsOf(number: u32): usize {
    return this.bitmaps + <usize>number * BITMAP_BYTES;
  }
}

/** Whether the bitmap has the endpoint. */
// @ts-ignore: decorator
@inline
export function hasEndpoint(bits: usize, endpoint: u32): bool {
  return ((load<u64>(bits + (((<usize>endpoint) >> 6) << 3)) >> (endpoint & 63)) & 1) != 0;
}
