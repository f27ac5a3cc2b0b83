// A simulated pod that is a process of its own: it can be killed, stopped and started again.
import { fileURLToPath } from "node:url";
import { LOOPBACK, requireFree } from "../../../lab/ports.js";
import { start, type Child } from "../../../lab/processes.js";
import type { Fault } from "../../../simulator/pods/pod-options.js";

const PODS_MAIN = fileURLToPath(new URL("../../../simulator/pods/main.js", import.meta.url));
/** Below the ports of outgoing connections, so that none takes one while its pod is down. */
const PORT_MIN = 20_000;
const PORT_MAX = 32_000;
const PORT_TRIES_MAX = 100;
const FAULT_TIMEOUT_MS = 5_000;
/**
 * An engine that is quick enough for hundreds of short answers a second on a small machine: 40 µs
 * for a prompt token, 3 ms for a step.
 */
const QUICK = ["--step-ms", "3", "--prefill-us-per-token", "40", "--sequence-us", "20"];

export class PodProcess {
  private constructor(
    readonly name: string,
    readonly port: number,
    private readonly args: readonly string[],
    private child: Child,
  ) {}

  /** `args` go to the pod's command line, after those of a quick engine. */
  static async start(name: string, args: readonly string[] = []): Promise<PodProcess> {
    const port = await freePodPort();
    return new PodProcess(name, port, args, await startPod(name, port, args));
  }

  get address(): string {
    return `${LOOPBACK}:${this.port}`;
  }

  /** Misbehaves so from now on; `{}` for no more. Whatever it was is replaced. */
  async fault(fault: Fault): Promise<void> {
    const response = await fetch(`http://${this.address}/_fault`, {
      method: "POST",
      body: JSON.stringify(fault),
      signal: AbortSignal.timeout(FAULT_TIMEOUT_MS),
    });
    const text = await response.text();
    if (response.status !== 200) throw new Error(`${this.name} takes no such fault: ${text}`);
  }

  /** SIGKILL: the kernel resets its connections, and refuses new ones. */
  async kill(): Promise<void> {
    this.child.signal("SIGKILL");
    await this.child.ended();
  }

  /** SIGSTOP: the kernel goes on to accept connections, and nobody answers on them. */
  pause(): void {
    this.child.signal("SIGSTOP");
  }

  resume(): void {
    this.child.signal("SIGCONT");
  }

  /** A new process on the same address, its cache empty; the one before is killed if it runs. */
  async restart(): Promise<void> {
    await this.kill();
    this.child = await startPod(this.name, this.port, this.args);
  }

  async stop(): Promise<void> {
    // One that is stopped does not hear SIGTERM.
    await this.kill();
  }
}

function startPod(name: string, port: number, args: readonly string[]): Promise<Child> {
  const where = ["--host", LOOPBACK, "--port", String(port), "--name", name];
  return start({
    name,
    command: process.execPath,
    args: [PODS_MAIN, ...where, ...QUICK, "--prompt-tokens-details", ...args],
    readyUrl: `http://${LOOPBACK}:${port}/health`,
  });
}

async function freePodPort(): Promise<number> {
  let last: unknown;
  for (let i = 0; i < PORT_TRIES_MAX; i++) {
    const port = PORT_MIN + Math.floor(Math.random() * (PORT_MAX - PORT_MIN));
    try {
      await requireFree(port);
      return port;
    } catch (error) {
      last = error;
    }
  }
  throw new Error(`no free port from ${PORT_MIN} to ${PORT_MAX}: ${String(last)}`);
}
