// What an autoscaler asks of a pool: how much waits, how full the caches are, how busy it all is.
import type { Endpoint } from "../pools/endpoint.js";
import type { Pool } from "../pools/pool.js";

/**
 * A queue of this length makes a pod busy whatever its cache holds. The endpoint picker of the
 * Gateway API Inference Extension has the same default.
 */
const BUSY_QUEUE_REQUESTS = 5;

/** Null: no pod tells it, which is not zero. */
export interface PoolLoad {
  /** Pods that may be picked: listed, not draining, not passed over. */
  ready: number;
  waiting: number | null;
  running: number | null;
  /** Mean share of the KV cache in use, 0 to 1. */
  kvUsage: number | null;
  /** Mean over the pods of how busy each is, 0 to 1. */
  saturation: number | null;
}

/**
 * Queue and running requests are those of all pods; shares are means over the pods that may be
 * picked, as these are the ones that a further request can go to. A pod whose scrapes fail is in
 * neither: what it told last is no news of its load.
 */
export function poolLoad(pool: Pool): PoolLoad {
  const passedOver = pool.findPassedOver();
  const ready = pool.endpoints.filter((one) => !one.pod.isDraining && !passedOver.has(one));
  const told = pool.endpoints.filter((one) => !one.isFailing);
  const readyTold = ready.filter((one) => !one.isFailing);
  const waiting = known(told, ({ load }) => load?.waiting);
  const running = known(told, ({ load }) => load?.running);
  return {
    ready: ready.length,
    waiting: waiting.length === 0 ? null : sum(waiting),
    running: running.length === 0 ? null : sum(running),
    kvUsage: mean(known(readyTold, ({ load }) => load?.kvUsage)),
    saturation: mean(known(readyTold, busyShare)),
  };
}

/**
 * 0: idle, 1: full. A pod is as busy as its cache is full, or as its queue is long, whichever says
 * more. It stops at 1 so that one pod with an endless queue does not make a whole pool look full.
 */
function busyShare({ load }: Endpoint): number | null {
  if (load === null || (load.kvUsage === null && load.waiting === null)) return null;
  return Math.min(1, Math.max(load.kvUsage ?? 0, (load.waiting ?? 0) / BUSY_QUEUE_REQUESTS));
}

function known(
  endpoints: readonly Endpoint[],
  read: (endpoint: Endpoint) => number | null | undefined,
): number[] {
  return endpoints.map(read).filter((value) => value !== null && value !== undefined);
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}

function mean(values: readonly number[]): number | null {
  return values.length === 0 ? null : sum(values) / values.length;
}
