// A small world in virtual time around the built filter, where everything is checked after every
// event: clients, pods that come and go, a sidecar that is slow, away or wrong.
import assert from "node:assert/strict";
import { type HttpCall, SharedData } from "../../simulator/host/index.js";
import { EventQueue } from "../../simulator/run/event-queue.js";
import { Random } from "../../simulator/workloads/random.js";
import { decodeReport, encodeAnswer, encodeTable } from "../host/filter/support/wire.js";
import { checkVm, checkVmEnd } from "./invariants-checks.js";
import { Draw, type WorldConfig } from "./invariants-config.js";
import { Flight } from "./invariants-flight.js";
import { Life } from "./invariants-life.js";
import { CAPACITY_TOKENS_DEFAULT } from "./invariants-memory.js";
import { Names } from "./invariants-names.js";
import { Pod } from "./invariants-pods.js";
import { Prompts } from "./invariants-prompts.js";
import { Vm } from "./invariants-vm.js";
import type { Table } from "./reference-types.js";

const TICK_MS = 10;
const POLL_INTERVAL_MS = 50;
/** Ticks after the last request, in which the VMs tell each other that all is over. */
const LAST_TICKS = 40;
/** Every so many events all is compared, not only what should have changed. */
const WHOLE_EVERY = 200;
/** Numbers that pods may have. */
export const NUMBERS_MAX = 16;

export class World {
  readonly shared = new SharedData();
  readonly names = new Names();
  readonly pods: Pod<Flight>[] = [];
  readonly vms: Vm[];
  readonly requests: Random;
  readonly filterRandom: Random;
  nodesMax = 0;
  /** The newest table that a VM has got from the sidecar. */
  published: { number: number; table: Table } | null = null;
  eventCount = 0;
  eventName = "start";
  private readonly queue = new EventQueue();
  private readonly prompts: Prompts;
  private readonly life: Life;
  private readonly outcomes = { finished: 0, refused: 0, failed: 0 };
  private arrived = 0;
  private lastMs = 0;
  private ticksLeft = LAST_TICKS;
  private sequence = 0n;
  private lastReport: ReturnType<typeof decodeReport> | null = null;

  constructor(readonly config: WorldConfig) {
    const { seed } = config;
    this.requests = Random.from(seed, Draw.Requests);
    this.filterRandom = Random.from(seed, Draw.Filter);
    this.prompts = new Prompts(config, this.requests);
    this.life = new Life(this);
    for (let i = 0; i < config.pods; i++) this.addPod();
    this.vms = Array.from({ length: config.vms }, () => new Vm(this));
  }

  get nowMs(): number {
    return this.queue.nowMs;
  }

  /** No request is under way, and none will come. */
  get isOver(): boolean {
    const { finished, refused, failed } = this.outcomes;
    return finished + refused + failed === this.config.requests;
  }

  run(): void {
    const { config } = this;
    this.vms.forEach((vm, i) => this.tickFrom(vm, i * 3));
    const random = Random.from(config.seed, Draw.Arrivals);
    let atMs = config.startsCold ? 5 : 200;
    for (let i = 0; i < config.requests; i++) {
      atMs += random.exponential(1000 / config.ratePerS);
      const vm = this.vms[random.integer(0, config.vms - 1)]!;
      this.at(atMs, "a request", (nowMs) => this.arrive(vm, nowMs));
    }
    this.life.start();
    this.queue.run();
    this.checkEnd();
  }

  /** Plans an event, after which all is checked. */
  at(atMs: number, what: string, handle: (nowMs: number) => void): void {
    this.queue.add(atMs, (nowMs) => {
      this.eventCount++;
      this.eventName = what;
      assert.ok(nowMs >= this.lastMs, "time runs backwards");
      this.lastMs = nowMs;
      handle(nowMs);
      const isWhole = this.eventCount % WHOLE_EVERY === 0;
      if (this.nodesMax > 0) for (const vm of this.vms) checkVm(vm, isWhole);
    });
  }

  private tickFrom(vm: Vm, atMs: number): void {
    this.at(atMs, "tick", (nowMs) => {
      vm.tick(nowMs);
      vm.checkTold();
      if (!this.isOver || this.ticksLeft-- > 0) this.tickFrom(vm, nowMs + TICK_MS);
    });
  }

  private arrive(vm: Vm, nowMs: number): void {
    this.arrived++;
    let draw = this.prompts.draw();
    // Many decisions may come with the first table, more than the filter keeps to be looked at.
    while (draw.kind === "bad" && this.published === null) draw = this.prompts.draw();
    const flight = new Flight(this, vm, draw, nowMs);
    vm.flights.add(flight);
    flight.start();
    if (this.requests.unit() >= this.config.hangUpShare || this.published === null) return;
    const atMs = nowMs + this.requests.exponential(200);
    this.at(atMs, "a client hangs up", (hangUpMs) => flight.hangUp(hangUpMs));
  }

  ended(flight: Flight): void {
    this.outcomes[flight.outcome!]++;
    flight.vm.flights.delete(flight);
  }

  addPod(): void {
    const number = this.pods.length;
    const address = `10.0.0.${number + 1}:8000`;
    const plan = this.at.bind(this);
    this.pods.push(new Pod<Flight>(number, address, this.life.newEpoch(), this.config, plan));
  }

  podAt(address: string): Pod<Flight> | undefined {
    return this.pods.find((pod) => pod.address === address);
  }

  /** Where Envoy's own policy would send a request. */
  anyPod(): Pod<Flight> | undefined {
    const alive = this.pods.filter(({ isAlive }) => isAlive);
    return alive[this.requests.integer(0, Math.max(0, alive.length - 1))];
  }

  /** A pod that the sidecar has long known as unfit is in no table any more. */
  checkFresh(address: string, nowMs: number): void {
    if (this.config.sidecarTrouble) return;
    const unfitMs = nowMs - this.life.unfitSinceMs(this.podAt(address)!);
    const boundMs = POLL_INTERVAL_MS + 2 * TICK_MS + 2 * this.config.pollMs + 20;
    assert.ok(unfitMs <= boundMs, `${address} has been unfit for ${unfitMs} ms`);
  }

  onPoll(vm: Vm, call: HttpCall): void {
    const report = decodeReport(call.body);
    this.lastReport = report;
    for (const pod of report.json.pods) {
      const amounts = Object.values(pod).filter((value) => typeof value === "number");
      for (const value of amounts) assert.ok(value >= 0, JSON.stringify(pod));
    }
    const { index } = report.json;
    assert.ok(index.nodes <= index.nodesMax, JSON.stringify(index));
    if (this.nodesMax === 0) this.start(index.nodesMax);
    assert.equal(index.nodesMax, this.nodesMax);
    const mood = this.life.mood();
    const delayMs = mood === "hang" ? call.timeoutMs : this.config.pollMs;
    this.at(this.nowMs + delayMs, `the sidecar's answer: ${mood}`, () => {
      if (mood === "well") this.answer(vm, call);
      else if (mood === "hang") call.timeOut();
      else if (mood === "down") call.fail();
      else call.respond(200, [], "WRA1 nonsense");
    });
  }

  private start(nodesMax: number): void {
    this.nodesMax = nodesMax;
    for (const vm of this.vms) vm.expect(NUMBERS_MAX, CAPACITY_TOKENS_DEFAULT, nodesMax);
  }

  private answer(vm: Vm, call: HttpCall): void {
    const table = this.life.table();
    const { rows, keyNumber, isDefaultStrategy } = table;
    const bytes = encodeTable({
      rows,
      hashKey: Buffer.alloc(16, keyNumber + 1),
      strategy: isDefaultStrategy ? "DEFAULT" : null,
      sequence: ++this.sequence,
    });
    call.respond(200, [], encodeAnswer(bytes));
    this.published = { number: (this.published?.number ?? 0) + 1, table };
    vm.seenTable = this.published.number;
    vm.reference.takeTable(table);
  }

  private checkEnd(): void {
    const { config, outcomes } = this;
    assert.equal(this.arrived, config.requests, "requests that arrived");
    assert.ok(this.isOver, `lost: ${JSON.stringify(outcomes)} of ${config.requests}`);
    for (const vm of this.vms) {
      checkVm(vm, true);
      checkVmEnd(vm);
    }
    for (const pod of this.pods) {
      if (pod.isAlive) assert.equal(pod.engine.stats().usedBlocks, 0, "blocks in use at the end");
    }
    if (config.sidecarTrouble) return;
    assert.deepEqual(this.lastReport?.json.pods, [], "pods with load in the last report");
  }
}
