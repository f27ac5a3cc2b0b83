// Keys of shared data: few, fixed, and never the same for two things.
import { VMS_MAX, SEGMENTS_MAX } from "../../../filter/constants";
import { SharedKeys } from "../../../filter/share/keys";

function text(at: usize, size: u32): string {
  return String.UTF8.decodeUnsafe(at, size);
}

function keysOf(pool: string): Array<string> {
  const keys = new SharedKeys(pool);
  const all: Array<string> = [];
  const lease = keys.lease();
  all.push(text(lease, keys.size));
  const table = keys.table();
  all.push(text(table, keys.size));
  for (let vm: u32 = 0; vm < VMS_MAX; vm++) {
    const head = keys.head(vm);
    all.push(text(head, keys.size));
    for (let slot: u32 = 0; slot < SEGMENTS_MAX; slot++) {
      const segment = keys.segment(vm, slot);
      all.push(text(segment, keys.size));
    }
  }
  return all;
}

describe("shared keys", () => {
  test("name pool, kind and numbers in hexadecimal", () => {
    const keys = new SharedKeys("chat/a.b-c_D9");
    const lease = keys.lease();
    expect(text(lease, keys.size)).toBe("warmroute/1/chat/a.b-c_D9/l");
    const table = keys.table();
    expect(text(table, keys.size)).toBe("warmroute/1/chat/a.b-c_D9/t");
    const head = keys.head(0x2b);
    expect(text(head, keys.size)).toBe("warmroute/1/chat/a.b-c_D9/h2b");
    const segment = keys.segment(0x1f, 0x3e);
    expect(text(segment, keys.size)).toBe("warmroute/1/chat/a.b-c_D9/s1f3e");
  });

  test("are all different, of one pool and of pools whose names look like keys", () => {
    const pools: string[] = ["a", "a/h00", "a/l", "b", "x".repeat(63)];
    const seen = new Set<string>();
    let count = 0;
    for (let i = 0; i < pools.length; i++) {
      const all = keysOf(pools[i]);
      for (let k = 0; k < all.length; k++) seen.add(all[k]);
      count += all.length;
    }
    expect(seen.size).toBe(count);
  });

  test("of the longest pool name keep the whole name", () => {
    const keys = new SharedKeys("y".repeat(63));
    const segment = keys.segment(63, 63);
    expect(text(segment, keys.size)).toBe("warmroute/1/" + "y".repeat(63) + "/s3f3f");
  });

  test("stay in their memory with a name longer than any allowed one", () => {
    const keys = new SharedKeys("z".repeat(500));
    const segment = keys.segment(1, 2);
    expect(keys.size).toBeLessThanOrEqual(96);
    expect(text(segment, keys.size).endsWith("s0102")).toBe(true);
  });
});
