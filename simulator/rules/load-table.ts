// Plays the sidecar of one gateway in virtual time: each poll gets the load table of that moment,
// and where gateways share, what the others told.
import { type TableRow, TableBuffer } from "../../sidecar-metrics/src/sync/table.js";
import type { HttpCall } from "../host/index.js";
import { adapterSection } from "./adapter-section.js";
import { HASH_KEY, nodeOf } from "./exchange.js";
import type { RuleView } from "./rule.js";

const ANSWER_MAGIC = 0x31415257; // "WRA1", little-endian.
const ANSWER_HEADER_BYTES = 16;
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
    const others = exchange?.answer(gateway, atMs, call.body) ?? null;
    for (let pod = 0; pod < view.podCount; pod++) {
      table.writeRow(pod, rowOf(view, pod));
      table.writeAge(pod, view.metricsAgeMs);
      if (others !== null) table.writeShared(pod, others.load(pod));
    }
    table.setSection(section());
    table.seal({
      strategy: null,
      hashKey: HASH_KEY,
      incarnation: BigInt(`0x${nodeOf(gateway)}`),
      sequence: ++sequence,
      madeAtUnixMs: atMs,
    });
    const records = others?.records ?? [];
    const head = Buffer.alloc(ANSWER_HEADER_BYTES);
    head.writeUInt32LE(ANSWER_MAGIC, 0);
    head.writeUInt32LE(table.bytes.length, 4);
    head.writeUInt32LE(
      records.reduce((bytes, { length }) => bytes + length, 0),
      8,
    );
    head.writeUInt32LE(others?.nextBatch ?? 0, 12);
    call.respond(200, [CONTENT_TYPE], Buffer.concat([head, table.bytes, ...records]));
  };
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
