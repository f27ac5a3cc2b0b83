// Tells which pod has the most nodes: a binary heap over all pods, corrected one pod at a time.

/** Order of the heap: more nodes first, then the lower pod number, so there are no ties. */
const POD_BITS: u64 = 32;

export class RichestPod {
  private readonly keys: usize;
  private readonly places: usize;

  /** Memory for `podCount` pods, at most 65,535. */
  static bytes(podCount: u32): u32 {
    return podCount * <u32>(sizeof<u64>() + sizeof<u32>());
  }

  /** Takes bytes(podCount) bytes at `base` (8-byte aligned), all pods without nodes. */
  constructor(
    base: usize,
    private readonly podCount: u32,
  ) {
    this.keys = base;
    this.places = base + podCount * <u32>sizeof<u64>();
    this.empty();
  }

  /** All pods without nodes. */
  empty(): void {
    // Keys fall from left to right, which is an order that a heap may have.
    for (let pod: u32 = 0; pod < this.podCount; pod++) this.put(pod, keyOf(pod, 0));
  }

  /** The pod with most nodes; of several the lowest number. */
  top(): u32 {
    return podOf(load<u64>(this.keys));
  }

  /** Notes that `pod` now has `nodeCount` nodes. */
  set(pod: u32, nodeCount: u32): void {
    const key = keyOf(pod, nodeCount);
    let place = load<u32>(this.places + (pod << 2));
    // A heap of 1,024 is 10 levels deep; the path up and the path down exclude each other.
    while (place > 0) {
      const parent = (place - 1) >> 1;
      const above = this.key(parent);
      if (above > key) break;
      this.put(place, above);
      place = parent;
    }
    for (let child = (place << 1) + 1; child < this.podCount; child = (place << 1) + 1) {
      if (child + 1 < this.podCount && this.key(child + 1) > this.key(child)) child++;
      const below = this.key(child);
      if (below < key) break;
      this.put(place, below);
      place = child;
    }
    this.put(place, key);
  }

  @inline
  private key(place: u32): u64 {
    return load<u64>(this.keys + (place << 3));
  }

  @inline
  private put(place: u32, key: u64): void {
    store<u64>(this.keys + (place << 3), key);
    store<u32>(this.places + (podOf(key) << 2), place);
  }
}

function keyOf(pod: u32, nodeCount: u32): u64 {
  return ((<u64>nodeCount) << POD_BITS) | (<u64>~pod);
}

function podOf(key: u64): u32 {
  return ~(<u32>key);
}
