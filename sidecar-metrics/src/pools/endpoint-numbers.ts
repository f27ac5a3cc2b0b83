// Gives each endpoint a small number that stays its own, and stays unused for a while after it.

/** Records name endpoints by number for 5 minutes (docs/table-format.md); twice that is safe. */
export const REUSE_AFTER_MS = 10 * 60_000;
/** The width of the filter's bitmaps. */
export const ENDPOINTS_MAX = 1_024;

export class EndpointNumbers {
  private readonly taken = new Map<string, number>();
  private readonly resting = new Map<string, { number: number; freedAtMs: number }>();
  private readonly used = new Map<number, string>();

  /** The address's number: its former one if it was here lately. Null when all are taken. */
  take(address: string, nowMs: number): number | null {
    this.forgetOld(nowMs);
    const known = this.taken.get(address) ?? this.resting.get(address)?.number;
    const number = known ?? this.lowestFree();
    if (number === null) return null;
    this.resting.delete(address);
    this.taken.set(address, number);
    this.used.set(number, address);
    return number;
  }

  /** The address that has the number, or had it and may have it again; null: it is free. */
  addressOf(number: number): string | null {
    return this.used.get(number) ?? null;
  }

  /** Null for an address that has none now. */
  numberOf(address: string): number | null {
    return this.taken.get(address) ?? null;
  }

  release(address: string, nowMs: number): void {
    const number = this.taken.get(address);
    if (number === undefined) return;
    this.taken.delete(address);
    this.resting.set(address, { number, freedAtMs: nowMs });
  }

  /** Addresses whose numbers are free for others from now on. */
  forgetOld(nowMs: number): string[] {
    const forgotten: string[] = [];
    for (const [address, { number, freedAtMs }] of this.resting) {
      if (nowMs - freedAtMs < REUSE_AFTER_MS) continue;
      this.resting.delete(address);
      this.used.delete(number);
      forgotten.push(address);
    }
    return forgotten;
  }

  private lowestFree(): number | null {
    for (let number = 0; number < ENDPOINTS_MAX; number++) {
      if (!this.used.has(number)) return number;
    }
    return null;
  }
}
