// Addresses of endpoints: an IP and a port, spelled the one way in which Envoy spells them.
import { isIPv4, isIPv6 } from "node:net";

export const ADDRESS_ALLOWED =
  "an IP and a port, as 10.0.0.7:8000 or [fd00::7]:8000 (Envoy takes no host name here)";

/** The address in Envoy's spelling, or null when it is none. */
export function normalizeAddress(text: string): string | null {
  const match = /^(?:\[([0-9a-fA-F:.]+)\]|([0-9.]+)):([1-9]\d{0,4})$/.exec(text);
  if (match === null || Number(match[3]) > 65_535) return null;
  const [, v6, v4, port] = match;
  if (v4 !== undefined) return isIPv4(v4) ? text : null;
  if (v6 === undefined || !isIPv6(v6)) return null;
  // The URL parser writes IPv6 in its canonical short form, as Envoy does.
  return `${new URL(`http://[${v6}]`).hostname}:${port}`;
}
