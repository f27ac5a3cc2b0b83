// Keys of the shared data of one pool. They are few and fixed: shared data cannot be deleted.

/** Longest pool name is 63 bytes; prefix and suffix are short. */
const KEY_BYTES_MAX: u32 = 96;
const PREFIX = "warmroute/1/";

export class SharedKeys {
  private readonly at: usize = heap.alloc(KEY_BYTES_MAX);
  private readonly baseSize: u32;
  /** Size of the key that was made last; its address is what the makers return. */
  size: u32 = 0;

  constructor(pool: string) {
    const bytes = String.UTF8.encode(PREFIX + pool + "/");
    this.baseSize = min<u32>(bytes.byteLength, KEY_BYTES_MAX - 8);
    memory.copy(this.at, changetype<usize>(bytes), this.baseSize);
  }

  /** Who polls the sidecar, and the number of the newest table. */
  lease(): usize {
    return this.make(0x6c, 0, 0, 1);
  }

  /** The newest table. */
  table(): usize {
    return this.make(0x74, 0, 0, 1);
  }

  /** Pods in trouble. */
  health(): usize {
    return this.make(0x65, 0, 0, 1);
  }

  /** One VM's head record. */
  head(vm: u32): usize {
    return this.make(0x68, vm, 0, 3);
  }

  /** One segment of one VM's journal. */
  segment(vm: u32, slot: u32): usize {
    return this.make(0x73, vm, slot, 5);
  }

  private make(kind: u8, first: u32, second: u32, size: u32): usize {
    const at = this.at + this.baseSize;
    store<u8>(at, kind);
    store<u8>(at, hexDigit(first >> 4), 1);
    store<u8>(at, hexDigit(first), 2);
    store<u8>(at, hexDigit(second >> 4), 3);
    store<u8>(at, hexDigit(second), 4);
    this.size = this.baseSize + size;
    return this.at;
  }
}

// @ts-ignore: decorator
@inline
function hexDigit(value: u32): u8 {
  const digit = <u8>(value & 15);
  return digit < 10 ? 0x30 + digit : 0x57 + digit;
}
