// Chance with a seed, and text made of it.
import { randomFrom } from "../../../../lab/random.js";

export { randomFrom };

/** ASCII words, exactly `bytes` long; another seed shares no start. */
export function textOf(seed: number, bytes: number): string {
  const random = randomFrom(seed * 7919 + 1);
  let text = "";
  while (text.length < bytes) text += `${Math.floor(random() * 36 ** 6).toString(36)} `;
  return text.slice(0, bytes);
}
