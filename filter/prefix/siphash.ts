// SipHash-1-3 with a 128-bit key, over bytes that come in pieces.
// (Aumasson and Bernstein, "SipHash: a fast short-input PRF"; 1-3 as in Rust and Python.)

const V0: u64 = 0x736f6d6570736575;
const V1: u64 = 0x646f72616e646f6d;
const V2: u64 = 0x6c7967656e657261;
const V3: u64 = 0x7465646279746573;

/** A hash in progress. How the input was cut into updates does not matter. */
@unmanaged
export class SipState {
  private v0: u64;
  private v1: u64;
  private v2: u64;
  private v3: u64;
  /** The bytes after the last whole word, lowest first; zero above. */
  private tail: u64;
  /** Bytes taken so far; SipHash uses them modulo 256. */
  private taken: u32;

  /** Starts a hash under the key (k0, k1), the two little-endian halves of the 16 bytes. */
  reset(k0: u64, k1: u64): void {
    this.v0 = k0 ^ V0;
    this.v1 = k1 ^ V1;
    this.v2 = k0 ^ V2;
    this.v3 = k1 ^ V3;
    this.tail = 0;
    this.taken = 0;
  }

  /** Takes `n` bytes at `p`. */
  update(p: usize, n: u32): void {
    const kept = this.taken & 7;
    const shift = (<u64>kept) << 3;
    this.taken += n;
    if (kept + n < 8) {
      this.tail |= partialWord(p, n) << shift;
      return;
    }
    if (kept != 0) {
      const missing = 8 - kept;
      this.word(this.tail | (partialWord(p, missing) << shift));
      p += missing;
      n -= missing;
    }
    const end = p + (n & ~7);
    this.words(p, end);
    this.tail = partialWord(end, n & 7);
  }

  /** Takes one byte. */
  updateU8(byte: u32): void {
    this.low(<u64>(byte & 0xff), 1);
  }

  /** Takes four bytes, lowest first. */
  updateU32(value: u32): void {
    this.low(value, 4);
  }

  /** Takes eight bytes, lowest first. */
  updateU64(value: u64): void {
    const shift = ((<u64>this.taken) & 7) << 3;
    this.taken += 8;
    this.word(this.tail | (value << shift));
    this.tail = shift == 0 ? 0 : value >> (64 - shift);
  }

  /** The hash of what was taken so far; the state goes on as if it had not been asked. */
  digest(): u64 {
    return finish(
      this.v0,
      this.v1,
      this.v2,
      this.v3,
      this.tail | ((<u64>(this.taken & 0xff)) << 56),
    );
  }

  /** Takes the `n` lowest bytes of `value`, which has none above; n < 8. */
  private low(value: u64, n: u32): void {
    const kept = this.taken & 7;
    const shift = (<u64>kept) << 3;
    this.taken += n;
    const tail = this.tail | (value << shift);
    if (kept + n < 8) {
      this.tail = tail;
      return;
    }
    this.word(tail);
    // With kept = 0 this is not reached: n < 8.
    this.tail = value >> (64 - shift);
  }

  private word(m: u64): void {
    let v0 = this.v0;
    let v1 = this.v1;
    let v2 = this.v2;
    let v3 = this.v3 ^ m;
    v0 += v1;
    v1 = rotl(v1, 13) ^ v0;
    v0 = rotl(v0, 32);
    v2 += v3;
    v3 = rotl(v3, 16) ^ v2;
    v0 += v3;
    v3 = rotl(v3, 21) ^ v0;
    v2 += v1;
    v1 = rotl(v1, 17) ^ v2;
    v2 = rotl(v2, 32);
    this.v0 = v0 ^ m;
    this.v1 = v1;
    this.v2 = v2;
    this.v3 = v3;
  }

  /** The rounds are written out: with the state in locals they take 0.2 ns a byte, else double. */
  private words(p: usize, end: usize): void {
    let v0 = this.v0;
    let v1 = this.v1;
    let v2 = this.v2;
    let v3 = this.v3;
    for (; p < end; p += 8) {
      const m = load<u64>(p);
      v3 ^= m;
      v0 += v1;
      v1 = rotl(v1, 13) ^ v0;
      v0 = rotl(v0, 32);
      v2 += v3;
      v3 = rotl(v3, 16) ^ v2;
      v0 += v3;
      v3 = rotl(v3, 21) ^ v0;
      v2 += v1;
      v1 = rotl(v1, 17) ^ v2;
      v2 = rotl(v2, 32);
      v0 ^= m;
    }
    this.v0 = v0;
    this.v1 = v1;
    this.v2 = v2;
    this.v3 = v3;
  }
}

/** The hash of the 16 bytes of `a` then `b` under the key: a pseudo-random function of a pair. */
export function mix(k0: u64, k1: u64, a: u64, b: u64): u64 {
  let v0 = k0 ^ V0;
  let v1 = k1 ^ V1;
  let v2 = k0 ^ V2;
  let v3 = k1 ^ V3;
  let m = a;
  for (let word = 0; word < 2; word++) {
    v3 ^= m;
    v0 += v1;
    v1 = rotl(v1, 13) ^ v0;
    v0 = rotl(v0, 32);
    v2 += v3;
    v3 = rotl(v3, 16) ^ v2;
    v0 += v3;
    v3 = rotl(v3, 21) ^ v0;
    v2 += v1;
    v1 = rotl(v1, 17) ^ v2;
    v2 = rotl(v2, 32);
    v0 ^= m;
    m = b;
  }
  return finish(v0, v1, v2, v3, PAIR_LENGTH);
}

/** The last word of a hash of 16 bytes: none left over, and their number in the top byte. */
const PAIR_LENGTH: u64 = 16 << 56;

/** Takes the last word and the closing rounds. */
function finish(v0: u64, v1: u64, v2: u64, v3: u64, m: u64): u64 {
  v3 ^= m;
  for (let round = 0; round < 4; round++) {
    v0 += v1;
    v1 = rotl(v1, 13) ^ v0;
    v0 = rotl(v0, 32);
    v2 += v3;
    v3 = rotl(v3, 16) ^ v2;
    v0 += v3;
    v3 = rotl(v3, 21) ^ v0;
    v2 += v1;
    v1 = rotl(v1, 17) ^ v2;
    v2 = rotl(v2, 32);
    if (round == 0) {
      v0 ^= m;
      v2 ^= 0xff;
    }
  }
  return v0 ^ v1 ^ v2 ^ v3;
}

/** The `n` < 8 bytes at `p`, lowest first. Reads none beyond them: they may end the memory. */
function partialWord(p: usize, n: u32): u64 {
  if (n >= 4) return load<u32>(p) | ((<u64>load<u32>(p + n - 4)) << ((<u64>n - 4) << 3));
  if (n == 0) return 0;
  // One to three bytes: first, middle and last, which may be the same.
  const middle = n >> 1;
  return (
    (<u64>load<u8>(p)) |
    ((<u64>load<u8>(p + middle)) << ((<u64>middle) << 3)) |
    ((<u64>load<u8>(p + n - 1)) << ((<u64>n - 1) << 3))
  );
}
