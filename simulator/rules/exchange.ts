// Joins the gateways of a run as their sidecars would: each has the sidecar's own exchange, and
// what these say to each other comes a fixed time later.
import { decodeReport } from "../../sidecar-metrics/src/sync/report.js";
import { PoolExchange } from "../../sidecar-metrics/src/sharing/pool-exchange.js";
import type { SharedLoad } from "../../sidecar-metrics/src/sync/table.js";

/** Any key does: hashes are compared within a run only. */
export const HASH_KEY = Buffer.from(Array.from({ length: 16 }, (_, i) => i));
/** Deliveries that all have heard are dropped in blocks of so many. */
const DROP_MIN = 1024;

interface Delivery {
  atMs: number;
  from: number;
  message: Buffer;
  isLoad: boolean;
}

/** What a sidecar's answer says of the other gateways. */
export interface Others {
  load: (pod: number) => SharedLoad | null;
  records: Buffer[];
  /** The answer's `nextBatch`. */
  nextBatch: number;
}

export class Exchange {
  private readonly sides: PoolExchange[];
  /** In order of time; those before all cursors are dropped. */
  private deliveries: Delivery[] = [];
  private dropped = 0;
  /** For each gateway: how many deliveries it has got, the dropped ones counted. */
  private readonly heard: number[];
  private nowMs = 0;

  constructor(
    gateways: number,
    /** Time from a gateway's report to where the other sidecars know of it. */
    private readonly lagMs: number,
    addresses: readonly string[],
  ) {
    const numberOf = new Map(addresses.map((address, number) => [address, number]));
    const numbers = {
      addressOf: (number: number) => addresses[number] ?? null,
      numberOf: (address: string) => numberOf.get(address) ?? null,
    };
    const clock = { nowMs: () => this.nowMs, unixMs: () => this.nowMs, random: () => 0 };
    this.heard = Array.from({ length: gateways }, () => 0);
    this.sides = this.heard.map((_, gateway) => {
      const self = { node: nodeOf(gateway), name: `gateway-${gateway}` };
      const side = new PoolExchange({ name: "default", numbers }, self, clock, HASH_KEY);
      side.onLoad = (message) => this.send(gateway, message, true);
      side.onRecords = () => {
        for (let out = side.nextRecords(); out !== null; out = side.nextRecords()) {
          this.send(gateway, out.bytes, false);
          side.published(out.id);
        }
      };
      return side;
    });
  }

  /** A gateway's report has come to its sidecar; what the answer says of the others. */
  answer(gateway: number, nowMs: number, body: Uint8Array): Others {
    this.nowMs = nowMs;
    const decoded = decodeReport(Buffer.from(body));
    if (!decoded.ok) throw new Error(`gateway ${gateway} sent a bad report: ${decoded.error}`);
    const { report, records } = decoded;
    const side = this.sides[gateway]!;
    this.deliver(gateway);
    side.tell(report.incarnation, report.pods, records);
    const isOurs = report.records?.sidecar === nodeOf(gateway);
    const cursor = isOurs ? side.records.cursorOf(report.records!.next) : null;
    const after = side.records.after(report.incarnation, cursor, nowMs);
    const load = side.loadFor(report.incarnation, nowMs);
    return { load, records: after.batches, nextBatch: after.cursor };
  }

  private send(from: number, message: Buffer, isLoad: boolean): void {
    this.deliveries.push({ atMs: this.nowMs + this.lagMs, from, message, isLoad });
  }

  /** What has come until now. */
  private deliver(gateway: number): void {
    const side = this.sides[gateway]!;
    for (let i = this.heard[gateway]! - this.dropped; i < this.deliveries.length; i++) {
      const { atMs, from, message, isLoad } = this.deliveries[i]!;
      if (atMs > this.nowMs) break;
      this.heard[gateway]!++;
      if (from === gateway) continue;
      if (isLoad) side.takeLoad(message);
      else side.takeRecords(message);
    }
    const done = Math.min(...this.heard) - this.dropped;
    if (done < DROP_MIN) return;
    this.deliveries.splice(0, done);
    this.dropped += done;
  }
}

/** The life of a gateway's sidecar, as reports and tables write it. */
export function nodeOf(gateway: number): string {
  return (gateway + 1).toString(16).padStart(16, "0");
}
