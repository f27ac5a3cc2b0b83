// A token that lies in two pieces, next to memory that must stay as it is.
import { JSON_KEY_BYTES_MAX } from "../../../filter/request/json-handler";
import { JsonToken, ScalarEnd } from "../../../filter/request/json-token";

@unmanaged
class Probe extends JsonToken {
  guard: u64;

  begin(): void {
    this.tokenBytes = 0;
    this.guard = 0xa5a5;
  }
  keyBytes(count: u32): i32 {
    for (let i: u32 = 0; i < count; i++) this.keepKeyByte(0x6b);
    return this.tokenBytes;
  }
  /** Keeps the bytes from `from` to `to` of a piece that ends at `end`. */
  scalar(bytes: ArrayBuffer, from: i32, to: i32, end: i32): ScalarEnd {
    const p = changetype<usize>(bytes);
    return this.keepScalar(p + from, p + to, p + end);
  }
  kept(): string {
    return String.UTF8.decodeUnsafe(this.scalarAt, this.tokenBytes);
  }
}

const probe = changetype<Probe>(heap.alloc(offsetof<Probe>()));

describe("a key", () => {
  test("is kept up to its limit and then only known to be long", () => {
    probe.begin();
    expect(probe.keyBytes(JSON_KEY_BYTES_MAX)).toBe(JSON_KEY_BYTES_MAX);
    expect(probe.keyBytes(1)).toBe(-1);
    expect(probe.keyBytes(1000)).toBe(-1);
    expect(probe.guard).toBe(0xa5a5);
  });
});

describe("a scalar", () => {
  test("is whole when its piece goes on", () => {
    const bytes = String.UTF8.encode("12345,");
    probe.begin();
    expect(probe.scalar(bytes, 0, 5, 6)).toBe(ScalarEnd.Whole);
    expect(probe.kept()).toBe("12345");
  });

  test("is joined from two pieces, the second of which may be empty", () => {
    const bytes = String.UTF8.encode("12345,");
    for (let cut = 1; cut <= 5; cut++) {
      probe.begin();
      expect(probe.scalar(bytes, 0, cut, cut)).toBe(ScalarEnd.Open);
      expect(probe.scalar(bytes, cut, 5, 6)).toBe(ScalarEnd.Whole);
      expect(probe.kept()).toBe("12345");
    }
  });

  test("is malformed beyond 32 bytes, in one piece or several", () => {
    const bytes = String.UTF8.encode("1".repeat(1000));
    probe.begin();
    expect(probe.scalar(bytes, 0, 33, 34)).toBe(ScalarEnd.Malformed);
    probe.begin();
    expect(probe.scalar(bytes, 0, 32, 32)).toBe(ScalarEnd.Open);
    expect(probe.scalar(bytes, 32, 1000, 1000)).toBe(ScalarEnd.Malformed);
    expect(probe.guard).toBe(0xa5a5);
  });
});
