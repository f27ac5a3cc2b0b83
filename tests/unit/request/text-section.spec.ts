// The grid of one section, its hashes against plain SipHash.
import { CheckpointList } from "../../../filter/prefix/checkpoints";
import { SipState } from "../../../filter/prefix/siphash";
import { TextSection } from "../../../filter/request/text-section";

const LENGTH: u32 = 6000;
const bytes: usize = heap.alloc(LENGTH);
for (let i: u32 = 0; i < LENGTH; i++) store<u8>(bytes + i, i * 7 + (i >> 8));
const list = changetype<CheckpointList>(heap.alloc(offsetof<CheckpointList>()));
const hashes: usize = heap.alloc(64 * 8);
const ends: usize = heap.alloc(64 * 4);
const section = changetype<TextSection>(heap.alloc(offsetof<TextSection>()));
const sip = changetype<SipState>(heap.alloc(offsetof<SipState>()));

function begin(startBytes: u32): void {
  list.reset(hashes, ends, 64);
  section.begin(1, 2, list, startBytes);
}

function endAt(i: u32): u32 {
  return load<u32>(ends + ((<usize>i) << 2));
}

describe("a section of text", () => {
  test("has the hash of its bytes at each grid position, however it is cut", () => {
    for (let piece: u32 = 1; piece < 6000; piece = piece * 2 + 1) {
      begin(0);
      for (let at: u32 = 0; at < LENGTH; at += piece) {
        section.text(bytes + at, min(piece, LENGTH - at));
      }
      expect(section.position).toBe(LENGTH);
      // 16 up to 4096, then 4352, 4624, 4913, 5220, 5546, 5892.
      expect(list.count).toBe(22);
      expect(endAt(15)).toBe(4096);
      expect(endAt(21)).toBe(5892);
      for (let i: u32 = 0; i < list.count; i++) {
        sip.reset(1, 2);
        sip.update(bytes, endAt(i));
        expect(load<u64>(hashes + ((<usize>i) << 3))).toBe(sip.digest(), piece.toString());
      }
    }
  });

  test("counts its ends from its start, and keeps a 64th of the whole between two", () => {
    begin(100000);
    list.push(0, 100000);
    section.text(bytes, 6000);
    // Gaps of at least 1590, 1618 and 1649 bytes: of the grid 1792, 3584 and 5546 remain.
    expect(endAt(1)).toBe(101792);
    expect(endAt(2)).toBe(103584);
    expect(list.count).toBe(4);
    expect(endAt(3)).toBe(105546);
  });

  test("takes token ids as four bytes each", () => {
    begin(0);
    for (let i: u32 = 0; i < 130; i++) section.token(load<u32>(bytes + 4 * i));
    expect(list.count).toBe(2);
    expect(endAt(1)).toBe(512);
    sip.reset(1, 2);
    sip.update(bytes, 512);
    expect(load<u64>(hashes + 8)).toBe(sip.digest());
  });

  test("gets one checkpoint from a part that leaps over many positions", () => {
    begin(0);
    section.part(7, 100000);
    expect(list.count).toBe(1);
    expect(endAt(0)).toBe(100000);
    section.text(bytes, 6000);
    expect(list.count).toBe(2);
  });

  test("gets no checkpoint from a small part", () => {
    begin(0);
    section.part(7, 255);
    expect(list.count).toBe(0);
    section.text(bytes, 1);
    expect(endAt(0)).toBe(256);
  });

  test("may be as long as counts go", () => {
    begin(0);
    section.part(7, u32.MAX_VALUE);
    expect(list.count).toBe(1);
  });
});
