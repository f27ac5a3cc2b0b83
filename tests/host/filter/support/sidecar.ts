// Plays the sidecar: answers the polls of one gateway's VMs, and can be down, slow or wrong.
import type { HttpCall } from "../../../../simulator/host/index.js";
import { encodeModels, type ModelsSpec } from "./models-section.js";
import { ANSWER_RECORD_BYTES_MAX } from "./records.js";
import {
  type Cursor,
  decodeReport,
  encodeAnswer,
  encodeTable,
  type PodRow,
  type Report,
  type TableSpec,
} from "./wire.js";

export interface Poll {
  pool: string;
  atMs: number;
  /** The root context that called, so also its VM. */
  root: HttpCall["root"];
  report: Report;
  call: HttpCall;
}

export const HASH_KEY = Uint8Array.from({ length: 16 }, (_, i) => i);

/** `count` pods that may be picked, without any figure of their load: 10.0.0.1:8000 and so on. */
export function makePods(count: number): PodRow[] {
  return Array.from({ length: count }, (_, number) => ({
    number,
    address: `10.0.0.${number + 1}:8000`,
  }));
}

/** A table that would send everything to a pod that does not exist. */
export function wrongTable(version = 1): Buffer {
  const rows = [{ number: 0, address: "6.6.6.6:6" }];
  return encodeTable({ rows, hashKey: Buffer.alloc(16, 9), version });
}

export class FakeSidecar {
  /** By pool name; a test changes the rows as it likes. */
  readonly pools = new Map<string, PodRow[]>();
  readonly strategies = new Map<string, TableSpec["strategy"]>();
  /** By pool name: what its table says of models. */
  readonly models = new Map<string, ModelsSpec>();
  readonly polls: Poll[] = [];
  hashKey: Uint8Array | null = HASH_KEY;
  incarnation = 1n;
  /**
   * Records that are kept, oldest first: a report gets those behind its cursor, in whole batches. A
   * cursor is the number of batches before it.
   */
  batches: Buffer[] = [];
  /** Takes the place of the usual answer. */
  answer: ((poll: Poll) => void) | null = null;
  private sequence = 0n;

  constructor(private readonly nowMs: () => number) {}

  /** Every call fails, as where nothing listens. */
  die(): void {
    this.answer = (poll) => poll.call.fail();
  }

  handle(call: HttpCall): void {
    const [path, pool] = call.headers.get(":path")!.split("?pool=") as [string, string];
    if (path !== "/v1/sync" || call.headers.get(":method") !== "POST") {
      call.respond(405);
      return;
    }
    const report = decodeReport(call.body);
    const poll: Poll = { pool, atMs: this.nowMs(), root: call.root, report, call };
    this.polls.push(poll);
    if (this.answer !== null) this.answer(poll);
    else this.respond(poll);
  }

  /** The usual answer. */
  respond(poll: Poll): void {
    const rows = this.pools.get(poll.pool);
    if (rows === undefined) {
      poll.call.respond(404, [["content-type", "text/plain"]], `no pool ${poll.pool}`);
      return;
    }
    const { records, next } = this.recordsFrom(poll.report.json.records);
    this.respondWith(poll.call, 200, encodeAnswer(this.table(poll.pool), records, next));
  }

  private recordsFrom({ sidecar, next: from }: Cursor): { records: Buffer; next: number } {
    let next = BigInt(`0x${sidecar}`) === this.incarnation ? from : 0;
    const batches: Buffer[] = [];
    let bytes = 0;
    for (; next < this.batches.length; next++) {
      const batch = this.batches[next]!;
      bytes += batch.length;
      if (bytes > ANSWER_RECORD_BYTES_MAX) break;
      batches.push(batch);
    }
    return { records: Buffer.concat(batches), next };
  }

  respondWith(call: HttpCall, status: number, body: Uint8Array | string): void {
    call.respond(status, [["content-type", "application/octet-stream"]], body);
  }

  /** The table as it is now. */
  table(pool: string): Buffer {
    const models = this.models.get(pool);
    return encodeTable({
      rows: this.pools.get(pool) ?? [],
      strategy: this.strategies.get(pool) ?? null,
      hashKey: this.hashKey,
      incarnation: this.incarnation,
      sequence: ++this.sequence,
      models: models === undefined ? undefined : encodeModels(models),
    });
  }

  lastReport(pool: string): Report {
    const poll = this.polls.findLast((one) => one.pool === pool);
    if (poll === undefined) throw new Error(`nobody asked for ${pool}`);
    return poll.report;
  }
}
