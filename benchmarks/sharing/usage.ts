// CPU time of the components of a world, and how busy the whole machine was.
import { readFileSync } from "node:fs";
import { cpuMs } from "../envoy/cpu.js";
import type { World } from "./world.js";

/** CPU time of all processes of a kind, ms. */
export interface ComponentMs {
  envoy: number;
  sidecar: number;
  nats: number;
  pods: number;
}

export interface Usage extends ComponentMs {
  /** Wall-clock time that it is about, ms. */
  spanMs: number;
  /** Share of all cores that were busy, whoever used them, 0 to 1. */
  busyShare: number;
}

/** Starts to count; the function that it returns tells what was used since. */
export function meter(world: World): () => Usage {
  const before = { parts: componentsOf(world), cpus: cpuTicks(), atMs: performance.now() };
  return () => {
    const parts = componentsOf(world);
    const cpus = cpuTicks();
    const busyTicks = cpus.busy - before.cpus.busy;
    return {
      envoy: parts.envoy - before.parts.envoy,
      sidecar: parts.sidecar - before.parts.sidecar,
      nats: parts.nats - before.parts.nats,
      pods: parts.pods - before.parts.pods,
      spanMs: performance.now() - before.atMs,
      busyShare: busyTicks / Math.max(1, cpus.all - before.cpus.all),
    };
  };
}

function componentsOf(world: World): ComponentMs {
  const sum = (pids: number[]): number => pids.reduce((total, pid) => total + cpuMs(pid), 0);
  return {
    envoy: sum(world.gateways.map((one) => one.envoy.pid)),
    sidecar: sum(world.gateways.map((one) => one.sidecar.child.pid)),
    nats: sum([world.nats?.pid ?? []].flat()),
    pods: sum([world.pods.pid]),
  };
}

/** Of all cores, from the first line of /proc/stat: user nice system idle iowait irq softirq. */
function cpuTicks(): { busy: number; all: number } {
  const first = readFileSync("/proc/stat", "utf8").split("\n", 1)[0] ?? "";
  const ticks = first.split(/\s+/).slice(1, 9).map(Number);
  const all = ticks.reduce((sum, one) => sum + one, 0);
  return { busy: all - (ticks[3] ?? 0) - (ticks[4] ?? 0), all };
}
