// What is shared with other gateways, as JSON for /v1/pools and in sentences for the problems.
import { SILENT_AFTER_MS } from "../sharing/load-ledger.js";
import type { PoolExchange } from "../sharing/pool-exchange.js";
import type { SyncService } from "../sync/sync.js";
import type { SidecarState } from "./state.js";

/** The way to other sidecars; null: none is configured. */
export function carrierView({ sync }: SidecarState) {
  if (sync.carrier === null) return null;
  const { name, node, carrier } = sync;
  const { status } = carrier;
  // Field by field: a carrier's status may be an object with more in it, and with getters.
  return {
    name,
    node,
    isAlone: isAlone(sync),
    server: status.server,
    hasStream: status.hasStream,
    problems: status.problems,
    disconnects: status.disconnects,
    publishedMessages: status.publishedMessages,
    publishedBytes: status.publishedBytes,
    receivedMessages: status.receivedMessages,
    receivedBytes: status.receivedBytes,
    retries: status.retries,
    ackMs: status.ackMs,
    replaying: carrier.replaying(),
  };
}

export type PoolSharing = ReturnType<typeof sharingView>;

export function sharingView(exchange: PoolExchange, nowMs: number) {
  const { watch, ledger, outbox, records } = exchange;
  return {
    gateways: watch.live(nowMs).map(({ gateway, node, name, heardAtMs, lagMs }) => ({
      gateway,
      name,
      node,
      ageMs: Math.floor(nowMs - heardAtMs),
      lagMs: Math.round(lagMs * 10) / 10,
      inFlight: ledger.inFlightOf(gateway),
    })),
    messages: { ...watch.counts },
    recordBytes: records.bytes,
    outboxBytes: exchange.unpublishedBytes,
    droppedBytes: outbox.droppedBytes,
  };
}

/** Configured to share, and cannot. */
export function isAlone({ carrier }: SyncService): boolean {
  return carrier !== null && (carrier.status.server === null || !carrier.status.hasStream);
}

/** Of the way itself, for all pools. */
export function carrierProblems({ sync }: SidecarState): string[] {
  const { carrier } = sync;
  if (carrier === null) return [];
  const texts = [...carrier.status.problems];
  // Whatever keeps us from sharing, people hear what follows from it.
  if (carrier.status.server === null) {
    texts.push("No NATS server: the gateways here know only what they see themselves.");
  }
  return texts;
}

/** Of one pool. */
export function sharingProblems(
  exchange: PoolExchange,
  sync: SyncService,
  nowMs: number,
): string[] {
  const nodes = new Map<string, Set<string>>([[sync.name, new Set([sync.node])]]);
  for (const { name, node, heardAtMs } of exchange.watch.live(nowMs)) {
    // One that has just been started anew is heard of in both its lives for a while.
    if (nowMs - heardAtMs > SILENT_AFTER_MS) continue;
    nodes.set(name, (nodes.get(name) ?? new Set()).add(node));
  }
  const texts: string[] = [];
  for (const [name, { size }] of nodes) {
    if (size < 2) continue;
    texts.push(
      `${size} sidecars are called ${JSON.stringify(name)}: they share as they should, but ` +
        "cannot be told apart here; give each a sharing.name of its own.",
    );
  }
  const stranger = exchange.watch.strangerName(nowMs);
  if (stranger !== null) {
    texts.push(
      `Gateways under another hash key are heard (${JSON.stringify(stranger)} last): nothing is ` +
        "shared with them; give all that are to share the same hashKey.",
    );
  }
  return texts;
}
