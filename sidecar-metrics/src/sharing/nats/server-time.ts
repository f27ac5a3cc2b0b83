// Times of the server, as it writes them; our own clock has no part in them.

/** The time `seconds` before a time that the server gave. */
export function secondsBefore(serverTime: string, seconds: number): string {
  // Whole milliseconds, rounded down by the parser, so that nothing is left out.
  return new Date(Date.parse(serverTime) - seconds * 1000).toISOString();
}
