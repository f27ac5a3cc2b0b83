// What a stack holds while nothing is on its way: memory, requests in flight, pods that are out.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { residentMiB } from "../../../lab/resident-memory.js";
import { msUntilIdle, reasonsOf, sumOf } from "../../faults/support/observe.js";
import type { Stack } from "../../faults/support/stack.js";

/** How Envoy logs a VM that trapped, and its own end; a refused configuration is none of them. */
const TRAP = /failed: Uncaught|RuntimeError|Segmentation fault|assert failure|panic:/i;
/** The last report of the filter, and what the allocator gives back by itself. */
const SETTLE_MS = 1_500;

export interface Memory {
  envoyMiB: number;
  /** What Envoy's allocator has handed out; the VMs' memories are not in it. */
  envoyAllocatedMiB: number;
  sidecarMiB: number;
}

/** Waits until the filter counts nothing in flight, and throws what does not end. */
export async function untilIdle(stack: Stack): Promise<void> {
  await msUntilIdle(stack.envoy);
  await sleep(SETTLE_MS);
}

export async function memoryOf({ envoy, sidecar }: Stack): Promise<Memory> {
  const allocated = (await envoy.stat("server.memory_allocated")) ?? 0;
  return {
    envoyMiB: residentMiB(envoy.pid),
    envoyAllocatedMiB: allocated / 2 ** 20,
    sidecarMiB: residentMiB(sidecar.child.pid),
  };
}

/** All decisions of the filter since Envoy's start. */
export async function decisionsOf({ envoy }: Stack): Promise<number> {
  return sumOf(await reasonsOf(envoy));
}

/** What is left on each pod as the filter reports it to the sidecar, summed over the pods. */
export async function leftOnPods(stack: Stack): Promise<Record<string, number>> {
  const left = { inFlight: 0, backlogTokens: 0, kvTokens: 0 };
  for (const pod of await podsOf(stack)) {
    for (const key of Object.keys(left) as (keyof typeof left)[]) left[key] += pod[key] ?? 0;
  }
  return left;
}

/** The pods as the filter reports them to the sidecar. */
export async function podsOf(stack: Stack): Promise<Record<string, number>[]> {
  const response = await fetch(`${stack.sidecar.url}/v1/pools`);
  const view = (await response.json()) as {
    pools: { gateways: { pods: Record<string, number>[] }[] }[];
  };
  return view.pools.flatMap(({ gateways }) => gateways.flatMap(({ pods }) => pods));
}

/** What Envoy says of VMs that ended: its counters of reloads, and lines of its log. */
export async function trapsOf({ envoy }: Stack): Promise<string[]> {
  const reloads = await envoy.stats("vm_reload");
  const counted = [...reloads].filter(([, count]) => count > 0).map(([name, n]) => `${name} ${n}`);
  const log = readFileSync(join(envoy.folder, "envoy.log"), "utf8");
  const lines = log.split("\n").filter((line) => TRAP.test(line));
  return [...counted, ...lines];
}
