// The list of what is wrong, in whole sentences, most serious first.
import type { Pool } from "../pools/pool.js";
import type { PoolState } from "../sync/sync.js";
import { modelProblems } from "./models-view.js";
import { carrierProblems, sharingProblems } from "./sharing-view.js";
import type { SidecarState } from "./state.js";

/** After a start, gateways get this long to show up. */
const GATEWAY_WAIT_MS = 10_000;
const PODS_SHOWN_MAX = 16;
const WRONG_POOL_SHOWN_MS = 60_000;

/** What a gateway says of itself in a word. */
const WARNINGS = new Map([
  [
    "stall-guard",
    "bodies do not come while headers are held: set allow_on_headers_stop_iteration: true in " +
      "the filter's PluginConfig",
  ],
  [
    "config-differs",
    "its workers have different configurations in force: an update is under way, or was refused",
  ],
]);

export interface Problem {
  /** Null: the sidecar as a whole. */
  pool: string | null;
  text: string;
}

export function findProblems(state: SidecarState): Problem[] {
  const nowMs = state.clock.nowMs();
  const problems: Problem[] = [...state.problems.values()].map((text) => ({ pool: null, text }));
  const ofCluster = shorten(state.cluster?.problems() ?? [], "more about objects of the cluster");
  problems.push(...ofCluster.map((text) => ({ pool: null, text })));
  problems.push(...carrierProblems(state).map((text) => ({ pool: null, text })));
  for (const [name, atMs] of state.sync.wrongPools) {
    if (nowMs - atMs > WRONG_POOL_SHOWN_MS) continue;
    problems.push({
      pool: null,
      text: `A gateway asks for pool "${name}", which is not configured.`,
    });
  }
  for (const poolState of state.sync.pools.values()) {
    const pool = poolState.pool.name;
    const isYoung = nowMs - state.startedAtMs < GATEWAY_WAIT_MS;
    const texts = [
      ...poolState.pool.problems.values(),
      ...podProblems(poolState),
      ...shorten(modelProblems(poolState.pool, state.clock.unixMs()), "more about models"),
      ...gatewayProblems(poolState, nowMs, isYoung),
      ...sharingProblems(poolState.exchange, state.sync, nowMs),
    ];
    problems.push(...texts.map((text) => ({ pool, text })));
  }
  return problems;
}

function podProblems({ pool }: PoolState): string[] {
  const texts: string[] = [];
  if (!pool.isListed) texts.push("No list of pods yet.");
  else if (pool.endpoints.length === 0) texts.push("The list of pods is empty.");
  if (pool.unnumbered.length > 0) {
    const [first] = pool.unnumbered;
    texts.push(
      `${pool.unnumbered.length} pods (${first} first) are left out: all 1,024 endpoint numbers ` +
        "are taken, or were until less than 10 minutes ago.",
    );
  }
  texts.push(...failingPods(pool));
  for (const { pod, load } of pool.endpoints) {
    if (load === null || load.oddNames.length === 0) continue;
    texts.push(`Pod ${pod.address}: no sensible value for ${load.oddNames.join(", ")}.`);
  }
  const unsized = pool.endpoints.filter(({ load }) => load?.kvCapacityTokens === 0);
  const [firstUnsized] = unsized;
  if (firstUnsized !== undefined) {
    texts.push(
      `${unsized.length} pods (${firstUnsized.pod.address} first) do not tell the size of their ` +
        "KV cache: the filter's defaultCapacityTokens is used for them.",
    );
  }
  for (const { pod, load } of pool.endpoints) {
    if (load?.hasPrefixCaching !== false) continue;
    texts.push(`Pod ${pod.address}: prefix caching is off, so it is picked by load only.`);
  }
  return shorten(texts, "more about pods");
}

function failingPods(pool: Pool): string[] {
  const texts: string[] = [];
  const passedOver = pool.findPassedOver();
  const unreachable = pool.unreachable().size;
  if (unreachable > passedOver.size) {
    texts.push(
      `More than half of the pods (${unreachable}) are unreachable: the fault is likely on this ` +
        "side, so they are still picked.",
    );
  }
  for (const endpoint of pool.endpoints) {
    const { pod, failure, isFailing } = endpoint;
    // A pod that is not ready answers when it is.
    if (failure === null || !isFailing || pod.isDraining) continue;
    const text = `Pod ${pod.address}: scrapes fail (${failure.reason}): ${failure.detail}`;
    texts.push(passedOver.has(endpoint) ? `${text}; not picked until one succeeds.` : `${text}.`);
  }
  return texts;
}

function gatewayProblems({ pool, gateways }: PoolState, nowMs: number, isYoung: boolean): string[] {
  const live = gateways.live(nowMs);
  if (live.length === 0) return isYoung ? [] : ["No gateway polls this pool."];
  const texts: string[] = [];
  const hashes = new Set(
    live.map(({ report }) => report.configHash).filter((hash) => hash !== null),
  );
  if (hashes.size > 1) {
    texts.push(
      `Gateways run ${hashes.size} different configurations (${[...hashes].join(", ")}): ` +
        "one has refused the newest, or has not got it yet.",
    );
  }
  const known = new Set(pool.endpoints.map(({ number }) => number));
  for (const { report } of live) {
    const unknown = report.pods
      .filter(({ number }) => !known.has(number))
      .map(({ number }) => number);
    if (unknown.length > 0) {
      texts.push(
        `Gateway ${report.incarnation} holds requests on unlisted pods: ${some(unknown)}.`,
      );
    }
    for (const warning of report.warnings) {
      const text = WARNINGS.get(warning) ?? `it warns of ${JSON.stringify(warning)}`;
      texts.push(`Gateway ${report.incarnation}: ${text}.`);
    }
    if (pool.strategy !== null && report.strategy !== null && report.strategy !== pool.strategy) {
      const instead = `${report.strategy} instead of ${pool.strategy}`;
      texts.push(`Gateway ${report.incarnation} routes by ${instead}.`);
    }
  }
  return shorten(texts, "more about gateways");
}

function some(numbers: number[]): string {
  const shown = numbers.slice(0, PODS_SHOWN_MAX).map((number) => `#${number}`);
  return shown.join(", ") + (numbers.length > shown.length ? ", ..." : "");
}

function shorten(texts: string[], rest: string): string[] {
  if (texts.length <= PODS_SHOWN_MAX) return texts;
  return [...texts.slice(0, PODS_SHOWN_MAX), `${texts.length - PODS_SHOWN_MAX} ${rest}.`];
}
