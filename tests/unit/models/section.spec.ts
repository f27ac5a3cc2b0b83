// Whether a models section is sound: the fixture, each limit, and bytes that lie.
import {
  isName,
  SectionState,
  sectionAt,
  sectionBytes,
  sectionState,
} from "../../../filter/models/section";
import { readFixture } from "../fake-host";
import { Random } from "../prefix/random";
import { adapter, model, objective, section, tableOf } from "./sections";

function stateOf(part: Uint8Array): SectionState {
  const table = tableOf(part);
  return sectionState(table.dataStart, table.length);
}

function isSound(part: Uint8Array): bool {
  return stateOf(part) == SectionState.Sound;
}

/** The state with `value` written over the section's bytes at `at`. */
function isSoundWith(part: Uint8Array, at: usize, value: u16): bool {
  const table = tableOf(part);
  store<u16>(sectionAt(table.dataStart) + at, value);
  return sectionState(table.dataStart, table.length) == SectionState.Sound;
}

describe("a section is sound", () => {
  test("in the fixture, and not when it is cut", () => {
    const bytes = readFixture("table-v1-models.bin");
    const table = bytes.dataStart;
    expect(sectionState(table, bytes.length)).toBe(SectionState.Sound);
    const whole = sectionBytes(table);
    for (let cut: u32 = 4; cut < whole; cut += 4) {
      store<u32>(table, whole - cut, 68);
      expect(sectionState(table, bytes.length)).toBe(SectionState.Bad);
    }
  });

  test("with nothing in it", () => {
    expect(isSound(section([]))).toBe(true);
  });

  test("up to each limit, and not beyond", () => {
    const x256 = "x".repeat(256);
    expect(isSound(section([model(x256, [x256 + "=1000000"])]))).toBe(true);
    expect(isSound(section([model("x".repeat(257))]))).toBe(false);
    expect(isSound(section([model("a", ["x".repeat(257) + "=1"])]))).toBe(false);
    expect(isSound(section([model("a", ["=1"])]))).toBe(false);
    expect(isSound(section([model("a", ["b=1000001"])]))).toBe(false);
    expect(isSound(section([], [adapter(x256, [1023])]))).toBe(true);
    expect(isSound(section([], [adapter(x256, [1024])]))).toBe(false);
    expect(isSound(section([], [adapter("", [])]))).toBe(false);
    expect(isSound(section([], [], [objective("o".repeat(253), 2)]))).toBe(true);
    expect(isSound(section([], [], [objective("o".repeat(254), 2)]))).toBe(false);
    expect(isSound(section([], [], [objective("", 0)]))).toBe(false);
  });

  test("with at most 16 targets and 256 entries of a kind", () => {
    const targets: string[] = [];
    for (let i = 0; i < 16; i++) targets.push("t=1");
    expect(isSound(section([model("a", targets)]))).toBe(true);
    targets.push("t=1");
    expect(isSound(section([model("a", targets)]))).toBe(false);
    const models: Uint8Array[] = [];
    for (let i = 0; i < 256; i++) models.push(model("m"));
    expect(isSound(section(models))).toBe(true);
    models.push(model("m"));
    expect(isSound(section(models))).toBe(false);
  });

  test("with a known criticality", () => {
    expect(isSound(section([model("a", [], 2)]))).toBe(true);
    expect(isSound(section([model("a", [], 3)]))).toBe(false);
    expect(isSound(section([], [], [objective("a", 3)]))).toBe(false);
  });
});

describe("a section is bad", () => {
  test("of another magic, or with counts and sizes that lie", () => {
    const part = section([model("a", ["b=1"])], [adapter("c", [1, 2])], [objective("d", 1)], "{}");
    expect(isSound(part)).toBe(true);
    expect(isSoundWith(part, 0, 0x5858)).toBe(false);
    const lies: u16[] = [0, 1, 3, 6, 18, 22, 300, 65535];
    for (let i = 0; i < lies.length; i++) {
      if (lies[i] != 1) expect(isSoundWith(part, 10, lies[i])).toBe(false);
      expect(isSoundWith(part, 20, lies[i])).toBe(false);
    }
    expect(isSoundWith(part, 16, 100)).toBe(false);
    expect(isSoundWith(part, 18, 1)).toBe(false);
  });

  test("when it lies outside its table, or is not whole words, or too long", () => {
    const table = tableOf(section([model("a")]));
    const at = table.dataStart;
    const start = load<u32>(at, 64);
    const lies: u32[] = [start + 4, start + 2, <u32>table.length, 0xfffffffc];
    for (let i = 0; i < lies.length; i++) {
      store<u32>(at, lies[i], 64);
      expect(sectionState(at, table.length)).toBe(SectionState.Bad);
    }
    store<u32>(at, start, 64);
    const sizes: u32[] = [0, 16, 21, 64 * 1024 + 4, 0xfffffffc];
    for (let i = 0; i < sizes.length; i++) {
      store<u32>(at, sizes[i], 68);
      expect(sectionState(at, table.length)).toBe(SectionState.Bad);
    }
    store<u32>(at, 0, 64);
    expect(sectionState(at, table.length)).toBe(SectionState.None);
  });

  test("or is not, when it is random bytes: nothing is read beyond them", () => {
    const random = new Random(5);
    for (let round = 0; round < 3000; round++) {
      const part = section(
        [model("abc", ["d=1", "e=2"])],
        [adapter("f", [3])],
        [objective("g", 1)],
      );
      for (let i = 0; i < 3; i++) {
        part[8 + <i32>(random.next() % <u64>(part.length - 8))] = <u8>(random.next() & 255);
      }
      expect(stateOf(part)).not.toBe(SectionState.None);
    }
  });
});

describe("a name", () => {
  test("is visible ASCII that neither JSON nor a header escapes", () => {
    const good = String.UTF8.encode("!#[]~az09/-_.:@");
    expect(isName(changetype<usize>(good), good.byteLength)).toBe(true);
    const bad: u8[] = [0, 0x0d, 0x20, 0x22, 0x5c, 0x7f, 0x80, 0xff];
    for (let i = 0; i < bad.length; i++) {
      store<u8>(changetype<usize>(good), bad[i], 3);
      expect(isName(changetype<usize>(good), good.byteLength)).toBe(false);
    }
  });
});
