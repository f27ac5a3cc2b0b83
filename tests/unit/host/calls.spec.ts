// The wrappers of the host functions: what is there, what is absent, and who wrote last.
import { utf8 } from "../../../filter/host/bytes";
import {
  getProperty,
  getShared,
  nowMs,
  nowNs,
  resultAt,
  resultCas,
  resultSize,
  setShared,
} from "../../../filter/host/calls";
import { clearHost, setTime } from "../fake-host";

const KEY = utf8("a key");
const OTHER_KEY = utf8("a key2");

function result(): string {
  return String.UTF8.decodeUnsafe(resultAt, resultSize);
}

function set(value: string, cas: u32): bool {
  const bytes = utf8(value);
  return setShared(KEY.at, KEY.size, bytes.at, bytes.size, cas);
}

beforeEach(() => {
  clearHost();
});

describe("shared data", () => {
  test("that nobody wrote is absent, and leaves no result", () => {
    set("old", 0);
    expect(getShared(KEY.at, KEY.size)).toBe(true);
    expect(getShared(OTHER_KEY.at, OTHER_KEY.size)).toBe(false);
    expect(resultAt).toBe(0);
    expect(resultSize).toBe(0);
    expect(resultCas).toBe(0);
  });

  test("is what was written last", () => {
    expect(set("one", 0)).toBe(true);
    expect(set("three", 0)).toBe(true);
    expect(getShared(KEY.at, KEY.size)).toBe(true);
    expect(result()).toBe("three");
  });

  test("is written with a number only over the datum that had it", () => {
    set("one", 0);
    getShared(KEY.at, KEY.size);
    const first = resultCas;
    expect(first).not.toBe(0);
    expect(set("two", first)).toBe(true);
    expect(set("three", first)).toBe(false);
    getShared(KEY.at, KEY.size);
    expect(result()).toBe("two");
    expect(set("three", resultCas)).toBe(true);
  });
});

describe("a property", () => {
  test("that the host lacks is absent", () => {
    expect(getProperty(utf8("upstream\0address"))).toBe(false);
    expect(resultAt).toBe(0);
  });
});

describe("the clock", () => {
  test("is in nanoseconds, and in milliseconds with fractions", () => {
    setTime(1767225600123456789);
    expect(nowNs()).toBe(1767225600123456789);
    expect(Math.abs(nowMs() - 1767225600123.4568)).toBeLessThan(0.001);
  });
});
