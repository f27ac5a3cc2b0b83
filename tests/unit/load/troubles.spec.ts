// The record of pods in trouble: what one VM writes another reads, and none writes over another's.
import { TROUBLES_MAX } from "../../../filter/constants";
import { Endpoints } from "../../../filter/load/endpoint";
import { Trouble, Troubles } from "../../../filter/load/troubles";
import { SharedKeys } from "../../../filter/share/keys";
import { clearHost } from "../fake-host";

function endpointsOf(count: u32): Endpoints {
  const endpoints = new Endpoints();
  endpoints.limit = count;
  for (let i: u32 = 0; i < count; i++) {
    endpoints.at(i).isListed = true;
    endpoints.at(i).addressHash = 1000 + <u64>i;
  }
  return endpoints;
}

function troublesOf(endpoints: Endpoints): Troubles {
  const troubles = new Troubles(new SharedKeys("pool"), endpoints);
  troubles.read();
  return troubles;
}

beforeEach(() => {
  clearHost();
});

describe("the record", () => {
  test("is empty before anybody wrote it, and after the last row is gone", () => {
    const troubles = troublesOf(endpointsOf(4));
    expect(troubles.count).toBe(0);
    troubles.rowFor(3);
    expect(troubles.write()).toBe(true);
    troubles.read();
    expect(troubles.count).toBe(1);
    troubles.remove(0);
    expect(troubles.write()).toBe(true);
    troubles.read();
    expect(troubles.count).toBe(0);
  });

  test("is read as another VM wrote it", () => {
    const one = troublesOf(endpointsOf(4));
    const row = one.rowFor(3) as Trouble;
    row.failures = 2;
    row.backoffMs = 4000;
    row.isHung = true;
    one.write();
    const other = troublesOf(endpointsOf(4));
    const read = other.at(<u32>other.find(3));
    expect(<u32>read.failures).toBe(2);
    expect(read.backoffMs).toBe(4000);
    expect(read.isHung).toBe(true);
    expect(other.find(2)).toBe(-1);
  });

  test("is not written over another VM's", () => {
    const one = troublesOf(endpointsOf(4));
    one.rowFor(0);
    one.write();
    one.read();
    const other = troublesOf(endpointsOf(4));
    other.rowFor(1);
    expect(other.write()).toBe(true);
    one.rowFor(2);
    expect(one.write()).toBe(false);
    one.read();
    expect(one.find(1)).toBeGreaterThanOrEqual(0);
    expect(one.find(2)).toBe(-1);
  });

  test("has room for half of all pods, and a new row in place of one that has left", () => {
    const endpoints = endpointsOf(1024);
    const troubles = troublesOf(endpoints);
    for (let i: u32 = 0; i < TROUBLES_MAX; i++) expect(troubles.rowFor(i)).not.toBeNull();
    expect(troubles.rowFor(TROUBLES_MAX)).toBeNull();
    endpoints.at(7).isListed = false;
    expect(troubles.rowFor(TROUBLES_MAX)).not.toBeNull();
    expect(troubles.count).toBe(TROUBLES_MAX);
  });
});

describe("a row", () => {
  test("is of the address that it was written for", () => {
    const endpoints = endpointsOf(4);
    const troubles = troublesOf(endpoints);
    troubles.rowFor(1);
    endpoints.at(1).addressHash = 77;
    expect(troubles.find(1)).toBe(-1);
    endpoints.at(1).addressHash = 1001;
    expect(troubles.find(1)).toBe(0);
    endpoints.at(1).isListed = false;
    expect(troubles.find(1)).toBe(-1);
    expect(troubles.findKept(1)).toBe(0);
    expect(troubles.removeGone()).toBe(true);
    expect(troubles.findKept(1)).toBe(-1);
    expect(troubles.removeGone()).toBe(false);
  });
});
