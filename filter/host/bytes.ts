// Constant byte strings and a bounded writer, both in linear memory.

/** A constant byte string: where it is and how long. Made once, at start. */
export class Bytes {
  constructor(
    readonly at: usize,
    readonly size: u32,
  ) {}
}

/** The UTF-8 bytes of `text`, kept for good. For names that are known at start. */
export function utf8(text: string): Bytes {
  const size = <u32>String.UTF8.byteLength(text);
  const at = heap.alloc(max<usize>(size, 1));
  String.UTF8.encodeUnsafe(changetype<usize>(text), text.length, at);
  return new Bytes(at, size);
}

/** True where both ranges hold the same bytes. */
export function sameBytes(a: usize, aSize: u32, b: usize, bSize: u32): bool {
  return aSize == bSize && memory.compare(a, b, aSize) == 0;
}

/** Writes text into a block of fixed size; what does not fit is left out, and it says so. */
export class ByteWriter {
  size: u32 = 0;
  overflowed: bool = false;
  readonly at: usize;

  constructor(readonly capacity: u32) {
    this.at = heap.alloc(capacity);
  }

  clear(): void {
    this.size = 0;
    this.overflowed = false;
  }

  /** Takes the first bytes out; what follows them moves up. */
  dropFirst(bytes: u32): void {
    const dropped = min(bytes, this.size);
    memory.copy(this.at, this.at + dropped, this.size - dropped);
    this.size -= dropped;
  }

  raw(from: usize, bytes: u32): void {
    if (bytes > this.capacity - this.size) {
      this.overflowed = true;
      return;
    }
    memory.copy(this.at + this.size, from, bytes);
    this.size += bytes;
  }

  bytes(value: Bytes): void {
    this.raw(value.at, value.size);
  }

  byte(value: u8): void {
    if (this.size == this.capacity) {
      this.overflowed = true;
      return;
    }
    store<u8>(this.at + this.size++, value);
  }

  /** Four bytes, lowest first. */
  word(value: u32): void {
    if (this.capacity - this.size < 4) {
      this.overflowed = true;
      return;
    }
    store<u32>(this.at + this.size, value);
    this.size += 4;
  }

  /** A whole number in decimal. */
  integer(value: u64): void {
    let divisor: u64 = 1;
    while (value / divisor >= 10) divisor *= 10;
    for (; divisor > 0; divisor /= 10) this.byte(0x30 + <u8>((value / divisor) % 10));
  }

  /** A number not below 0, with three decimals; 0 for what is not finite or is too large. */
  decimal(value: f64): void {
    const thousandths = value > 0 && value < 1e15 ? <u64>(value * 1000 + 0.5) : 0;
    this.integer(thousandths / 1000);
    const rest = <u32>(thousandths % 1000);
    if (rest == 0) return;
    this.byte(0x2e);
    this.byte(0x30 + <u8>(rest / 100));
    this.byte(0x30 + <u8>((rest / 10) % 10));
    this.byte(0x30 + <u8>(rest % 10));
  }

  /** 16 hexadecimal digits. */
  hex(value: u64): void {
    for (let shift: i32 = 60; shift >= 0; shift -= 4) {
      const digit = <u8>((value >> (<u64>shift)) & 15);
      this.byte(digit < 10 ? 0x30 + digit : 0x57 + digit);
    }
  }
}
