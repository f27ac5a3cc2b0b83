// Expected hashes: SipHash-1-3 written from the paper in another language, over the length of each
// value (four bytes, lowest first) and its bytes, under the key 00 01 ... 0f.
import { utf8 } from "../../../filter/host/bytes";
import { tenantHash } from "../../../filter/request/tenant";
import { clearHost, setRequestHeader } from "../fake-host";

const K0: u64 = 0x0706050403020100;
const K1: u64 = 0x0f0e0d0c0b0a0908;
const NAME = utf8("x-tenant");

function hash(): u64 {
  return tenantHash(NAME, K0, K1);
}

/** The hash where the header has this value. */
function hashOf(value: string): u64 {
  clearHost();
  setRequestHeader("x-tenant", value);
  return hash();
}

describe("the tenant of a request", () => {
  test("is the keyed hash of the header, any bytes", () => {
    expect(hashOf("a")).toBe(0x83d9a83dca771e4a);
    expect(hashOf("\u00ff\0\u20ac")).toBe(0xfc5ad20150267452);
    expect(tenantHash(NAME, K0, K1 + 1)).not.toBe(0xfc5ad20150267452);
  });

  test("is none without the header, which is not an empty one", () => {
    clearHost();
    setRequestHeader("x-tenan", "a");
    setRequestHeader("x-tenants", "a");
    setRequestHeader("x-tenanT", "a");
    expect(hash()).toBe(0);
    expect(hashOf("")).toBe(0x009fe5e6a916d7de);
  });

  test("counts every value, in order", () => {
    hashOf("team-a");
    setRequestHeader("other", "c");
    setRequestHeader("x-tenant", "b");
    expect(hash()).toBe(0x58ecec050920805e);
    hashOf("b");
    setRequestHeader("x-tenant", "team-a");
    expect(hash()).not.toBe(0x58ecec050920805e);
  });

  test("knows where one value ends and the next begins", () => {
    const one = hashOf("ab");
    hashOf("a");
    setRequestHeader("x-tenant", "b");
    const two = hash();
    hashOf("");
    setRequestHeader("x-tenant", "ab");
    expect(new Set<u64>().add(one).add(two).add(hash()).size).toBe(3);
  });

  test("is another one each time where the headers cannot be read", () => {
    const large = "z".repeat(4 << 20);
    const hashes = new Set<u64>();
    for (let i = 0; i < 3; i++) hashes.add(hashOf(large));
    expect(hashes.size).toBe(3);
    expect(hashes.has(0)).toBe(false);
  });
});
