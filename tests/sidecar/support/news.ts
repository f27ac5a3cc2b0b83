// A second writer and reader of the sidecars' messages, by docs/sharing.md ("Messages") alone.

/** What a later version may have put between and behind what this one knows. */
export interface Later {
  /** Further fields of the header. */
  header?: number;
  /** Further fields of each endpoint, behind its address. */
  endpoint?: number;
  /** A part behind the records. */
  behind?: number;
  /** Bits of the flags that mean nothing here. */
  flags?: number;
}

export interface PlainNews {
  node: string;
  gateway: string;
  name: string;
  keyId: bigint;
  madeAtUnixMs: number;
  sequence: bigint;
  isWhole: boolean;
  /** Number, address, in flight, unprefilled, backlog tokens, KV tokens. */
  endpoints: [number, string, number, number, number, number][];
  records: Buffer;
}

/** Stands for fields of a later version: anything but zeros. */
const STRANGE = 0xa5;

export function writeNews(news: PlainNews, later: Later = {}): Buffer {
  const parts: number[] = [];
  const uint = (bytes: number, value: number | bigint): void => {
    for (let i = 0; i < bytes; i++) parts.push(Number((BigInt(value) >> BigInt(8 * i)) & 255n));
  };
  const raw = (bytes: Iterable<number>): void => void parts.push(...bytes);
  const strange = (count = 0): void => raw(Array<number>(count).fill(STRANGE));
  const pad = (from: number): void => {
    while ((parts.length - from) % 4 !== 0) parts.push(0);
  };
  const name = [...new TextEncoder().encode(news.name)];
  raw([0x57, 0x52, 0x47, 0x31]);
  uint(2, 60 + (later.header ?? 0));
  uint(1, (news.isWhole ? 1 : 0) | (later.flags ?? 0));
  uint(1, name.length);
  for (const life of [news.node, news.gateway]) {
    for (let i = 0; i < 16; i += 2) parts.push(Number.parseInt(life.slice(i, i + 2), 16));
  }
  uint(8, news.keyId);
  raw(new Uint8Array(new Float64Array([news.madeAtUnixMs]).buffer));
  uint(8, news.sequence);
  uint(4, news.endpoints.length);
  const sizesAt = parts.length;
  uint(4, 0);
  uint(4, news.records.length);
  strange(later.header);
  const nameAt = parts.length;
  raw(name);
  pad(nameAt);
  const endpointsAt = parts.length;
  for (const [number, address, ...load] of news.endpoints) {
    const at = parts.length;
    uint(2, 0);
    uint(2, number);
    uint(4, 0);
    for (const amount of load) uint(4, amount);
    uint(1, address.length);
    raw([...address].map((letter) => letter.charCodeAt(0)));
    strange(later.endpoint);
    pad(at);
    parts[at] = (parts.length - at) & 255;
    parts[at + 1] = (parts.length - at) >> 8;
  }
  const bytes = parts.length - endpointsAt;
  for (let i = 0; i < 4; i++) parts[sizesAt + i] = (bytes >> (8 * i)) & 255;
  return Buffer.concat([
    Buffer.from(parts),
    news.records,
    Buffer.alloc(later.behind ?? 0, STRANGE),
  ]);
}

export function readNews(message: Uint8Array): PlainNews {
  const view = new DataView(message.buffer, message.byteOffset, message.byteLength);
  const text = (from: number, to: number): string =>
    new TextDecoder().decode(message.subarray(from, to));
  const hex = (from: number): string =>
    view.getBigUint64(from, false).toString(16).padStart(16, "0");
  if (text(0, 4) !== "WRG1") throw new Error(`begins with ${text(0, 4)}`);
  const nameAt = view.getUint16(4, true);
  const nameBytes = view.getUint8(7);
  const endpoints: PlainNews["endpoints"] = [];
  let at = nameAt + Math.ceil(nameBytes / 4) * 4;
  const recordsAt = at + view.getUint32(52, true);
  for (; at < recordsAt; at += view.getUint16(at, true)) {
    const u32 = (offset: number): number => view.getUint32(at + offset, true);
    const address = text(at + 25, at + 25 + view.getUint8(at + 24));
    endpoints.push([view.getUint16(at + 2, true), address, u32(8), u32(12), u32(16), u32(20)]);
  }
  if (endpoints.length !== view.getUint32(48, true)) throw new Error("another count of endpoints");
  const end = recordsAt + view.getUint32(56, true);
  return {
    node: hex(8),
    gateway: hex(16),
    name: text(nameAt, nameAt + nameBytes),
    keyId: view.getBigUint64(24, true),
    madeAtUnixMs: view.getFloat64(32, true),
    sequence: view.getBigUint64(40, true),
    isWhole: (view.getUint8(6) & 1) === 1,
    endpoints,
    records: Buffer.from(message.subarray(recordsAt, end)),
  };
}
