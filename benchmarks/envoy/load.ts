// A process that makes load: at a fixed rate (open loop) or with a fixed number in flight.
import { Connection } from "./connection.js";
import { makeRequests } from "./prompts.js";
import type { LoadResult, LoadRun } from "./loaders.js";

/** Requests planned but not sent because every connection is busy; more are failures. */
const BACKLOG_MAX = 50_000;
/** How long answers may take after the last request. */
const DRAIN_MS = 10_000;
const TICK_MS = 1;

/** Connections stay open from run to run, so that no run pays for them. */
const pools = new Map<number, Connection[]>();
const requests = new Map<number, Buffer[]>();

/** Wall-clock ms with fractions, the same clock in every process of this machine. */
const nowMs = (): number => performance.timeOrigin + performance.now();

/** One run of one plan, from its start to the last answer. */
class Run {
  readonly #plan: LoadRun;
  readonly #bodies: Buffer[];
  readonly #free: Connection[];
  readonly #measureEndMs: number;
  readonly #latenciesMs: number[] = [];
  /** Planned send times of what waits for a connection. */
  readonly #backlog: number[] = [];
  #nextBody: number;
  #planned = 0;
  #inFlight = 0;
  #sent = 0;
  #completed = 0;
  #failed = 0;
  #isOver = false;

  constructor(plan: LoadRun) {
    this.#plan = plan;
    this.#bodies = requests.get(plan.promptBytes) ?? makeRequests(plan.promptBytes);
    requests.set(plan.promptBytes, this.#bodies);
    this.#nextBody = plan.firstPrompt;
    this.#measureEndMs = plan.measureStartMs + plan.measureMs;
    const make = (): Connection => new Connection(plan.port);
    const pool = pools.get(plan.port) ?? Array.from({ length: plan.connections }, make);
    pools.set(plan.port, pool);
    for (const connection of pool) connection.answered = (one, status) => this.#end(one, status);
    this.#free = [...pool];
  }

  /** Calls back with the result when the plan's time is over and all answers are in. */
  start(done: (result: LoadResult) => void): void {
    const timer = setInterval(() => {
      const time = nowMs();
      if (time < this.#measureEndMs) {
        if (time >= this.#plan.startMs) this.#sendDue(time);
        return;
      }
      this.#isOver = true;
      if (this.#inFlight > 0 && time < this.#measureEndMs + DRAIN_MS) return;
      clearInterval(timer);
      done(this.#result());
    }, TICK_MS);
  }

  #sendDue(time: number): void {
    const { perSecond, startMs } = this.#plan;
    if (perSecond === 0) {
      // After the first tick only a connection that broke is free.
      for (let one = this.#free.pop(); one !== undefined; one = this.#free.pop()) {
        this.#send(one, time);
      }
      return;
    }
    // The plan is whole: a late timer sends all that is due, and its lateness counts as latency.
    const due = Math.floor(((time - startMs) * perSecond) / 1000);
    for (; this.#planned < due; this.#planned++) {
      const plannedMs = startMs + (this.#planned * 1000) / perSecond;
      const connection = this.#free.shift();
      if (connection !== undefined) this.#send(connection, plannedMs);
      else if (this.#backlog.length < BACKLOG_MAX) this.#backlog.push(plannedMs);
      else this.#failed++;
    }
  }

  #send(connection: Connection, plannedMs: number): void {
    this.#inFlight++;
    if (this.#isMeasured(plannedMs)) this.#sent++;
    connection.plannedMs = plannedMs;
    connection.send(this.#bodies[this.#nextBody++ % this.#bodies.length] as Buffer);
  }

  #end(connection: Connection, status: number): void {
    const endMs = nowMs();
    this.#inFlight--;
    if (status !== 200) this.#failed++;
    else {
      if (this.#isMeasured(connection.plannedMs)) {
        this.#latenciesMs.push(endMs - connection.plannedMs);
      }
      if (this.#isMeasured(endMs)) this.#completed++;
    }
    const waiting = this.#backlog.shift();
    if (waiting !== undefined) this.#send(connection, waiting);
    else if (this.#plan.perSecond === 0 && !this.#isOver && status !== 0) {
      this.#send(connection, endMs);
    } else this.#free.push(connection);
  }

  #isMeasured(timeMs: number): boolean {
    return timeMs >= this.#plan.measureStartMs && timeMs < this.#measureEndMs;
  }

  #result(): LoadResult {
    // What never came fails, and its connection must not answer into the next run.
    const failed = this.#failed + this.#inFlight + this.#backlog.length;
    if (this.#inFlight > 0) {
      for (const connection of pools.get(this.#plan.port) ?? []) connection.close();
      pools.delete(this.#plan.port);
    }
    const latenciesMs = Float64Array.from(this.#latenciesMs);
    return { sent: this.#sent, completed: this.#completed, failed, latenciesMs };
  }
}

process.on("message", (plan: LoadRun) => {
  new Run(plan).start((result) => process.send?.(result));
});
process.on("disconnect", () => process.exit(0));
