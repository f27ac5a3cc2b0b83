// Ready means: the first tables hold loads, or as much as can be had in a bounded time.
import type { SidecarState } from "./state.js";

/** A pod that cannot be reached must not keep a gateway's sidecar unready for ever. */
export const READY_WAIT_MS = 10_000;

/** Names of the pools still waited for; once none was, there are none ever again. */
export function createReadiness(state: SidecarState): () => string[] {
  let isReady = false;
  return () => {
    const waitedMs = state.clock.nowMs() - state.startedAtMs;
    const pending = [...state.sync.pools.values()]
      .map(({ pool }) => pool)
      .filter(({ isListed, endpoints }) => !isListed || endpoints.some((e) => !e.hasBeenTried))
      .map(({ name }) => name);
    isReady ||= pending.length === 0 || waitedMs >= READY_WAIT_MS;
    return isReady ? [] : pending;
  };
}
