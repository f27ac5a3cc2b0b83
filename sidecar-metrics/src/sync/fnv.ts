// FNV-1a over 32-bit words: tells changed bytes in tables and sections, not forged ones.

const BASIS = 2_166_136_261;
const PRIME = 16_777_619;

/** The hash of the words from index `from` on. */
export function hashWords(words: Uint32Array, from: number): number {
  let hash = BASIS;
  // The words have the machine's byte order: little-endian wherever images are built for.
  for (let i = from; i < words.length; i++) {
    hash = Math.imul(hash ^ (words[i] as number), PRIME);
  }
  return hash >>> 0;
}
