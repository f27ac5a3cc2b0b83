// The JSON of /v1/pools: everything the sidecar knows, for people and scripts.
import type { Endpoint } from "../pools/endpoint.js";
import type { PoolExchange } from "../sharing/pool-exchange.js";
import type { Gateway } from "../sync/gateways.js";
import type { PoolState } from "../sync/sync.js";
import { modelsView } from "./models-view.js";
import { findProblems } from "./problems.js";
import { carrierView, sharingView } from "./sharing-view.js";
import type { SidecarState } from "./state.js";

export type PodStatus = "new" | "ok" | "failing" | "draining";

export function poolsView(state: SidecarState) {
  const nowMs = state.clock.nowMs();
  const unixMs = state.clock.unixMs();
  return {
    version: state.version,
    incarnation: state.sync.node,
    uptimeMs: Math.floor(nowMs - state.startedAtMs),
    problems: findProblems(state),
    notes: state.cluster?.notes() ?? [],
    kubernetes: state.cluster?.view() ?? null,
    sharing: carrierView(state),
    pools: [...state.sync.pools.values()].map((pool) => poolView(pool, nowMs, unixMs)),
  };
}

export type PoolView = ReturnType<typeof poolView>;
export type PodView = PoolView["pods"][number];
export type GatewayView = ReturnType<typeof gatewayView>;

export function poolView({ pool, gateways, exchange }: PoolState, nowMs: number, unixMs: number) {
  const addresses = new Map(pool.endpoints.map(({ number, pod }) => [number, pod.address]));
  const live = gateways.live(nowMs);
  const passedOver = pool.findPassedOver();
  const ejections = gateways.ejections(nowMs);
  return {
    name: pool.name,
    engine: pool.settings.engine,
    modelName: pool.settings.modelName,
    routingStrategy: pool.strategy,
    models: modelsView(pool, unixMs),
    pods: pool.endpoints.map((one) => ({
      ...podView(one, passedOver.has(one), nowMs),
      ejected: ejections.get(one.number)?.[0] ?? null,
    })),
    gateways: live.map((gateway) => gatewayView(gateway, exchange, nowMs)),
    decisions: live.flatMap(({ report, seenAtMs }) =>
      report.decisions.map((decision) => ({
        ...decision,
        ageMs: Math.floor(decision.ageMs + nowMs - seenAtMs),
        address: decision.number === null ? null : (addresses.get(decision.number) ?? null),
        gateway: report.incarnation,
      })),
    ),
    totals: { ...gateways.totals, decisions: Object.fromEntries(gateways.totals.decisions) },
    sharing: sharingView(exchange, nowMs),
  };
}

function podView(endpoint: Endpoint, isPassedOver: boolean, nowMs: number) {
  const { pod, number, epoch, load, failure, models } = endpoint;
  return {
    address: pod.address,
    name: pod.podName,
    number,
    state: podStatus(endpoint),
    mayBePicked: !pod.isDraining && !isPassedOver,
    ageMs: endpoint.loadSentAtMs === null ? null : Math.floor(nowMs - endpoint.loadSentAtMs),
    epoch,
    waiting: load?.waiting ?? null,
    running: load?.running ?? null,
    kvUsage: load?.kvUsage ?? null,
    kvCapacityTokens: load === null || load.kvCapacityTokens === 0 ? null : load.kvCapacityTokens,
    hasPrefixCaching: load?.hasPrefixCaching ?? null,
    promptTokens: load?.promptTokens ?? null,
    generatedTokens: load?.generatedTokens ?? null,
    prefixQueryTokens: load?.prefixQueryTokens ?? null,
    prefixHitTokens: load?.prefixHitTokens ?? null,
    adapters: {
      held: models.held,
      limit: models.adapterLimit === 0 ? null : models.adapterLimit,
      isAtLimit: models.isAtAdapterLimit,
    },
    servedModels: models.served?.map(({ card }) => card.id) ?? null,
    servedModelsFailure: models.failure,
    scrapes: Object.fromEntries(endpoint.results),
    failure:
      failure === null
        ? null
        : {
            reason: failure.reason,
            detail: failure.detail,
            inRow: failure.inRow,
            sinceMs: Math.floor(nowMs - failure.sinceMs),
          },
  };
}

function podStatus(endpoint: Endpoint): PodStatus {
  if (endpoint.isFailing) return "failing";
  if (endpoint.pod.isDraining) return "draining";
  return endpoint.loadSentAtMs === null ? "new" : "ok";
}

function gatewayView(
  { report, seenAtMs, cursor }: Gateway,
  { records }: PoolExchange,
  nowMs: number,
) {
  const { incarnation, vms, uptimeMs, configHash, strategy, tableSequence } = report;
  return {
    incarnation,
    ageMs: Math.floor(nowMs - seenAtMs),
    vms,
    uptimeMs,
    configHash,
    strategy,
    tableSequence,
    reasons: Object.fromEntries(report.reasons),
    promptTokens: report.promptTokens,
    matchedTokens: report.matchedTokens,
    mispredictions: report.mispredictions,
    waitingForPod: report.waitingForPod,
    rates: Object.fromEntries(report.rates),
    index: Object.fromEntries(report.index),
    pods: report.pods,
    // Of the others' records, as of its last poll; null: it takes none.
    batchesBehind: report.records === null ? null : records.countAfter(cursor),
    warnings: report.warnings,
  };
}
