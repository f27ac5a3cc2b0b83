// How much memory a process has, as Linux tells it.
import { readFileSync } from "node:fs";

/** Resident memory in MiB; NaN for a process that has ended and is not yet collected. */
export function residentMiB(pid: number): number {
  const line = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"));
  return Number(line?.[1]) / 1024;
}
