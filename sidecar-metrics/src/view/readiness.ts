// Ready means: the first tables hold loads, or as much as can be had in a bounded time.
import type { SidecarState } from "./state.js";

/** A pod that cannot be reached must not keep a gateway's sidecar unready for ever. */
export const READY_WAIT_MS = 10_000;

/** Names of the pools still waited for; once none was, there are none ever again. */
export function createReadiness(state: SidecarState): () => string[] {
  let isReady = false;
  return () => {
    const { cluster } = state;
    const waitedMs = state.clock.nowMs() - state.startedAtMs;
    const pools = [...state.sync.pools.values()]
      .map(({ pool }) => pool)
      .filter(({ isListed, endpoints }) => !isListed || endpoints.some((e) => !e.hasBeenTried))
      .map(({ name }) => name);
    const pending = [...(cluster?.pending() ?? []), ...pools];
    // Without a word from the API server there is nothing to serve, however long it takes.
    const mayGiveUp = waitedMs >= READY_WAIT_MS && cluster?.hasAnswered !== false;
    isReady ||= pending.length === 0 || mayGiveUp;
    return isReady ? [] : pending;
  };
}
