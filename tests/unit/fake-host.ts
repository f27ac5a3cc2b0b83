// How specs steer the host that tests/unit/fake-host.js stands in for.

// @ts-ignore: decorator
@external("fake_host", "clear")
/** Forgets all shared data and headers. */
export declare function clearHost(): void;

// @ts-ignore: decorator
@external("fake_host", "shared_count")
/** Keys that shared data has. */
export declare function sharedCount(): u32;

// @ts-ignore: decorator
@external("fake_host", "set_time")
/** What the clock says from now on. */
export declare function setTime(nowNs: u64): void;

// @ts-ignore: decorator
@external("fake_host", "drop_shared")
declare function dropSharedBytes(keyAt: usize, keySize: u32): u32;

// @ts-ignore: decorator
@external("fake_host", "set_header")
declare function setHeaderBytes(nameAt: usize, nameSize: u32, at: usize, size: u32): void;

// @ts-ignore: decorator
@external("fake_host", "read_fixture")
declare function readFixtureBytes(
  nameAt: usize,
  nameSize: u32,
  atCell: usize,
  sizeCell: usize,
): void;

const cells: usize = heap.alloc(8);

/** One header more: a name may come twice. */
export function setRequestHeader(name: string, value: string): void {
  const n = String.UTF8.encode(name);
  const v = String.UTF8.encode(value);
  setHeaderBytes(changetype<usize>(n), n.byteLength, changetype<usize>(v), v.byteLength);
}

/** Takes a key out of shared data; false when it is not there. Envoy never does this. */
export function dropShared(keyAt: usize, keySize: u32): bool {
  return dropSharedBytes(keyAt, keySize) != 0;
}

/** A copy of a file of tests/fixtures. */
export function readFixture(name: string): Uint8Array {
  const n = String.UTF8.encode(name);
  readFixtureBytes(changetype<usize>(n), n.byteLength, cells, cells + 4);
  const size = load<u32>(cells, 4);
  const bytes = new Uint8Array(size);
  memory.copy(bytes.dataStart, load<u32>(cells), size);
  return bytes;
}
