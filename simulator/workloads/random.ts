// A small seeded generator (xoshiro128**), so that a workload is the same on every run of a seed.

const UINT32_RANGE = 0x1_0000_0000;
/** Draws thrown away after seeding, so that near seeds part at once. */
const WARM_UP_DRAWS = 8;

/** The four words of the generator's state; not all may be 0. */
export type RandomState = [number, number, number, number];

/** xoshiro128** by Blackman and Vigna: 32 bits a draw, whole in 32-bit integer arithmetic. */
export class Random {
  readonly #state: Uint32Array;

  constructor(state: RandomState) {
    this.#state = Uint32Array.from(state);
  }

  /** A generator of its own for each combination of the parts, such as (seed, phase, chat). */
  static from(...parts: number[]): Random {
    const state = new Uint32Array([0x9e3779b9, 0x243f6a88, 0xb7e15162, 0xdeadbeef]);
    for (const [index, part] of parts.entries()) {
      const slot = index % 4;
      state[slot] = mix32(state[slot]! ^ mix32(part + index));
      for (let i = 0; i < 4; i++) state[i] = mix32(state[i]! + state[(i + 3) % 4]!);
    }
    const random = new Random([state[0]! | 1, state[1]!, state[2]!, state[3]!]);
    for (let i = 0; i < WARM_UP_DRAWS; i++) random.uint32();
    return random;
  }

  /** The next 32 bits. */
  uint32(): number {
    const s = this.#state;
    const result = Math.imul(rotl(Math.imul(s[1]!, 5), 7), 9) >>> 0;
    const t = s[1]! << 9;
    s[2]! ^= s[0]!;
    s[3]! ^= s[1]!;
    s[1]! ^= s[2]!;
    s[0]! ^= s[3]!;
    s[2]! ^= t;
    s[3] = rotl(s[3]!, 11);
    return result;
  }

  /** Uniform in [0, 1). */
  unit(): number {
    return this.uint32() / UINT32_RANGE;
  }

  /** A whole number, uniform in [min, max]. */
  integer(min: number, max: number): number {
    return min + Math.floor(this.unit() * (max - min + 1));
  }

  /** Exponential with the given mean; the gaps of Poisson arrivals. Never clipped. */
  exponential(mean: number): number {
    return -mean * Math.log(1 - this.unit());
  }
}

/** Cumulative shares of `count` items whose popularity falls as 1 / (v + rank)^s. */
export function zipfShares(count: number, s: number, v: number): Float64Array {
  const shares = new Float64Array(count);
  let sum = 0;
  for (let rank = 0; rank < count; rank++) shares[rank] = sum += (v + rank) ** -s;
  for (let rank = 0; rank < count; rank++) shares[rank]! /= sum;
  return shares;
}

/** Draws an index by its cumulative shares. */
export function drawShare(random: Random, shares: Float64Array): number {
  const u = random.unit();
  const index = shares.findIndex((share) => u < share);
  return index < 0 ? shares.length - 1 : index;
}

function rotl(x: number, bits: number): number {
  return (x << bits) | (x >>> (32 - bits));
}

/** The 32-bit finaliser of MurmurHash3: every input bit moves every output bit. */
function mix32(value: number): number {
  let h = value | 0;
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
  return (h ^ (h >>> 16)) >>> 0;
}
