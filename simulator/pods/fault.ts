// Reads the body of POST /_fault, which makes a pod misbehave on purpose.
import type { Fault } from "./pod-options.js";

/** A step of a pod that is slower than that does not end within a test. */
const SLOWDOWN_MAX = 1000;

/** The fault that the JSON describes, `{}` for none; null when it is not one. */
export function parseFault(text: string): Fault | null {
  let body: unknown;
  try {
    body = JSON.parse(text === "" ? "{}" : text);
  } catch {
    return null;
  }
  if (typeof body !== "object" || body === null || Array.isArray(body)) return null;
  const given = body as Record<string, unknown>;
  const fault: Fault = {};
  for (const key of ["status", "metricsStatus"] as const) {
    const value = given[key];
    if (value === undefined) continue;
    if (!isWhole(value, 200, 599)) return null;
    fault[key] = value;
  }
  for (const key of ["hang", "reset", "stall", "metricsHang"] as const) {
    if (given[key] !== undefined) fault[key] = given[key] === true;
  }
  const { marker, slowdown, metricsText } = given;
  if (metricsText !== undefined) {
    if (typeof metricsText !== "string") return null;
    fault.metricsText = metricsText;
  }
  if (marker !== undefined) {
    if (typeof marker !== "string" || marker === "") return null;
    fault.marker = marker;
  }
  if (slowdown !== undefined) {
    if (!(typeof slowdown === "number" && slowdown >= 1 && slowdown <= SLOWDOWN_MAX)) return null;
    fault.slowdown = slowdown;
  }
  if (given["resetAfterTokens"] !== undefined) {
    if (!isWhole(given["resetAfterTokens"], 0, 1_000_000)) return null;
    fault.resetAfterTokens = given["resetAfterTokens"];
  }
  return fault;
}

/** Whether a request with this body meets what the fault does to requests. */
export function isMet(fault: Fault, body: string): boolean {
  return fault.marker === undefined || body.includes(fault.marker);
}

function isWhole(value: unknown, low: number, high: number): value is number {
  return Number.isInteger(value) && (value as number) >= low && (value as number) <= high;
}
