// CPU time that a process has used, as exactly as the kernel tells it.
import { readdirSync, readFileSync } from "node:fs";

/** Linux counts /proc/PID/stat in hundredths of a second on every machine we know of. */
const TICK_MS = 10;

/** User and system time of all threads of a process so far, ms. */
export function cpuMs(pid: number): number {
  return scheduledMs(pid) ?? tickMs(pid);
}

/** Nanosecond counts of each thread; null where the kernel was built without them. */
function scheduledMs(pid: number): number | null {
  let totalNs = 0;
  for (const thread of readdirSync(`/proc/${pid}/task`)) {
    try {
      const text = readFileSync(`/proc/${pid}/task/${thread}/schedstat`, "utf8");
      totalNs += Number(text.split(" ")[0]);
    } catch {
      return null;
    }
  }
  return totalNs > 0 ? totalNs / 1e6 : null;
}

function tickMs(pid: number): number {
  const text = readFileSync(`/proc/${pid}/stat`, "utf8");
  // The command's name, in parentheses, may hold anything.
  const fields = text.slice(text.lastIndexOf(")") + 2).split(" ");
  return (Number(fields[11]) + Number(fields[12])) * TICK_MS;
}
