// One VM with the built filter, what it should hold beside it, and the comparison of both.
import assert from "node:assert/strict";
import { type RootContext, WasmHost } from "../../simulator/host/index.js";
import { filterModule } from "../host/filter/support/gateway.js";
import type { Flight } from "./invariants-flight.js";
import { type HeadLoad, loadsOf, VmMemory } from "./invariants-memory.js";
import type { World } from "./invariants-world.js";
import type { ChainLink } from "./reference-index.js";
import {
  headRecord,
  JournalReader,
  SEGMENTS_PER_TICK_MAX,
  type Told,
} from "./reference-journal.js";
import type { Routed } from "./reference-types.js";
import { ReferenceVm } from "./reference-vm.js";

/** Names of filter/pick/reason.ts, in its order, as far as they may come here. */
const REASONS = [
  ...["prefix", "load", "cold", "no-prompt", "fallback-json", "default", "fallback-no-key"],
];
const EPOCH_MS = 1_767_225_600_000;

export class Vm {
  readonly host: WasmHost;
  readonly root: RootContext;
  readonly memory: VmMemory;
  reference!: ReferenceVm;
  readonly flights = new Set<Flight>();
  /** Its number among the VMs that serve; -1 before its first request. */
  number = -1;
  /** Number of the newest table that it has taken. */
  seenTable = 0;
  private readonly startedMs: number;
  private ears: { of: Vm; reader: JournalReader; heard: number }[] = [];
  private witness: JournalReader | null = null;
  private witnessed = 0;
  private decisions = 0;

  /** Places of streams that have ended, the newest last, and how many there ever were. */
  private readonly freePlaces: number[] = [];
  private placeCount = 0;

  constructor(readonly world: World) {
    this.host = new WasmHost({
      module: filterModule(),
      sharedData: world.shared,
      clock: { nowNs: () => this.ns(world.nowMs) },
      random: () => world.filterRandom.unit(),
      onHttpCall: (call) => world.onPoll(this, call),
    });
    this.startedMs = this.seenMs(world.nowMs);
    // Who is ejected depends on all VMs' failures at once; tests/host/filter/health.test.ts has it.
    const config = { pool: "default", indexMiB: 1, ejectAfterFailures: 0 };
    this.root = this.host.newRoot(JSON.stringify(config));
    this.memory = new VmMemory(this.host);
  }

  private ns(nowMs: number): bigint {
    return BigInt(Math.round((EPOCH_MS + nowMs) * 1e6));
  }

  /** The time as the filter gets it: nanoseconds as a double, in ms. */
  seenMs(nowMs: number): number {
    return Number(this.ns(nowMs)) / 1e6;
  }

  expect(podCountMax: number, capacityTokens: number, nodesMax: number): void {
    this.reference = new ReferenceVm(podCountMax, capacityTokens, nodesMax, this.startedMs);
  }

  /** The filter looks at its streams in the order of their places, which are used again. */
  takePlace(): number {
    return this.freePlaces.pop() ?? this.placeCount++;
  }

  givePlace(place: number): void {
    this.freePlaces.push(place);
  }

  noteJoined(): void {
    if (this.number >= 0) return;
    this.number = this.world.vms.filter(({ number }) => number >= 0).length;
    const record = headRecord(this.world.shared, this.number);
    assert.ok(record !== undefined, "a VM that serves shows itself");
    this.memory.findHead(record);
    this.witness = new JournalReader(this.world.shared, this.number);
  }

  tick(nowMs: number): void {
    this.root.tick();
    // In the filter's order: what waited, the table, the neighbours.
    const byPlace = [...this.flights].sort((a, b) => a.place - b.place);
    for (const flight of byPlace) flight.lookDecided(nowMs);
    const { published } = this.world;
    if (published !== null && published.number !== this.seenTable) {
      this.seenTable = published.number;
      this.reference.takeTable(published.table);
    }
    const { evictedCount } = this.reference.index;
    this.hear(nowMs);
    this.memory.refresh();
    this.checkShown(evictedCount);
    this.checkOthers();
  }

  private hear(nowMs: number): void {
    for (const of of this.world.vms) {
      if (of === this || of.number < 0) continue;
      let ear = this.ears.find((one) => one.of === of);
      if (ear === undefined) {
        ear = { of, reader: new JournalReader(this.world.shared, of.number), heard: 0 };
        this.ears.push(ear);
      }
      for (const written of ear.reader.read(SEGMENTS_PER_TICK_MAX)) {
        const told: Told | undefined = of.reference.told[ear.heard++];
        assert.equal(written.kind, told?.kind, "a neighbour's record is none that was told");
        this.reference.hear(told!, this.seenMs(nowMs));
      }
    }
  }

  /** What lies in shared data is what the neighbours should be told, no more and no less. */
  checkTold(): void {
    if (this.witness === null) return;
    const { told } = this.reference;
    const { names } = this.world;
    for (const { hashes, ...written } of this.witness.read()) {
      const expected = told[this.witnessed++];
      const keys = expected?.keys ?? [];
      assert.deepEqual({ ...written, keys }, expected, "told to the neighbours");
      assert.equal(hashes.length, keys.length, "checkpoints told to the neighbours");
      hashes.forEach((hash, i) => names.bind(hash, keys[i]!, "told to the neighbours"));
    }
    assert.equal(this.witnessed, told.length, "records told to the neighbours");
  }

  /** What its head shows to the neighbours is what it has under way. */
  private checkShown(evictedCount: number): void {
    if (this.number < 0) return;
    const shown = loadsOf(headRecord(this.world.shared, this.number)!);
    const own = this.loads();
    assert.deepEqual(
      [...shown.keys()],
      [...own.keys()].sort((a, b) => a - b),
      "pods in the head",
    );
    for (const [number, { inFlight }] of own) {
      assert.equal(shown.get(number)!.inFlight, inFlight, `in flight of pod ${number} in the head`);
    }
    // Its figures are of the tick's start, before it hears the others.
    assert.equal(this.memory.headField("indexEvicted"), evictedCount, "nodes evicted");
  }

  /** What it takes the others' load for is what they show. */
  private checkOthers(): void {
    const { memory, reference, world } = this;
    const records = world.vms
      .filter((vm) => vm !== this && vm.number >= 0)
      .map((vm) => loadsOf(headRecord(world.shared, vm.number)!));
    for (let number = 0; memory.hasRows && number < reference.rows.length; number++) {
      const sum = (of: keyof HeadLoad): number =>
        records.reduce((total, loads) => total + (loads.get(number)?.[of] ?? 0), 0);
      const title = `of the others on pod ${number}`;
      assert.equal(memory.row(number, "otherInFlight"), sum("inFlight"), `in flight ${title}`);
      assert.equal(memory.row(number, "otherUnprefilled"), sum("unprefilled"), title);
      assert.equal(memory.row(number, "otherBacklogTokens"), sum("backlogTokens"), title);
      assert.equal(memory.row(number, "otherKvTokens"), sum("kvTokens"), title);
    }
  }

  /** Judges where the filter sent the request; null: it named no pod. */
  checkDecision(flight: Flight, destinations: string[], nowMs: number): Routed | null {
    const { reference } = this;
    if (reference.table === null || reference.pickable.length === 0) {
      assert.deepEqual(destinations, [], "a pod was named where none may be picked");
      return null;
    }
    const numbers = destinations.map((address) =>
      reference.rows.findIndex((row) => row?.isListed === true && row.address === address),
    );
    for (const [i, number] of numbers.entries()) {
      assert.ok(reference.mayBePicked(number), `${destinations[i]} may not be picked`);
      this.world.checkFresh(destinations[i]!, nowMs);
    }
    assert.equal(new Set(numbers).size, numbers.length, "the second choice is the first");
    assert.equal(numbers.length, Math.min(2, reference.pickable.length), "choices");
    return this.route(flight, numbers[0]!, nowMs);
  }

  private route(flight: Flight, number: number, nowMs: number): Routed {
    const { memory, reference } = this;
    const { kind, prompt } = flight.draw;
    const before = reference.reasonBefore(prompt, kind === "bad", flight.keyNumber);
    const chain: ChainLink[] = before === null ? reference.chainOf(prompt!, flight.keyNumber) : [];
    const reason = before ?? reference.reasonAfter(number, chain);
    const matchedTokens = before === null ? reference.matched(number, chain) : 0;
    const promptBytes = prompt?.pieces.reduce((sum, { bytes }) => sum + bytes, 0) ?? 0;
    const seen = memory.decision(this.decisions++);
    // Of a broken body the filter counts what it could read.
    const promptTokens =
      kind === "bad" ? (seen?.promptTokens ?? 0) : reference.tokensOf(promptBytes);
    if (seen !== null) {
      const told = { ...seen, reason: REASONS[seen.reason] };
      assert.deepEqual(told, { endpoint: number, reason, promptTokens, matchedTokens }, "decision");
    }
    const uncachedTokens = Math.max(0, promptTokens - matchedTokens);
    const routed: Routed = {
      ...{ number, prompt, promptBytes, chain, matchedTokens, uncachedTokens },
      ...{ keyNumber: flight.keyNumber, life: 0, matchedDepth: 0, priorTouch: 0, routedStep: 0 },
      ...{ hasPrediction: false, status: 0 },
    };
    reference.route(routed, before === null && kind !== "embeddings", this.seenMs(nowMs));
    return routed;
  }

  /** What this VM's requests under way come to, by pod. */
  loads(): Map<number, PodLoad> {
    const loads = new Map<number, PodLoad>();
    for (const { routed, isStreamed, sawFirstToken } of this.flights) {
      if (routed === null || routed.number < 0) continue;
      const load = loads.get(routed.number) ?? { ...NO_LOAD };
      loads.set(routed.number, load);
      load.inFlight++;
      load.uncachedTokens += routed.uncachedTokens;
      if (sawFirstToken) continue;
      load.unprefilledMax++;
      load.backlogTokensMax += routed.uncachedTokens;
      if (!isStreamed) continue;
      load.unprefilledMin++;
      load.backlogTokensMin += routed.uncachedTokens;
    }
    return loads;
  }
}

export interface PodLoad {
  inFlight: number;
  uncachedTokens: number;
  unprefilledMin: number;
  unprefilledMax: number;
  backlogTokensMin: number;
  backlogTokensMax: number;
}

export const NO_LOAD: PodLoad = {
  inFlight: 0,
  uncachedTokens: 0,
  unprefilledMin: 0,
  unprefilledMax: 0,
  backlogTokensMin: 0,
  backlogTokensMax: 0,
};
