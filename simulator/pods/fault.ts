// Reads the body of POST /_fault, which makes a pod misbehave on purpose.
import type { Fault } from "./pod-options.js";

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
  for (const key of ["hang", "metricsHang"] as const) {
    if (given[key] !== undefined) fault[key] = given[key] === true;
  }
  if (given["resetAfterTokens"] !== undefined) {
    if (!isWhole(given["resetAfterTokens"], 0, 1_000_000)) return null;
    fault.resetAfterTokens = given["resetAfterTokens"];
  }
  return fault;
}

function isWhole(value: unknown, low: number, high: number): value is number {
  return Number.isInteger(value) && (value as number) >= low && (value as number) <= high;
}
