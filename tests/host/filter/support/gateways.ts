// Two gateways and what plays the sidecars between them: each poll is answered with the other
// gateway's records behind its cursor, and with the load that the other's newest report tells.
import { Gateway, type GatewayOptions, POOL } from "./gateway.js";
import type { Poll } from "./sidecar.js";
import { encodeAnswer, encodeTable, type PodRow, type Report } from "./wire.js";

const TICK_MS = 10;

export interface Side {
  gateway: Gateway;
  /** All that it sent. */
  reports: Report[];
  /** Records for it, one batch for each report of the other that had some. */
  inbox: Buffer[];
  polledAtMs: number[];
}

export class TwoGateways {
  readonly sides: [Side, Side];
  /** False: the rows are those of a sidecar that shares nothing. */
  sharesLoad = true;
  isDead = false;

  constructor(options: GatewayOptions) {
    const first = new Gateway({ ...options, isStarted: false });
    const second = new Gateway({ ...options, beside: first, isStarted: false });
    const side = (gateway: Gateway): Side => ({
      gateway,
      reports: [],
      inbox: [],
      polledAtMs: [],
    });
    this.sides = [side(first), side(second)];
    first.sidecar.answer = (poll) => this.answer(poll);
    this.advance(3 * TICK_MS);
  }

  get first(): Gateway {
    return this.sides[0].gateway;
  }

  get second(): Gateway {
    return this.sides[1].gateway;
  }

  /** Lets time pass for both. */
  advance(ms: number): void {
    for (let passed = 0; passed < ms; passed += TICK_MS) {
      this.first.wait(TICK_MS);
      for (const { gateway } of this.sides) gateway.tick();
    }
  }

  private answer(poll: Poll): void {
    if (this.isDead) {
      poll.call.fail();
      return;
    }
    const isFirst = this.first.vms.some(({ host }) => host === poll.root.host);
    const [own, other] = isFirst ? this.sides : this.sides.toReversed();
    own!.reports.push(poll.report);
    own!.polledAtMs.push(poll.atMs);
    if (poll.report.records.length > 0) other!.inbox.push(poll.report.records);
    const table = encodeTable({
      rows: this.rows(other!),
      hashKey: this.first.sidecar.hashKey,
      sequence: BigInt(own!.reports.length),
    });
    const { inbox } = own!;
    const records = Buffer.concat(inbox.slice(poll.report.json.records.next));
    const answer = encodeAnswer(table, records, inbox.length);
    this.first.sidecar.respondWith(poll.call, 200, answer);
  }

  private rows(other: Side): PodRow[] {
    const rows = this.first.sidecar.pools.get(POOL)!;
    if (!this.sharesLoad) return rows;
    const told = other.reports.at(-1)?.json.pods ?? [];
    return rows.map((row) => {
      const pod = told.find(({ n }) => n === row.number);
      const none = { inFlight: 0, unprefilled: 0, backlogTokens: 0, kvTokens: 0 };
      return { ...row, shared: pod ?? none };
    });
  }
}
