// Journal records: what is written is read, and nothing that is not a record is.
import { CHECKPOINTS_MAX } from "../../../filter/request/prompt-parser";
import {
  insertBytes,
  readRecords,
  RECORD_BYTES_MAX,
  setPassedOn,
  writeForget,
  writeInsert,
  writeCharge,
  writeWithdraw,
} from "../../../filter/share/record";
import { Random } from "../prefix/random";
import { Noter } from "./noter";

const block: usize = heap.alloc(4 * RECORD_BYTES_MAX);
const hashes = new StaticArray<u64>(CHECKPOINTS_MAX + 1);
const ends = new StaticArray<u32>(CHECKPOINTS_MAX + 1);
for (let i = 0; i < hashes.length; i++) {
  hashes[i] = 1000 + i;
  ends[i] = 10 * i;
}

function insert(at: usize, endpoint: u32, epoch: u32, count: u32): u32 {
  writeInsert(at, endpoint, epoch, changetype<usize>(hashes), changetype<usize>(ends), count);
  return insertBytes(count);
}

function withdraw(at: usize, endpoint: u32, epoch: u32, count: u32): u32 {
  writeWithdraw(at, endpoint, epoch, changetype<usize>(hashes), count, 250);
  return insertBytes(count);
}

/** An insert of two, a forget, a withdraw of one: 36, 16 and 24 bytes. */
function three(at: usize): u32 {
  let size = insert(at, 7, 3, 2);
  writeForget(at + size, 1023, 0xffffffff, 60000);
  size += 16;
  return size + withdraw(at + size, 8, 4, 1);
}

const THREE = "insert 7 3 1000:0 1001:10, forget 1023 4294967295 60000, withdraw 8 4 250ms 1000";

function read(at: usize, size: u32): string {
  const noter = new Noter();
  const done = readRecords(at, size, noter);
  return done.toString() + ": " + noter.take();
}

describe("records", () => {
  test("are laid as the table format says", () => {
    insert(block, 0x0102, 0x03040506, 1);
    store<u64>(block, 0x1112131415161718, 12);
    store<u32>(block, 0x21222324, 20);
    const expected: u8[] = [
      24, 0, 1, 0, 0x06, 0x05, 0x04, 0x03, 0x02, 0x01, 1, 0, 0x18, 0x17, 0x16, 0x15, 0x14, 0x13,
      0x12, 0x11, 0x24, 0x23, 0x22, 0x21,
    ];
    for (let i = 0; i < expected.length; i++) expect(load<u8>(block + i)).toBe(expected[i]);
    expect(read(block, 24)).toBe("24: insert 258 50595078 1230066625199609624:555885348");
    writeCharge(block, 5, 6, 0x2122232425262728, 0x0384);
    const charge: u8[] = [
      24, 0, 4, 0, 6, 0, 0, 0, 5, 0, 0, 0, 0x84, 3, 0, 0, 0x28, 0x27, 0x26, 0x25, 0x24, 0x23, 0x22,
      0x21,
    ];
    for (let i = 0; i < charge.length; i++) expect(load<u8>(block + i)).toBe(charge[i]);
    expect(read(block, 24)).toBe("24: charge 5 6 900 after 2387509390608836392");
    writeForget(block, 5, 6, 0x0708);
    const forget: u8[] = [16, 0, 2, 0, 6, 0, 0, 0, 5, 0, 0, 0, 8, 7, 0, 0];
    for (let i = 0; i < forget.length; i++) expect(load<u8>(block + i)).toBe(forget[i]);
  });

  test("come out as they went in, in their order", () => {
    expect(read(block, three(block))).toBe("76: " + THREE);
  });

  test("hold as many checkpoints as a prompt has", () => {
    const size = insert(block, 1, 1, CHECKPOINTS_MAX);
    expect(size).toBe(RECORD_BYTES_MAX);
    const noter = new Noter();
    expect(readRecords(block, size, noter)).toBe(size);
    const text = noter.take();
    expect(text.startsWith("insert 1 1 1000:0 1001:10 ")).toBe(true);
    expect(text.endsWith(" 1511:5110")).toBe(true);
  });

  test("may have no checkpoints", () => {
    expect(read(block, insert(block, 9, 1, 0))).toBe("12: insert 9 1");
  });
});

describe("a withdraw", () => {
  test("says that another gateway made it", () => {
    const size = three(block);
    setPassedOn(block + 52, true);
    expect(read(block, size)).toBe("76: " + THREE.replace("withdraw", "passed on: withdraw"));
    setPassedOn(block + 52, false);
    expect(read(block, size)).toBe("76: " + THREE);
  });
});

describe("a range of records", () => {
  test("that is cut gives those that are whole", () => {
    const size = three(block);
    for (let cut: u32 = 0; cut < size; cut++) {
      const expected = cut < 36 ? 0 : cut < 52 ? 36 : 52;
      const noter = new Noter();
      expect(readRecords(block, cut, noter)).toBe(expected);
      expect(noter.words.length).toBe(cut < 36 ? 0 : cut < 52 ? 1 : 2);
    }
  });

  test("is read past kinds that are not known", () => {
    for (let kind = 0; kind < 256; kind++) {
      if (kind >= 1 && kind <= 4) continue;
      three(block);
      store<u8>(block + 36, <u8>kind, 2);
      expect(read(block, 76)).toBe("76: insert 7 3 1000:0 1001:10, withdraw 8 4 250ms 1000");
    }
  });

  test("ends at a record that lies about its length", () => {
    const lies: u16[] = [0, 4, 11, 13, 14, 15, 41, 44, 65535];
    for (let i = 0; i < lies.length; i++) {
      three(block);
      store<u16>(block + 36, lies[i]);
      // The length of what is left, 40, would be right for an unknown kind.
      expect(read(block, 76)).toBe("36: insert 7 3 1000:0 1001:10");
    }
  });

  test("is read past an insert or a withdraw whose count is not its length's", () => {
    const counts: u16[] = [0, 1, 3, 513, 5461, 65535];
    for (let i = 0; i < counts.length; i++) {
      three(block);
      store<u16>(block, counts[i], 10);
      store<u16>(block + 52, counts[i] == 1 ? 2 : counts[i], 10);
      expect(read(block, 76)).toBe("76: forget 1023 4294967295 60000");
    }
  });

  test("is read past an insert of more checkpoints than a prompt has", () => {
    // Whole and true to its length, as another version might write it.
    const size = insertBytes(CHECKPOINTS_MAX + 1);
    memory.fill(block, 0, size);
    store<u16>(block, <u16>size);
    store<u8>(block, 1, 2);
    store<u16>(block, <u16>(CHECKPOINTS_MAX + 1), 10);
    writeForget(block + size, 1, 2, 3);
    const end = (size + 16).toString();
    expect(read(block, size + 16)).toBe(end + ": forget 1 2 3");
  });

  test("is read past a forget that has no age, and one with more than its age counts", () => {
    writeForget(block, 1, 2, 3);
    store<u16>(block, 12);
    writeForget(block + 12, 1, 2, 4);
    store<u16>(block + 12, 20);
    store<u32>(block + 28, 99);
    expect(read(block, 32)).toBe("32: forget 1 2 4");
  });

  test("is read past a charge without its prompt, and one with more than that counts", () => {
    writeCharge(block, 1, 2, 70, 3);
    store<u16>(block, 20);
    writeCharge(block + 20, 1, 2, 71, 4);
    store<u16>(block + 20, 28);
    store<u32>(block + 44, 99);
    writeForget(block + 48, 1, 2, 5);
    expect(read(block, 64)).toBe("64: charge 1 2 4 after 71, forget 1 2 5");
  });

  test("of random bytes is walked to its end and no further", () => {
    const random = new Random(6);
    for (let round = 0; round < 3000; round++) {
      const size = random.below(400);
      for (let i: u32 = 0; i < size; i++) store<u8>(block + i, <u8>random.next());
      // Every other time the first record seems whole.
      if (random.chance(1, 2)) store<u16>(block, <u16>(12 + 4 * random.below(10)));
      const noter = new Noter();
      expect(readRecords(block, size, noter)).toBeLessThanOrEqual(size);
    }
  });
});
