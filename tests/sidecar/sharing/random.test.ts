// Thousands of seeded steps of three sidecars with several gateways each, against plain lists.
import assert from "node:assert/strict";
import { test } from "node:test";
import { randomFrom } from "../../../lab/random.js";
import { WHOLE_LOAD_MS } from "../../../sidecar-metrics/src/sharing/pool-exchange.js";
import type { TestGateway } from "../support/sharing.js";
import { gateway, type Load, World } from "../support/sharing.js";

const STEPS = 6_000;
const PODS = ["10.0.0.1:80", "10.0.0.2:80", "[2001:db8::3]:80", "10.0.0.4:80"];

/** All that gateways said, in the order in which they said it. */
interface Said {
  by: string;
  hash: bigint;
  address: string;
}

class Run {
  readonly world = new World();
  readonly said: Said[] = [];
  readonly loads = new Map<TestGateway, Record<string, Load>>();
  readonly gateways: TestGateway[];
  private readonly random: () => number;

  constructor(seed: number) {
    this.random = randomFrom(seed);
    const [p, q, r, s] = PODS as [string, string, string, string];
    const lists = [
      [p, q, r, s],
      [s, r, q, p],
      [q, s, p, r],
    ];
    const sidecars = lists.map((list, i) => this.world.sidecar(list, { skewMs: i * 7_777_777 }));
    this.gateways = [..."123456"].map((digit, i) => gateway(sidecars[i % 3]!, digit));
  }

  step(): void {
    const { world } = this;
    this.world.wait(this.upTo(40));
    const carrier = world.server.carriers[this.upTo(3)]!;
    const chance = this.upTo(100);
    if (chance < 50) return this.poll();
    if (chance < 90) return carrier.deliver(this.upTo(20));
    // Load may be lost, and all may come twice, the second time behind later messages.
    if (chance < 93) carrier.inbox = carrier.inbox.filter(({ kind }) => kind === "records");
    else if (chance < 96) carrier.inbox.push(...carrier.inbox.slice(0, this.upTo(20)));
    else if (chance < 98) world.server.losesAcks = !world.server.losesAcks;
    else this.turnServer(!world.server.isUp);
  }

  /** Everything arrives that is to arrive, and every gateway has told all that it has. */
  settle(): void {
    this.world.server.losesAcks = false;
    this.turnServer(true);
    for (let round = 0; round < 3; round++) {
      this.world.wait(WHOLE_LOAD_MS);
      for (const one of this.gateways) one.poll({ loads: this.loads.get(one) ?? {} });
      this.world.server.deliver();
    }
  }

  private turnServer(isUp: boolean): void {
    const { server } = this.world;
    server.isUp = isUp;
    for (const carrier of server.carriers) carrier.pump();
  }

  private poll(): void {
    const one = this.gateways[this.upTo(this.gateways.length)]!;
    const loads: Record<string, Load> = {};
    for (const address of PODS) {
      if (this.upTo(2) === 0) continue;
      loads[address] = [this.upTo(5), this.upTo(5), this.upTo(5) * 1e9, this.upTo(5)];
    }
    const says = Array.from({ length: this.upTo(4) }, (_, i): [bigint, string] => [
      BigInt(this.said.length + i),
      PODS[this.upTo(PODS.length)]!,
    ]);
    this.loads.set(one, loads);
    for (const [hash, address] of says) this.said.push({ by: one.incarnation, hash, address });
    one.poll({ loads, says, isLost: this.upTo(5) === 0 });
  }

  private upTo(end: number): number {
    return Math.floor(this.random() * end);
  }
}

/** What was heard of each speaker, in the order in which it came. */
function bySpeaker(said: Said[], heard: [bigint, string][]) {
  const speakers = new Map(said.map(({ hash, by }) => [hash, by]));
  const sorted = new Map<string, [bigint, string][]>();
  for (const one of heard) {
    const by = speakers.get(one[0]) ?? "nobody";
    sorted.set(by, [...(sorted.get(by) ?? []), one]);
  }
  return new Map([...sorted].sort());
}

for (const seed of [1, 2, 3]) {
  test(`each gateway hears exactly what the others said, and rows are sums (seed ${seed})`, () => {
    const run = new Run(seed);
    const { gateways, said, loads, world } = run;
    for (let step = 0; step < STEPS; step++) run.step();
    run.settle();
    assert.ok(said.length > 2_000, `${said.length}`);
    for (const one of gateways) {
      const others = said.filter(({ by }) => by !== one.incarnation);
      const expected = others.map(({ hash, address }): [bigint, string] => [hash, address]);
      assert.equal(one.heard.length, expected.length);
      assert.deepEqual(bySpeaker(said, one.heard), bySpeaker(said, expected));
      for (const address of PODS) {
        const sums = [0, 1, 2, 3].map((field) =>
          [...loads]
            .filter(([other]) => other !== one)
            .reduce((sum, [, load]) => sum + (load[address]?.[field] ?? 0), 0),
        );
        assert.deepEqual(
          one.shared(address),
          sums.map((sum) => Math.min(sum, 2 ** 32 - 2)),
        );
      }
    }
    for (const { sidecar } of gateways) {
      const { missed, malformed, otherKey, unknownPodRecords, repeated } = sidecar.counts;
      assert.deepEqual([missed, malformed, otherKey, unknownPodRecords], [0, 0, 0, 0]);
      assert.ok(repeated > 0, "the run had repeated messages");
      assert.deepEqual(
        [sidecar.exchange.outbox.bytes, sidecar.exchange.outbox.droppedBytes],
        [0, 0],
      );
    }
    assert.ok(world.server.stream.length > 500);
  });
}
