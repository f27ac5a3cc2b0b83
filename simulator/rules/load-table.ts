// Plays the sidecar of one gateway in virtual time: each poll gets the load table of that moment,
// and where gateways share, what the others told.
import { decodeReport } from "../../sidecar-metrics/src/sync/report.js";
import {
  type SharedLoad,
  type TableRow,
  TableBuffer,
} from "../../sidecar-metrics/src/sync/table.js";
import type { HttpCall } from "../host/index.js";
import { adapterSection } from "./adapter-section.js";
import type { Exchange } from "./exchange.js";
import type { RuleView } from "./rule.js";

const ANSWER_MAGIC = 0x31415257; // "WRA1", little-endian.
const ANSWER_HEADER_BYTES = 16;
/** Any key does: hashes are compared within a run only. */
const HASH_KEY = Buffer.from(Array.from({ length: 16 }, (_, i) => i));
/** More starts than a pod has in a run: epochs of different pods stay apart. */
const EPOCHS_MAX = 1024;
const CONTENT_TYPE = ["content-type", "application/octet-stream"] as const;

/** Answers polls of a filter whose clock says `nowMs`. */
export function answerPolls(view: RuleView, nowMs: () => number): (call: HttpCall) => void {
  const { exchange, gateway } = view;
  const table = new TableBuffer(view.podCount);
  const section = adapterSection(view);
  let sequence = 0;
  return (call) => {
    const atMs = nowMs();
    if (exchange !== null) publish(exchange, gateway, atMs, call);
    for (let pod = 0; pod < view.podCount; pod++) {
      table.writeRow(pod, rowOf(view, pod));
      table.writeAge(pod, view.metricsAgeMs);
      if (exchange !== null) table.writeShared(pod, exchange.load(gateway, pod, atMs));
    }
    table.setSection(section());
    table.seal({
      strategy: null,
      hashKey: HASH_KEY,
      incarnation: 1n,
      sequence: ++sequence,
      madeAtUnixMs: atMs,
    });
    const records = exchange?.records(gateway, atMs) ?? [];
    const head = Buffer.alloc(ANSWER_HEADER_BYTES);
    head.writeUInt32LE(ANSWER_MAGIC, 0);
    head.writeUInt32LE(table.bytes.length, 4);
    head.writeUInt32LE(
      records.reduce((bytes, { length }) => bytes + length, 0),
      8,
    );
    call.respond(200, [CONTENT_TYPE], Buffer.concat([head, table.bytes, ...records]));
  };
}

/** Passes on what a gateway tells of itself. */
function publish(exchange: Exchange, gateway: number, nowMs: number, call: HttpCall): void {
  const decoded = decodeReport(Buffer.from(call.body));
  if (!decoded.ok) throw new Error(`gateway ${gateway} sent a bad report: ${decoded.error}`);
  const loads = new Map<number, SharedLoad>();
  for (const pod of decoded.report.pods) {
    loads.set(pod.number, {
      inFlight: pod.inFlight ?? 0,
      unprefilled: pod.unprefilled ?? 0,
      backlogTokens: pod.backlogTokens ?? 0,
      kvTokens: pod.kvTokens ?? 0,
    });
  }
  exchange.publish(gateway, nowMs, decoded.records, loads);
}

function rowOf(view: RuleView, pod: number): TableRow {
  const metrics = view.scraped(pod);
  const { kvTokens, blockTokens, prefixCaching } = view.engineOf(pod);
  return {
    number: pod,
    mayBePicked: view.mayBePicked(pod),
    prefixCachingOff: !prefixCaching,
    isAtAdapterLimit: metrics.isAtAdapterLimit,
    address: view.addresses[pod]!,
    epoch: (pod + 1) * EPOCHS_MAX + view.epochOf(pod),
    waiting: metrics.waiting,
    running: metrics.running,
    kvUsage: metrics.kvUse,
    kvCapacityTokens: Math.floor(kvTokens / blockTokens) * blockTokens,
    promptTokens: metrics.promptTokens,
    generatedTokens: metrics.generationTokens,
    prefixQueryTokens: metrics.prefixQueries,
    prefixHitTokens: metrics.prefixHits,
  };
}
