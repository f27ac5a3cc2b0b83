// Simulated pods in one process, on consecutive ports, that can be replaced by fresh ones.
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { PlainError, type FailureWatch } from "./failure.js";
import { LOOPBACK, requireFree } from "./ports.js";
import { start, type Child } from "./processes.js";

const PORT_MIN = 18_000;
const PORT_MAX = 19_000;
const PODS_MAIN = fileURLToPath(new URL("../simulator/pods/main.js", import.meta.url));

export interface PodsOptions {
  count: number;
  /** Further arguments of the pods' command line. */
  args: string[];
  folder: string;
  watch: FailureWatch;
}

/** Pods that stay at their addresses while their process changes. */
export class SimulatedPods {
  private constructor(
    private readonly options: PodsOptions,
    private readonly firstPort: number,
    private child: Child,
  ) {}

  static async start(options: PodsOptions): Promise<SimulatedPods> {
    const firstPort = await firstFreePort(options.count);
    return new SimulatedPods(options, firstPort, await startProcess(options, firstPort));
  }

  /** `ip:port` each. */
  get addresses(): string[] {
    return Array.from(
      { length: this.options.count },
      (_, n) => `${LOOPBACK}:${this.firstPort + n}`,
    );
  }

  get pid(): number {
    return this.child.pid;
  }

  /** A new process on the same addresses, its caches empty as after a rollout. */
  async replace(): Promise<void> {
    await this.stop();
    this.child = await startProcess(this.options, this.firstPort);
  }

  async stop(): Promise<void> {
    this.options.watch.expectEnd(this.child);
    await this.child.stop();
  }
}

/**
 * Pods listen on consecutive ports below those that the kernel gives to outgoing connections, so
 * that none is lost while pods are replaced.
 */
async function firstFreePort(count: number): Promise<number> {
  for (let port = PORT_MIN; port + count <= PORT_MAX; port += count) {
    const all = Array.from({ length: count }, (_, n) => requireFree(port + n));
    const isFree = (await Promise.allSettled(all)).every((one) => one.status === "fulfilled");
    if (isFree) return port;
  }
  throw new PlainError(`no ${count} free ports from ${PORT_MIN} to ${PORT_MAX}`);
}

async function startProcess(options: PodsOptions, firstPort: number): Promise<Child> {
  const { count, args, folder, watch } = options;
  const where = ["--host", LOOPBACK, "--port", String(firstPort), "--count", String(count)];
  const child = await start({
    name: "pods",
    command: process.execPath,
    args: [PODS_MAIN, ...where, ...args],
    logPath: join(folder, "pods.log"),
    // We may be killed while they start.
    onSpawn: (starting) => watch.guard(starting),
    // They start in turn, so the last one tells for all.
    readyUrl: `http://${LOOPBACK}:${firstPort + count - 1}/health`,
  });
  return watch.watch(child);
}
