// Constant byte strings and the bounded writer.
import { Bytes, ByteWriter, sameBytes, utf8 } from "../../../filter/host/bytes";
import { Random } from "../prefix/random";

const CANARY: u8 = 0xa5;

function written(writer: ByteWriter): string {
  return String.UTF8.decodeUnsafe(writer.at, writer.size);
}

function integer(value: u64): string {
  const writer = new ByteWriter(32);
  writer.integer(value);
  return written(writer);
}

function decimal(value: f64): string {
  const writer = new ByteWriter(32);
  writer.decimal(value);
  return written(writer);
}

function hex(value: u64): string {
  const writer = new ByteWriter(16);
  writer.hex(value);
  return writer.overflowed ? "overflow" : written(writer);
}

/** A writer of `capacity` bytes in the middle of a marked block, to see what is written outside. */
function guarded(capacity: u32): ByteWriter {
  const writer = new ByteWriter(capacity);
  memory.fill(writer.at, CANARY, capacity);
  return writer;
}

describe("byte strings", () => {
  test("are UTF-8", () => {
    const text = utf8("é€😀");
    const expected: u8[] = [0xc3, 0xa9, 0xe2, 0x82, 0xac, 0xf0, 0x9f, 0x98, 0x80];
    expect(text.size).toBe(9);
    for (let i: u32 = 0; i < text.size; i++) expect(load<u8>(text.at + i)).toBe(expected[i]);
    expect(utf8("").size).toBe(0);
  });

  test("are the same with the same bytes only", () => {
    const a = utf8("upstream\0address");
    const b = utf8("upstream\0addresS");
    expect(sameBytes(a.at, a.size, a.at, a.size)).toBe(true);
    expect(sameBytes(a.at, a.size, b.at, b.size)).toBe(false);
    expect(sameBytes(a.at, a.size - 1, b.at, b.size - 1)).toBe(true);
    expect(sameBytes(a.at, a.size, a.at, a.size - 1)).toBe(false);
    expect(sameBytes(a.at, 0, b.at, 0)).toBe(true);
  });
});

describe("numbers", () => {
  test("whole ones are decimal, up to the greatest", () => {
    const values: u64[] = [0, 1, 9, 10, 99, 100, 4294967295, 10000000000000000000, u64.MAX_VALUE];
    for (let i = 0; i < values.length; i++) expect(integer(values[i])).toBe(values[i].toString());
    const random = new Random(1);
    for (let i = 0; i < 500; i++) {
      const value = random.next() >> (random.next() & 63);
      expect(integer(value)).toBe(value.toString());
    }
  });

  test("with fractions have three decimals, rounded, or none", () => {
    expect(decimal(0)).toBe("0");
    expect(decimal(12)).toBe("12");
    expect(decimal(0.5)).toBe("0.500");
    expect(decimal(4.1)).toBe("4.100");
    expect(decimal(0.001)).toBe("0.001");
    expect(decimal(0.0004)).toBe("0");
    expect(decimal(1.9996)).toBe("2");
    expect(decimal(123456789.0625)).toBe("123456789.063");
    // Up to here a double tells thousandths apart.
    expect(decimal(9007199254740)).toBe("9007199254740");
  });

  test("that JSON cannot hold, or that are too large, are 0", () => {
    const values: f64[] = [NaN, Infinity, -Infinity, -1, -0.0, 1e15, f64.MAX_VALUE];
    for (let i = 0; i < values.length; i++) expect(decimal(values[i])).toBe("0");
  });

  test("in hexadecimal have 16 digits", () => {
    expect(hex(0)).toBe("0000000000000000");
    expect(hex(0x0123456789abcdef)).toBe("0123456789abcdef");
    expect(hex(u64.MAX_VALUE)).toBe("ffffffffffffffff");
  });
});

describe("a full writer", () => {
  test("leaves out what does not fit, whole, and says so", () => {
    const writer = guarded(5);
    const three = utf8("abc");
    writer.bytes(three);
    expect(writer.overflowed).toBe(false);
    writer.bytes(three);
    expect(writer.overflowed).toBe(true);
    expect(written(writer)).toBe("abc");
    writer.byte(0x64);
    writer.byte(0x65);
    expect(written(writer)).toBe("abcde");
    writer.byte(0x66);
    expect(written(writer)).toBe("abcde");
    writer.raw(three.at, u32.MAX_VALUE);
    expect(writer.size).toBe(5);
  });

  test("takes what just fits", () => {
    const writer = guarded(3);
    writer.bytes(utf8("abc"));
    expect(writer.overflowed).toBe(false);
    writer.bytes(utf8(""));
    expect(writer.overflowed).toBe(false);
    expect(written(writer)).toBe("abc");
  });

  test("begins anew when it is cleared", () => {
    const writer = guarded(2);
    writer.integer(1234);
    expect(writer.overflowed).toBe(true);
    writer.clear();
    expect(writer.size).toBe(0);
    expect(writer.overflowed).toBe(false);
    writer.integer(56);
    expect(written(writer)).toBe("56");
  });

  test("writes nothing outside its block", () => {
    for (let capacity: u32 = 0; capacity < 40; capacity++) {
      // The bytes behind the block are the allocator's until the next multiple of 16.
      const block = heap.alloc(64);
      memory.fill(block, CANARY, 64);
      const writer = new ByteWriter(0);
      store<usize>(changetype<usize>(writer), block + 8, offsetof<ByteWriter>("at"));
      store<u32>(changetype<usize>(writer), capacity, offsetof<ByteWriter>("capacity"));
      writer.integer(u64.MAX_VALUE);
      writer.hex(u64.MAX_VALUE);
      writer.decimal(0.125);
      writer.bytes(new Bytes(block, 1));
      expect(writer.size).toBeLessThanOrEqual(capacity);
      for (let i: u32 = 0; i < 8; i++) expect(load<u8>(block + i)).toBe(CANARY);
      for (let i: u32 = 8 + capacity; i < 64; i++) expect(load<u8>(block + i)).toBe(CANARY);
      heap.free(block);
    }
  });
});

describe("a word", () => {
  test("has its lowest byte first, or is left out where it does not fit", () => {
    const writer = new ByteWriter(7);
    writer.word(0x64636261);
    expect(written(writer)).toBe("abcd");
    writer.word(1);
    expect(writer.overflowed).toBe(true);
    expect(writer.size).toBe(4);
  });
});
