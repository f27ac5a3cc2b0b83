// SipHash-1-3 (Aumasson and Bernstein) for the reference reading: 64-bit words as pairs of 32 bits,
// for BigInt would be a hundred times slower.

/** The result of the last call: the two halves of the hash. */
export const out = { lo: 0, hi: 0 };

let k0lo = 0;
let k0hi = 0;
let k1lo = 0;
let k1hi = 0;

/** The key of all that follows, 16 bytes. */
export function setKey(key: Uint8Array): void {
  const view = new DataView(key.buffer, key.byteOffset, 16);
  k0lo = view.getInt32(0, true);
  k0hi = view.getInt32(4, true);
  k1lo = view.getInt32(8, true);
  k1hi = view.getInt32(12, true);
}

/** v0 to v3, low half first, of the hash in progress. */
const v = new Int32Array(8);
const saved = new Int32Array(8);

function start(): void {
  v[0] = k0lo ^ 0x70736575;
  v[1] = k0hi ^ 0x736f6d65;
  v[2] = k1lo ^ 0x6e646f6d;
  v[3] = k1hi ^ 0x646f7261;
  v[4] = k0lo ^ 0x6e657261;
  v[5] = k0hi ^ 0x6c796765;
  v[6] = k1lo ^ 0x79746573;
  v[7] = k1hi ^ 0x74656462;
}

/** One word and its one round. */
function word(mlo: number, mhi: number): void {
  v[6]! ^= mlo;
  v[7]! ^= mhi;
  round();
  v[0]! ^= mlo;
  v[1]! ^= mhi;
}

function round(): void {
  let a = v[0]!;
  let b = v[1]!;
  let c = v[2]!;
  let d = v[3]!;
  let e = v[4]!;
  let f = v[5]!;
  let g = v[6]!;
  let h = v[7]!;
  let t = (a + c) | 0;
  b = (b + d + (t >>> 0 < a >>> 0 ? 1 : 0)) | 0;
  a = t;
  t = (c << 13) | (d >>> 19);
  d = (d << 13) | (c >>> 19);
  c = t ^ a;
  d ^= b;
  t = a;
  a = b;
  b = t;
  t = (e + g) | 0;
  f = (f + h + (t >>> 0 < e >>> 0 ? 1 : 0)) | 0;
  e = t;
  t = (g << 16) | (h >>> 16);
  h = (h << 16) | (g >>> 16);
  g = t ^ e;
  h ^= f;
  t = (a + g) | 0;
  b = (b + h + (t >>> 0 < a >>> 0 ? 1 : 0)) | 0;
  a = t;
  t = (g << 21) | (h >>> 11);
  h = (h << 21) | (g >>> 11);
  g = t ^ a;
  h ^= b;
  t = (e + c) | 0;
  f = (f + d + (t >>> 0 < e >>> 0 ? 1 : 0)) | 0;
  e = t;
  t = (c << 17) | (d >>> 15);
  d = (d << 17) | (c >>> 15);
  c = t ^ e;
  d ^= f;
  v[0] = a;
  v[1] = b;
  v[2] = c;
  v[3] = d;
  v[4] = f;
  v[5] = e;
  v[6] = g;
  v[7] = h;
}

/** Closes a hash of `length` bytes of which those from `at` to `end` are not yet taken. */
function finish(bytes: Uint8Array, at: number, end: number, length: number): void {
  let lo = 0;
  let hi = (length & 0xff) << 24;
  for (let i = at; i < end; i++) {
    const shift = (i - at) * 8;
    if (shift < 32) lo |= bytes[i]! << shift;
    else hi |= bytes[i]! << (shift - 32);
  }
  word(lo, hi);
  v[4]! ^= 0xff;
  round();
  round();
  round();
  out.lo = v[0]! ^ v[2]! ^ v[4]! ^ v[6]!;
  out.hi = v[1]! ^ v[3]! ^ v[5]! ^ v[7]!;
}

/**
 * Hashes the first `end` bytes. At each of the growing offsets in `marks` (the first `markCount`)
 * `onMark` is called with the hash up to there in `out`; at the end it is in `out` again.
 */
export function hashBytes(
  bytes: Uint8Array,
  end: number,
  marks: readonly number[] = [],
  onMark: (index: number) => void = () => undefined,
): void {
  start();
  let at = 0;
  for (let index = 0; index <= marks.length; index++) {
    const stop = index < marks.length ? marks[index]! : end;
    for (; at + 8 <= stop; at += 8) {
      word(
        bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16) | (bytes[at + 3]! << 24),
        bytes[at + 4]! | (bytes[at + 5]! << 8) | (bytes[at + 6]! << 16) | (bytes[at + 7]! << 24),
      );
    }
    saved.set(v);
    finish(bytes, at, stop, stop);
    v.set(saved);
    if (index < marks.length) onMark(index);
  }
}

/** The hash of two hashes, as of their 16 bytes. */
export function mix(alo: number, ahi: number, blo: number, bhi: number): void {
  start();
  word(alo, ahi);
  word(blo, bhi);
  finish(NONE, 0, 0, 16);
}

const NONE = new Uint8Array(0);
