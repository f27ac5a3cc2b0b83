// Chance with a seed, and text made of it.

/** Mulberry32: numbers from 0 to less than 1. */
export function randomFrom(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296;
  };
}

/** ASCII words, exactly `bytes` long; another seed shares no start. */
export function textOf(seed: number, bytes: number): string {
  const random = randomFrom(seed * 7919 + 1);
  let text = "";
  while (text.length < bytes) text += `${Math.floor(random() * 36 ** 6).toString(36)} `;
  return text.slice(0, bytes);
}
