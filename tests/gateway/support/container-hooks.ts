// The hooks and probes of a container: its preStop, by HTTP or as a command inside, and its ports.
import { start, type Child } from "../../../lab/processes.js";
import type { Container, Images } from "./pod-spec.js";

export interface PreStopOptions {
  container: Container;
  /** Of the container's process. */
  pid: number;
  address: string;
  images: Images;
  /** How long it may take. */
  graceMs: number;
}

export interface PreStop {
  /** What runs inside the container; null where the hook is a request, or none. */
  command: Child | null;
  ended: Promise<unknown>;
}

/** Begins the preStop of a container. One that fails delays nothing: the kubelet goes on. */
export async function startPreStop(options: PreStopOptions): Promise<PreStop> {
  const { container, pid, address, images, graceMs } = options;
  const { httpGet, exec } = container.lifecycle?.preStop ?? {};
  if (httpGet !== undefined) {
    const url = `http://${address}:${portOf(container, httpGet.port)}${httpGet.path ?? "/"}`;
    const asked = fetch(url, { signal: AbortSignal.timeout(graceMs) }).catch(() => undefined);
    return { command: null, ended: asked };
  }
  if (exec === undefined) return { command: null, ended: Promise.resolve() };
  const [program = "", ...rest] = exec.command;
  const inside = ["-t", String(pid), "-n", "-m", `--root=/proc/${pid}/root`];
  const command = await start({
    name: `preStop of ${container.name}`,
    command: "nsenter",
    args: [...inside, ...images(container.image, program), ...rest],
  });
  return { command, ended: command.ended() };
}

/** The number of a port that may be named. */
export function portOf(container: Container, port: number | string): number {
  if (typeof port === "number") return port;
  const named = container.ports?.find((one) => one.name === port)?.containerPort;
  if (named === undefined) throw new Error(`${container.name} has no port named ${port}`);
  return named;
}

/** Whether an HTTP probe passes. */
export async function answers(url: string): Promise<boolean> {
  try {
    const response = await fetch(url, { signal: AbortSignal.timeout(1_000) });
    await response.arrayBuffer();
    return response.status < 400;
  } catch {
    return false;
  }
}
