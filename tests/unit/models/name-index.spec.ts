// Names and what is known of them.
import { nameHash, NameIndex } from "../../../filter/models/name-index";

/** Names must stay where they lie. */
const kept: ArrayBuffer[] = [];

function add(index: NameIndex, name: string, entry: usize): void {
  const bytes = String.UTF8.encode(name);
  kept.push(bytes);
  index.add(changetype<usize>(bytes), bytes.byteLength).entry = entry;
}

function entryOf(index: NameIndex, name: string): usize {
  const bytes = String.UTF8.encode(name);
  const cell = index.find(changetype<usize>(bytes), bytes.byteLength);
  return cell == null ? 0 : cell.entry;
}

describe("an index of names", () => {
  test("finds nothing before it is prepared, nor when it is empty", () => {
    const index = new NameIndex();
    expect(entryOf(index, "a")).toBe(0);
    index.prepare(0);
    expect(entryOf(index, "a")).toBe(0);
  });

  test("finds each of as many names as it has room for, and no other", () => {
    const index = new NameIndex();
    const count: u32 = 4608;
    index.prepare(count);
    for (let i: u32 = 0; i < count; i++) add(index, "name-" + i.toString(), i + 1);
    expect(index.count).toBe(count);
    for (let i: u32 = 0; i < count; i++) {
      expect(entryOf(index, "name-" + i.toString())).toBe(i + 1);
    }
    expect(entryOf(index, "name-")).toBe(0);
    expect(entryOf(index, "name-4608")).toBe(0);
  });

  test("keeps one cell for a name that is added twice", () => {
    const index = new NameIndex();
    index.prepare(2);
    add(index, "a", 1);
    add(index, "a", 2);
    expect(index.count).toBe(1);
    expect(entryOf(index, "a")).toBe(2);
  });

  test("is empty again when it is prepared for fewer", () => {
    const index = new NameIndex();
    index.prepare(500);
    for (let i = 0; i < 500; i++) add(index, "n" + i.toString(), 1);
    index.prepare(1);
    expect(index.count).toBe(0);
    expect(entryOf(index, "n1")).toBe(0);
    add(index, "n1", 7);
    expect(entryOf(index, "n1")).toBe(7);
  });

  test("hashes by SipHash-1-3 under the key 0", () => {
    // From a Python implementation.
    expect(nameHash(0, 0)).toBe(0xd1fba762150c532c);
    const bytes = String.UTF8.encode("qwq-32b");
    expect(nameHash(changetype<usize>(bytes), bytes.byteLength)).toBe(0x01e820a27e73625b);
  });
});
