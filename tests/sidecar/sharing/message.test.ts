// The message between sidecars against a second writer and reader, later versions, and any bytes.
import assert from "node:assert/strict";
import { test } from "node:test";
import { randomFrom } from "../../../lab/random.js";
import {
  decodeNews,
  encodeNews,
  type EndpointNews,
  keyIdOf,
  type News,
} from "../../../sidecar-metrics/src/sharing/message.js";
import { type Later, type PlainNews, readNews, writeNews } from "../support/news.js";
import { insertRecord } from "../support/support.js";

const PLAIN: PlainNews = {
  node: "00112233445566ff",
  gateway: "fedcba9876543210",
  name: "gateway-ä",
  keyId: 0x8899_aabb_ccdd_eeffn,
  madeAtUnixMs: 1_790_000_000_123.5,
  sequence: 5_000_000_000n,
  isWhole: true,
  endpoints: [
    [0, "10.0.0.7:8000", 1, 2, 3, 4_294_967_295],
    [1023, "[2001:db8::1234:5678]:65535", 0, 0, 0, 0],
    [7, "1.2.3.4:5", 9, 8, 7, 6],
  ],
  records: Buffer.concat([insertRecord(1n, 0), insertRecord(2n, 1023)]),
};

function toNews(plain: PlainNews): News {
  const endpoints = plain.endpoints.map(
    ([number, address, inFlight, unprefilled, backlogTokens, kvTokens]): EndpointNews => ({
      number,
      address,
      load: { inFlight, unprefilled, backlogTokens, kvTokens },
    }),
  );
  return { ...plain, sequence: Number(plain.sequence), endpoints };
}

const BARE: PlainNews = {
  ...PLAIN,
  name: "",
  isWhole: false,
  endpoints: [],
  records: Buffer.alloc(0),
};

for (const [what, plain] of [
  ["of everything", PLAIN],
  ["of nothing", BARE],
] as const) {
  test(`a message ${what} is written and read as the format says`, () => {
    assert.deepEqual(readNews(encodeNews(toNews(plain))), plain);
    const decoded = decodeNews(writeNews(plain));
    assert.ok(decoded.ok);
    assert.deepEqual(decoded.news, toNews(plain));
    assert.ok(encodeNews(toNews(plain)).equals(writeNews(plain)), "byte for byte");
  });
}

test("a key is named by a hash of it", () => {
  // hashlib.sha256(b"warmroute sharing " + key).digest()[:8]
  const named = Buffer.from("0b627ddfe8475401", "hex").readBigUInt64LE();
  assert.equal(keyIdOf(Buffer.from("00112233445566778899aabbccddeeff", "hex")), named);
});

const LATER: [string, Later][] = [
  ["a longer header", { header: 12 }],
  ["a header that is longer by an odd number", { header: 3 }],
  ["longer endpoints", { endpoint: 9 }],
  ["flags that mean nothing yet", { flags: 0xfe }],
  ["a further part behind", { behind: 40 }],
  ["all of these", { header: 100, endpoint: 30, flags: 0x80, behind: 1_000 }],
];

for (const [what, later] of LATER) {
  test(`a message of a later version is read: ${what}`, () => {
    const decoded = decodeNews(writeNews(PLAIN, later));
    assert.ok(decoded.ok);
    assert.deepEqual(decoded.news, toNews(PLAIN));
  });
}

test("a message that does not begin where its memory begins is read", () => {
  const memory = Buffer.alloc(5_000, 0xff);
  const message = writeNews(PLAIN);
  message.copy(memory, 13);
  const decoded = decodeNews(memory.subarray(13, 13 + message.length));
  assert.ok(decoded.ok);
  assert.deepEqual(decoded.news, toNews(PLAIN));
});

test("counts that 32 bits cannot hold are cut to what they can", () => {
  const load = { inFlight: 1e12, unprefilled: -4, backlogTokens: 1.9, kvTokens: 2 ** 32 };
  const bytes = encodeNews({ ...toNews(BARE), endpoints: [{ number: 1, address: "a:1", load }] });
  assert.deepEqual(readNews(bytes).endpoints, [[1, "a:1", 2 ** 32 - 1, 0, 1, 2 ** 32 - 1]]);
});

test("a name of any length is cut to what fits", () => {
  const news = readNews(encodeNews({ ...toNews(PLAIN), name: "x".repeat(1_000) }));
  assert.equal(news.name, "x".repeat(255));
  assert.deepEqual(news.records, PLAIN.records);
});

function changed(at: number, bytes: number[]): Buffer {
  const message = writeNews(PLAIN);
  Buffer.from(bytes).copy(message, at);
  return message;
}

/** Where the first endpoint begins: behind the header and a name of 10 bytes, padded. */
const ENDPOINTS_AT = 60 + 12;

const REFUSED: [string, Buffer, RegExp][] = [
  ["nothing", Buffer.alloc(0), /60 bytes/],
  ["a header cut short", writeNews(BARE).subarray(0, 59), /60 bytes/],
  ["another magic", changed(0, [0x58]), /60 bytes/],
  ["a header shorter than ours", changed(4, [59, 0]), /parts/],
  ["parts beyond the end", writeNews(PLAIN).subarray(0, -1), /parts/],
  ["lengths near 2^32", changed(52, [255, 255, 255, 255, 255, 255, 255, 255]), /parts/],
  ["more endpoints than a pool has", changed(48, [1, 4, 0, 0]), /1025 endpoints/],
  ["more endpoints than there are", changed(48, [4, 0, 0, 0]), /cut off/],
  ["an endpoint of no length", changed(ENDPOINTS_AT, [0, 0]), /cut off/],
  ["an endpoint longer than the rest", changed(ENDPOINTS_AT, [255, 255]), /cut off/],
  ["the last endpoint longer than the rest", changed(ENDPOINTS_AT + 40 + 52, [40, 0]), /cut off/],
  ["an address longer than its endpoint", changed(ENDPOINTS_AT + 24, [200]), /cut off/],
  ["a time that is no number", changed(38, [0xf8, 0x7f]), /time/],
  ["a time without end", changed(32, [0, 0, 0, 0, 0, 0, 0xf0, 0x7f]), /time/],
  ["a sequence beyond counting", changed(47, [0xff]), /sequence/],
];

for (const [what, message, error] of REFUSED) {
  test(`refused with a reason: ${what}`, () => {
    const decoded = decodeNews(message);
    assert.ok(!decoded.ok);
    assert.match(decoded.error, error);
  });
}

test("a message cut at any byte is refused, one with any byte flipped does no harm", () => {
  const whole = writeNews(PLAIN, { header: 4, endpoint: 4 });
  for (let length = 0; length < whole.length; length++) {
    assert.equal(decodeNews(whole.subarray(0, length)).ok, false, `cut at ${length}`);
  }
  for (let at = 0; at < whole.length; at++) {
    for (const flip of [0x01, 0x80, 0xff]) {
      const message = Buffer.from(whole);
      message[at] = (message[at] as number) ^ flip;
      check(message);
    }
  }
});

test("no random bytes throw or are taken for more than they are", () => {
  const random = randomFrom(1);
  const whole = writeNews(PLAIN);
  for (let round = 0; round < 30_000; round++) {
    const message = Buffer.from(whole);
    // A sound beginning, so that what is behind it is reached.
    const from = round % 3 === 0 ? 0 : 4 + Math.floor(random() * whole.length);
    const count = round % 2 === 0 ? whole.length : 4;
    for (let at = from; at < Math.min(from + count, whole.length); at++) {
      message[at] = Math.floor(random() * 256);
    }
    check(message);
  }
});

/** Whatever was read is no longer than what it was read from. */
function check(message: Buffer): void {
  const decoded = decodeNews(message);
  if (!decoded.ok) return;
  const { records, endpoints, name, sequence } = decoded.news;
  const addresses = endpoints.reduce((bytes, { address }) => bytes + 25 + address.length, 0);
  assert.ok(60 + records.length + addresses <= message.length);
  assert.ok(endpoints.length <= 1_024 && name.length <= 255 && Number.isSafeInteger(sequence));
}
