// The guard's process: reads pids from its input and kills those left when the input ends.
import { createInterface } from "node:readline";

const pids = new Set<number>();

// Ctrl-C in a terminal goes to the whole group; the guard has to see the others end first.
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.on(signal, () => undefined);

createInterface({ input: process.stdin })
  .on("line", (line) => {
    const pid = Number(line.slice(1));
    if (line.startsWith("+")) pids.add(pid);
    else pids.delete(pid);
  })
  .on("close", () => {
    for (const pid of pids) kill(pid);
    process.exit(0);
  });

function kill(pid: number): void {
  try {
    process.kill(pid, "SIGKILL");
  } catch {
    // It ended in this moment.
  }
}
