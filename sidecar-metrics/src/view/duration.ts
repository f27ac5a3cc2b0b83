// A time as people read it.

export function duration(ms: number | null): string {
  if (ms === null) return "–";
  // Clocks of two machines may differ, so a lag can be less than nothing.
  if (Math.abs(ms) < 1_000) return `${Math.round(ms)} ms`;
  if (Math.abs(ms) < 120_000) return `${(ms / 1_000).toFixed(1)} s`;
  return ms < 7_200_000 ? `${Math.round(ms / 60_000)} min` : `${Math.round(ms / 3_600_000)} h`;
}
