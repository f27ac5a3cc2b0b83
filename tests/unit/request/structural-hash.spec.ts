// Expected hashes are put together from SipHash by hand, as the file's comments say they are made.
import { SipState, mix } from "../../../filter/prefix/siphash";
import { JsonHandler, JsonScanner } from "../../../filter/request/json-scanner";
import {
  STRUCTURAL_HASH_BYTES,
  StructuralHash,
  keyHash,
} from "../../../filter/request/structural-hash";

const value = changetype<StructuralHash>(heap.alloc(STRUCTURAL_HASH_BYTES));
const scanner = changetype<JsonScanner>(heap.alloc(offsetof<JsonScanner>()));
const sip = changetype<SipState>(heap.alloc(offsetof<SipState>()));
/** How often a value was said to be whole. */
let wholeCount = 0;

class Handler extends JsonHandler {
  open(ctx: usize, isObject: bool): void {
    value.open(isObject);
  }
  close(ctx: usize, isObject: bool): void {
    wholeCount += <i32>value.close();
  }
  key(ctx: usize, p: usize, n: i32): void {
    value.key(p, n);
  }
  textBegin(ctx: usize): void {
    value.textBegin();
  }
  text(ctx: usize, p: usize, n: u32): void {
    value.text(p, n);
  }
  textEnd(ctx: usize): void {
    wholeCount += <i32>value.textEnd();
  }
  scalar(ctx: usize, p: usize, n: u32): void {
    wholeCount += <i32>value.scalar(p, n);
  }
}
const handler = new Handler();

function hashOf(json: string): u64 {
  const bytes = String.UTF8.encode(json + " ");
  wholeCount = 0;
  value.begin(1, 2);
  scanner.reset();
  scanner.feed(handler, 0, changetype<usize>(bytes), bytes.byteLength);
  expect(wholeCount).toBe(1, json);
  return value.hash;
}

function bytesOf(json: string): u32 {
  hashOf(json);
  return value.bytes;
}

/** SipHash of a kind's byte and a text. */
function leaf(kind: u32, text: string): u64 {
  const bytes = String.UTF8.encode(text);
  sip.reset(1, 2);
  sip.updateU8(kind);
  sip.update(changetype<usize>(bytes), bytes.byteLength);
  return sip.digest();
}

describe("the hash of a value", () => {
  test("is that of its kind and bytes when it is a leaf", () => {
    expect(hashOf('"abc"')).toBe(leaf(1, "abc"));
    expect(value.isString).toBe(true);
    expect(hashOf("12")).toBe(leaf(2, "12"));
    expect(value.isString).toBe(false);
    expect(hashOf('"12"')).not.toBe(hashOf("12"));
  });

  test("adds up members and chains elements", () => {
    const a = mix(1, 2, leaf(3, "a"), leaf(2, "1"));
    const b = mix(1, 2, leaf(3, "b"), leaf(1, "x"));
    expect(hashOf('{"a":1,"b":"x"}')).toBe(mix(1, 2, 4 + a + b, 4));
    expect(hashOf('[1,"x"]')).toBe(
      mix(1, 2, mix(1, 2, mix(1, 2, 5, leaf(2, "1")), leaf(1, "x")), 5),
    );
  });

  test("knows no order of keys at any level, but of elements", () => {
    expect(hashOf('{"a":{"b":[1,2],"c":{}},"d":null}')).toBe(
      hashOf('{"d":null,"a":{"c":{},"b":[1,2]}}'),
    );
    expect(hashOf("[1,2]")).not.toBe(hashOf("[2,1]"));
    expect(hashOf('{"a":1,"b":2}')).not.toBe(hashOf('{"a":2,"b":1}'));
  });

  test("tells empty containers and nesting apart", () => {
    const all = ["{}", "[]", "[[]]", "[[],[]]", "[{}]", '{"a":{}}', '{"a":[]}', '""', "null"];
    const seen = new Set<u64>();
    for (let i = 0; i < all.length; i++) seen.add(hashOf(all[i]));
    expect(seen.size).toBe(all.length);
  });

  test("leaves out cache_control at every level", () => {
    const plain = '{"a":{"b":1},"c":[{"d":2}]}';
    const marked =
      '{"cache_control":{"x":[1,{"cache_control":2}]},"a":{"b":1,"cache_control":null},' +
      '"c":[{"cache_control":"y","d":2}]}';
    expect(hashOf(marked)).toBe(hashOf(plain));
    expect(bytesOf(marked)).toBe(bytesOf(plain));
  });

  test("nests as deep as a scan goes", () => {
    expect(hashOf("[".repeat(64) + "]".repeat(64))).not.toBe(
      hashOf("[".repeat(63) + "]".repeat(63)),
    );
  });

  test("of a member with a key too long to be told is that of any such key", () => {
    const long = "k".repeat(70);
    expect(hashOf('{"' + long + '":1}')).toBe(hashOf('{"x' + long + '":1}'));
    expect(hashOf('{"' + long + '":1}')).not.toBe(hashOf('{"' + long + '":2}'));
  });

  test("uses the same hash for a key as keyHash", () => {
    const bytes = String.UTF8.encode("name");
    expect(keyHash(sip, 1, 2, changetype<usize>(bytes), 4)).toBe(leaf(3, "name"));
  });
});

describe("the bytes of a value", () => {
  test("are those of a lone string", () => {
    expect(bytesOf('"abc"')).toBe(3);
  });

  test("are about those of compact JSON, whatever the white space", () => {
    const compact =
      '{"name":"f","parameters":{"type":"object","properties":{"a":{"type":"integer"}}}}';
    const bytes = bytesOf(compact);
    expect(bytes).toBeGreaterThan(compact.length - 8);
    expect(bytes).toBeLessThan(compact.length + 8);
    expect(bytesOf(compact.replaceAll(":", " : "))).toBe(bytes);
  });
});
