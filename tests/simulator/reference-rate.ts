// How many bytes of text make a token, as the pods' answers teach it.

/** What a sum keeps with each answer. */
const FADE = 0.99;
/** Believed before any answer, and how many tokens that weighs. */
const START = 4;
const PRIOR_TOKENS = 2000;

export class ReferenceRate {
  bytesPerToken = START;
  private bytes = 0;
  private tokens = 0;

  /** A prompt of so many bytes had so many tokens; short ones say little. */
  learn(bytes: number, tokens: number): void {
    if (bytes < 64 || tokens < 16) return;
    this.bytes = this.bytes * FADE + bytes;
    this.tokens = this.tokens * FADE + tokens;
    const ratio = (this.bytes + PRIOR_TOKENS * START) / (this.tokens + PRIOR_TOKENS);
    this.bytesPerToken = Math.min(Math.max(ratio, 0.5), 16);
  }
}
