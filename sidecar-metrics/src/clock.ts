// Time and chance as the sidecar sees them: handed in, so that tests can set them.

export interface Clock {
  /** Monotonic milliseconds: every age and deadline is counted on this one. */
  nowMs(): number;
  /** Unix milliseconds: shown to people, never compared with another clock. */
  unixMs(): number;
  /** Evenly spread in 0 <= x < 1. */
  random(): number;
}
