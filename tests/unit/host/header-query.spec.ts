// Several headers by one host call: which are there, and what they hold.
import { utf8 } from "../../../filter/host/bytes";
import { HeaderMap } from "../../../filter/host/calls";
import { HeaderQuery } from "../../../filter/host/header-query";
import { clearHost, setRequestHeader } from "../fake-host";

const query = new HeaderQuery([utf8("content-type"), utf8("x"), utf8(":path")]);
const TYPE = 0;
const X = 1;
const PATH = 2;

function value(name: i32): string {
  return String.UTF8.decodeUnsafe(query.at(name), query.size(name));
}

describe("a header query", () => {
  beforeEach(() => clearHost());

  test("finds each of its names among others, in any order", () => {
    setRequestHeader("accept", "*/*");
    setRequestHeader(":path", "/v1/completions?a=b");
    setRequestHeader("content-typ", "no");
    setRequestHeader("content-type", "text/plain");
    setRequestHeader("content-type2", "no");
    query.read(HeaderMap.Request);
    expect(value(PATH)).toBe("/v1/completions?a=b");
    expect(value(TYPE)).toBe("text/plain");
    expect(query.has(X)).toBe(false);
    expect(query.size(X)).toBe(0);
  });

  test("forgets what it found the time before", () => {
    setRequestHeader("x", "1");
    query.read(HeaderMap.Request);
    expect(query.has(X)).toBe(true);
    clearHost();
    query.read(HeaderMap.Request);
    expect(query.has(X)).toBe(false);
  });

  test("tells an empty header from an absent one, and passes any bytes", () => {
    setRequestHeader("x", "");
    setRequestHeader("content-type", "\u00ff\0\u20ac");
    query.read(HeaderMap.Request);
    expect(query.has(X)).toBe(true);
    expect(query.size(X)).toBe(0);
    expect(value(TYPE)).toBe("\u00ff\0\u20ac");
  });

  test("takes the first of a header that comes twice", () => {
    setRequestHeader("x", "1");
    setRequestHeader("x", "2");
    query.read(HeaderMap.Request);
    expect(value(X)).toBe("1");
  });

  test("finds a name that it is asked for twice under both numbers", () => {
    const twice = new HeaderQuery([utf8("x"), utf8("y"), utf8("x")]);
    setRequestHeader("x", "1");
    expect(twice.read(HeaderMap.Request)).toBe(true);
    expect(twice.has(0) && !twice.has(1) && twice.has(2)).toBe(true);
  });

  test("says when there are more headers than can be read", () => {
    setRequestHeader("x", "1");
    setRequestHeader("y", "z".repeat(4 << 20));
    expect(query.read(HeaderMap.Request)).toBe(false);
    expect(query.has(X)).toBe(false);
  });
});
