// The mixed traffic of a soak, open loop: what is slow or fails does not hold back what is next.
import { Agent } from "node:http";
import { setTimeout as sleep } from "node:timers/promises";
import { randomFrom } from "../../host/filter/support/random.js";
import { unixMs } from "../../faults/support/steady-load.js";
import { exchange, type Result } from "./exchange.js";
import type { Plans } from "./plans.js";

const PERIOD_MS = 5;
/** Bounds of what a soak that goes wrong may start. */
const IN_FLIGHT_MAX = 3_000;
const END_TIMEOUT_MS = 40_000;

export class Traffic {
  readonly results: Result[] = [];
  sent = 0;
  private readonly underWay = new Set<Promise<void>>();
  private timer: NodeJS.Timeout | null = null;
  private agent = new Agent({ keepAlive: true, scheduling: "fifo" });
  private readonly random: () => number;
  private dueMs = 0;

  constructor(
    private readonly port: number,
    private readonly plans: Plans,
    private readonly perSecond: number,
    private readonly patienceMs: number,
    seed: number,
  ) {
    this.random = randomFrom(seed);
  }

  start(): void {
    this.dueMs = unixMs();
    this.timer = setInterval(() => this.sendDue(), PERIOD_MS);
  }

  /** Sends no more, and waits for the end of what is under way; its clients lose patience first. */
  async stop(): Promise<void> {
    if (this.timer !== null) clearInterval(this.timer);
    const endMs = unixMs() + END_TIMEOUT_MS;
    while (this.underWay.size > 0 && unixMs() < endMs) await sleep(PERIOD_MS);
    this.agent.destroy();
    this.agent = new Agent({ keepAlive: true, scheduling: "fifo" });
  }

  /** Gaps are exponential, as of many clients that know nothing of each other. */
  private sendDue(): void {
    const nowMs = unixMs();
    while (this.dueMs <= nowMs && this.underWay.size < IN_FLIGHT_MAX) {
      this.dueMs += (-Math.log(1 - this.random()) * 1000) / this.perSecond;
      this.send();
    }
  }

  private send(): void {
    const { port, agent, patienceMs } = this;
    const to = { port, agent, patienceMs };
    const one = exchange(this.sent++, this.plans.next(), to).then((result) => {
      this.results.push(result);
      this.underWay.delete(one);
    });
    this.underWay.add(one);
  }
}
