// Ready means: the first tables hold loads and what others told before is here, or as much of it as
// can be had in a bounded time.
import type { SidecarState } from "./state.js";

/** A pod or a server that cannot be reached must not keep a gateway's sidecar unready for ever. */
export const READY_WAIT_MS = 10_000;

/** What is still waited for, in words; once that was nothing, it is nothing ever again. */
export function createReadiness(state: SidecarState): () => string[] {
  let isReady = false;
  return () => {
    const { cluster } = state;
    const waitedMs = state.clock.nowMs() - state.startedAtMs;
    const listless = cluster?.pending() ?? [];
    const pending = [...listless, ...unscraped(state), ...withoutRecords(state)];
    // Without a word from the API server there is nothing to serve, however long it takes.
    const mayGiveUp = waitedMs >= READY_WAIT_MS && cluster?.hasAnswered !== false;
    isReady ||= pending.length === 0 || mayGiveUp;
    return isReady ? [] : pending;
  };
}

function unscraped({ sync }: SidecarState): string[] {
  const names = [...sync.pools.values()]
    .map(({ pool }) => pool)
    .filter(({ isListed, endpoints }) => !isListed || endpoints.some((e) => !e.hasBeenTried))
    .map(({ name }) => name);
  return names.length === 0 ? [] : [`the first scrapes of ${names.join(", ")}`];
}

/** Pools whose kept records have not come, or have not been fetched by a gateway that polls. */
function withoutRecords({ sync, clock }: SidecarState): string[] {
  const { carrier } = sync;
  if (carrier === null) return [];
  const names = new Set(carrier.replaying());
  for (const [name, { gateways, exchange }] of sync.pools) {
    if (names.has(name)) continue;
    // What came until now is what a gateway has to have; what comes later it gets as it comes.
    exchange.replayGoal ??= exchange.records.end;
    const goal = exchange.replayGoal;
    const isBehind = gateways
      .live(clock.nowMs())
      .some(({ report, cursor }) => report.records !== null && (cursor ?? 0) < goal);
    if (isBehind) names.add(name);
  }
  return names.size === 0 ? [] : [`the records of other gateways for ${[...names].join(", ")}`];
}
