// The lease in shared data: written by whom it was read last, its cursor moved by who told it.
import { SharedLease } from "../../../filter/load/lease";
import { SharedKeys } from "../../../filter/share/keys";
import { clearHost } from "../fake-host";

/** A VM's view of the lease of one pool. */
function leaseOf(pool: string): SharedLease {
  const lease = new SharedLease(new SharedKeys(pool));
  lease.read();
  return lease;
}

beforeEach(() => {
  clearHost();
});

describe("a lease", () => {
  test("that nobody has written is empty", () => {
    const lease = leaseOf("pool").now;
    expect(lease.holder).toBe(0);
    expect(lease.gateway).toBe(0);
    expect(lease.sidecar).toBe(0);
    expect(lease.nextBatch).toBe(0);
    expect(lease.tableNumber).toBe(0);
  });

  test("is not written over another VM's", () => {
    leaseOf("pool").write();
    const one = leaseOf("pool");
    const other = leaseOf("pool");
    one.now.holder = 7;
    expect(one.write()).toBe(true);
    other.now.holder = 8;
    expect(other.write()).toBe(false);
    expect(leaseOf("pool").now.holder).toBe(7);
    expect(leaseOf("other").now.holder).toBe(0);
  });
});

describe("a warning", () => {
  test("is one VM's to say, once, and leaves the lease as it was", () => {
    const one = leaseOf("pool");
    one.now.holder = 7;
    one.write();
    const other = leaseOf("pool");
    expect(one.claimWarning()).toBe(true);
    expect(other.claimWarning()).toBe(false);
    expect(one.claimWarning()).toBe(false);
    expect(leaseOf("pool").now.holder).toBe(7);
    expect(leaseOf("other").claimWarning()).toBe(true);
  });
});

describe("a cursor", () => {
  test("moves with each answer, and each tells of a table", () => {
    const one = leaseOf("pool");
    expect(one.advance(0, 0, 0xfedcba9876543210, 4)).toBe(true);
    expect(one.advance(0xfedcba9876543210, 4, 0xfedcba9876543210, 9)).toBe(true);
    const lease = leaseOf("pool").now;
    expect(lease.sidecar).toBe(0xfedcba9876543210);
    expect(lease.nextBatch).toBe(9);
    expect(lease.tableNumber).toBe(2);
  });

  test("goes to another sidecar's, and may begin anew there", () => {
    const one = leaseOf("pool");
    one.advance(0, 0, 1, 9);
    expect(one.advance(1, 9, 2, 3)).toBe(true);
    expect(one.now.sidecar).toBe(2);
    expect(one.now.nextBatch).toBe(3);
  });

  test("that another VM has moved stays where that one moved it", () => {
    const one = leaseOf("pool");
    const other = leaseOf("pool");
    one.now.holder = 7;
    one.write();
    expect(other.advance(0, 0, 1, 5)).toBe(true);
    // Both its number and whose it is tell that it has moved.
    expect(one.advance(0, 0, 1, 4)).toBe(false);
    expect(one.advance(0, 5, 1, 6)).toBe(false);
    expect(one.advance(1, 4, 1, 6)).toBe(false);
    const lease = leaseOf("pool").now;
    expect(lease.nextBatch).toBe(5);
    expect(lease.holder).toBe(7);
    expect(lease.tableNumber).toBe(4);
  });
});
