// Stands in for what carries news between the sidecars of several gateways: each hears what the
// others said a fixed time ago.
import type { SharedLoad } from "../../sidecar-metrics/src/sync/table.js";

/** Most record bytes in one answer of a sidecar, as in docs/table-format.md. */
const ANSWER_RECORD_BYTES_MAX = 1024 * 1024;

interface Batch {
  atMs: number;
  gateway: number;
  records: Buffer;
}

interface Report {
  atMs: number;
  /** By endpoint number; a pod without requests is absent. */
  loads: ReadonlyMap<number, SharedLoad>;
}

export class Exchange {
  /** In order of time; those before all cursors are dropped. */
  private batches: Batch[] = [];
  private dropped = 0;
  /** For each gateway: how many batches it has heard, the dropped ones counted. */
  private readonly heard: number[];
  /** For each gateway its reports, oldest first: the newest that is old enough and those after. */
  private readonly reports: Report[][];

  constructor(
    gateways: number,
    /** Time from a gateway's report to where the other sidecars know of it. */
    private readonly lagMs: number,
  ) {
    this.heard = Array.from({ length: gateways }, () => 0);
    this.reports = Array.from({ length: gateways }, () => []);
  }

  /** A gateway's report has come to its sidecar. */
  publish(
    gateway: number,
    nowMs: number,
    records: Buffer,
    loads: ReadonlyMap<number, SharedLoad>,
  ): void {
    if (records.length > 0) this.batches.push({ atMs: nowMs, gateway, records });
    const reports = this.reports[gateway]!;
    reports.push({ atMs: nowMs, loads });
    while (reports.length > 1 && reports[1]!.atMs <= nowMs - this.lagMs) reports.shift();
  }

  /** The others' records that have come since the last call and fit an answer, oldest first. */
  records(gateway: number, nowMs: number): Buffer[] {
    const news: Buffer[] = [];
    let bytes = 0;
    for (let i = this.heard[gateway]! - this.dropped; i < this.batches.length; i++) {
      const batch = this.batches[i]!;
      if (batch.atMs > nowMs - this.lagMs) break;
      if (batch.gateway !== gateway) {
        if (bytes + batch.records.length > ANSWER_RECORD_BYTES_MAX) break;
        bytes += batch.records.length;
        news.push(batch.records);
      }
      this.heard[gateway]!++;
    }
    this.drop();
    return news;
  }

  /** The others' load on a pod, added up, as this gateway's sidecar knows it. */
  load(gateway: number, pod: number, nowMs: number): SharedLoad {
    const sum = { inFlight: 0, unprefilled: 0, backlogTokens: 0, kvTokens: 0 };
    this.reports.forEach((reports, other) => {
      if (other === gateway) return;
      const known = reports.findLast(({ atMs }) => atMs <= nowMs - this.lagMs);
      const load = known?.loads.get(pod);
      if (load === undefined) return;
      sum.inFlight += load.inFlight;
      sum.unprefilled += load.unprefilled;
      sum.backlogTokens += load.backlogTokens;
      sum.kvTokens += load.kvTokens;
    });
    return sum;
  }

  /** What all have heard is not kept. */
  private drop(): void {
    const done = Math.min(...this.heard) - this.dropped;
    if (done < 64) return;
    this.batches.splice(0, done);
    this.dropped += done;
  }
}
