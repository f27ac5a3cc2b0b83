// Times between tries: they double up to a limit, and are spread so that many do not try at once.
import type { Clock } from "../../clock.js";

export class Backoff {
  private tries = 0;

  constructor(
    private readonly clock: Clock,
    private readonly firstMs: number,
    private readonly maxMs: number,
  ) {}

  reset(): void {
    this.tries = 0;
  }

  /** Milliseconds until the next try: between half of the full time and all of it. */
  nextMs(): number {
    const fullMs = Math.min(this.maxMs, this.firstMs * 2 ** Math.min(this.tries, 30));
    this.tries++;
    return fullMs * (0.5 + this.clock.random() / 2);
  }
}
