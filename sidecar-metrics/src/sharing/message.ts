// The message that one sidecar has for the others: what a gateway told of itself, with pods named
// by address, for numbers are each sidecar's own (docs/sharing.md, "Messages").
import { createHash } from "node:crypto";
import { ENDPOINTS_MAX } from "../pools/endpoint-numbers.js";
import type { SharedLoad } from "../sync/table.js";

const MAGIC = 0x31475257; // "WRG1", little-endian.
const HEADER_BYTES = 60;
/** An endpoint without its address. */
const ENDPOINT_BYTES = 25;
const FLAG_WHOLE = 1;
const U32_MAX = 0xffff_ffff;
const NAME_BYTES_MAX = 255;

/** One pod as the sender knows it. */
export interface EndpointNews {
  /** The sender's own number, by which the records name it. */
  number: number;
  /** `ip:port` or `[ip]:port`. */
  address: string;
  /** The gateway's requests there; zeros in a message of records. */
  load: SharedLoad;
}

/** What one gateway told. */
export interface News {
  /** The life of the sender, 16 hexadecimal digits. */
  node: string;
  /** The life of the gateway's shared data, 16 hexadecimal digits. */
  gateway: string;
  /** The gateway's name, for people. */
  name: string;
  /** Names the hash key, which cannot be learned from it; hashes under another mean nothing. */
  keyId: bigint;
  /** Grows by one with each message of records of the node about the pool; 0 in one of load. */
  sequence: number;
  /** The sender's clock, Unix ms: shown, never compared with another clock but in a shown lag. */
  madeAtUnixMs: number;
  /** Pods that are not named have no requests; otherwise they are as they were. */
  isWhole: boolean;
  endpoints: EndpointNews[];
  /** As in docs/table-format.md. */
  records: Buffer;
}

export type DecodedNews = { ok: true; news: News } | { ok: false; error: string };

/** Tells keys apart; the key cannot be found from it. */
export function keyIdOf(key: Buffer): bigint {
  return createHash("sha256").update("warmroute sharing ").update(key).digest().readBigUInt64LE(0);
}

export function encodeNews(news: News): Buffer {
  const name = Buffer.from(news.name).subarray(0, NAME_BYTES_MAX);
  const endpoints = news.endpoints.map(encodeEndpoint);
  const endpointBytes = endpoints.reduce((bytes, { length }) => bytes + length, 0);
  const head = Buffer.alloc(HEADER_BYTES + roundUp(name.length));
  head.writeUInt32LE(MAGIC, 0);
  head.writeUInt16LE(HEADER_BYTES, 4);
  head.writeUInt8(news.isWhole ? FLAG_WHOLE : 0, 6);
  head.writeUInt8(name.length, 7);
  head.write(news.node, 8, 8, "hex");
  head.write(news.gateway, 16, 8, "hex");
  head.writeBigUInt64LE(news.keyId, 24);
  head.writeDoubleLE(news.madeAtUnixMs, 32);
  // 32 bits would be used up in 50 days of 1,000 messages a second.
  head.writeBigUInt64LE(BigInt(news.sequence), 40);
  head.writeUInt32LE(endpoints.length, 48);
  head.writeUInt32LE(endpointBytes, 52);
  head.writeUInt32LE(news.records.length, 56);
  name.copy(head, HEADER_BYTES);
  return Buffer.concat([head, ...endpoints, news.records]);
}

/** Never trusts the bytes; what a later version has put behind a part is passed over. */
export function decodeNews(message: Uint8Array): DecodedNews {
  const bytes = Buffer.from(message.buffer, message.byteOffset, message.byteLength);
  if (bytes.length < HEADER_BYTES || bytes.readUInt32LE(0) !== MAGIC) {
    return { ok: false, error: "it does not begin with the 60 bytes of a WRG1 message" };
  }
  const headerBytes = bytes.readUInt16LE(4);
  const nameBytes = bytes.readUInt8(7);
  const endpointsAt = headerBytes + roundUp(nameBytes);
  const recordsAt = endpointsAt + bytes.readUInt32LE(52);
  const end = recordsAt + bytes.readUInt32LE(56);
  if (headerBytes < HEADER_BYTES || end > bytes.length) {
    return { ok: false, error: `its parts are ${end} bytes, it has ${bytes.length}` };
  }
  const count = bytes.readUInt32LE(48);
  if (count > ENDPOINTS_MAX) {
    return { ok: false, error: `it names ${count} endpoints, at most ${ENDPOINTS_MAX}` };
  }
  const sequence = Number(bytes.readBigUInt64LE(40));
  const madeAtUnixMs = bytes.readDoubleLE(32);
  if (!Number.isSafeInteger(sequence) || !Number.isFinite(madeAtUnixMs)) {
    return { ok: false, error: "its sequence or its time is no number that we can count with" };
  }
  const endpoints = decodeEndpoints(bytes.subarray(endpointsAt, recordsAt), count);
  if (endpoints === null) return { ok: false, error: "its endpoints are cut off" };
  const news = {
    node: bytes.toString("hex", 8, 16),
    gateway: bytes.toString("hex", 16, 24),
    name: bytes.toString("utf8", headerBytes, headerBytes + nameBytes),
    keyId: bytes.readBigUInt64LE(24),
    sequence,
    madeAtUnixMs,
    isWhole: (bytes.readUInt8(6) & FLAG_WHOLE) !== 0,
    endpoints,
    records: bytes.subarray(recordsAt, end),
  };
  return { ok: true, news };
}

function encodeEndpoint({ number, address, load }: EndpointNews): Buffer {
  const entry = Buffer.alloc(roundUp(ENDPOINT_BYTES + address.length));
  entry.writeUInt16LE(entry.length, 0);
  entry.writeUInt16LE(number, 2);
  // Offset 4 is kept free.
  entry.writeUInt32LE(bounded(load.inFlight), 8);
  entry.writeUInt32LE(bounded(load.unprefilled), 12);
  entry.writeUInt32LE(bounded(load.backlogTokens), 16);
  entry.writeUInt32LE(bounded(load.kvTokens), 20);
  entry.writeUInt8(address.length, 24);
  entry.write(address, ENDPOINT_BYTES, "latin1");
  return entry;
}

/** Null where an entry lies about its length. */
function decodeEndpoints(bytes: Buffer, count: number): EndpointNews[] | null {
  const endpoints: EndpointNews[] = [];
  let at = 0;
  for (let i = 0; i < count; i++) {
    if (at + ENDPOINT_BYTES > bytes.length) return null;
    const entryBytes = bytes.readUInt16LE(at);
    const addressBytes = bytes.readUInt8(at + 24);
    const isShort = entryBytes < ENDPOINT_BYTES + addressBytes;
    if (isShort || at + entryBytes > bytes.length) return null;
    const addressAt = at + ENDPOINT_BYTES;
    endpoints.push({
      number: bytes.readUInt16LE(at + 2),
      address: bytes.toString("latin1", addressAt, addressAt + addressBytes),
      load: {
        inFlight: bytes.readUInt32LE(at + 8),
        unprefilled: bytes.readUInt32LE(at + 12),
        backlogTokens: bytes.readUInt32LE(at + 16),
        kvTokens: bytes.readUInt32LE(at + 20),
      },
    });
    at += entryBytes;
  }
  return endpoints;
}

function bounded(count: number): number {
  return Math.min(Math.max(0, Math.floor(count)), U32_MAX);
}

function roundUp(bytes: number): number {
  return (bytes + 3) & ~3;
}
