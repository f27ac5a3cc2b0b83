// The nats-server dies, comes back, loses what it kept, and freezes, under load: no request
// suffers, each gateway goes on alone, and afterwards all know what each learned meanwhile, once.
import assert from "node:assert/strict";
import { rmSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import type { Gateway } from "../../lab/gateway.js";
import {
  assertKnown,
  assertUnknown,
  type Homes,
  prompts,
  teach,
  Traffic,
} from "./support/asking.js";
import { options, Rig } from "./support/rig.js";
import {
  NOTHING_ODD,
  oddMessages,
  pageOf,
  problemsOf,
  settled,
  untilUp,
  viewOf,
} from "./support/views.js";

/** Less than it takes to notice that the server is silent, and longer than an ack is waited for. */
const FROZEN_MS = 3_000;

describe("a nats-server that fails", options, () => {
  let rig: Rig;
  let gateways: [Gateway, Gateway, Gateway];
  /** What each has learned in the test that runs. */
  let homes: Homes[];

  before(async () => {
    rig = await Rig.start();
    const all = ["gateway-a", "gateway-b", "gateway-c"].map((name) => rig.add(name));
    gateways = (await Promise.all(all)) as typeof gateways;
    await untilUp(true, ...gateways);
  });
  after(() => rig?.stop());

  const learn = async (title: string): Promise<void> => {
    const each = (one: Gateway) => teach(one, prompts(`${title} at ${one.name}`, 4));
    homes = await Promise.all(gateways.map(each));
  };

  const assertAllKnowAll = async (): Promise<void> => {
    await settled(...gateways);
    for (const [i, some] of homes.entries()) {
      for (const one of gateways.filter((_, j) => j !== i)) await assertKnown(one, some);
    }
  };

  test("killed: each goes on alone, and says so", async () => {
    await learn("before");
    await settled(...gateways);
    const traffic = new Traffic(rig, "the outage", gateways);
    await rig.nats.kill();
    await untilUp(false, ...gateways);
    await learn("the outage");
    await traffic.end();
    for (const one of gateways) {
      assert.equal((await viewOf(one)).sharing?.isAlone, true);
      assert.match(await problemsOf(one), /No NATS server: the gateways here know only what/);
      assert.match(await problemsOf(one), /NATS at 127\.0\.0\.1:\d+/);
      assert.match(await pageOf(one), /alone<\/span>/);
      assert.match(one.sidecar.child.output, /NATS at 127\.0\.0\.1:\d+ (refuses|is lost)/);
    }
    for (const [i, some] of homes.entries()) await assertKnown(gateways[i]!, some);
    await assertUnknown(gateways[1], prompts("the outage at gateway-a", 4).slice(3));
    homes[0]!.delete(prompts("the outage at gateway-a", 4)[3]!);
  });

  test("started again: all know what was learned meanwhile", async () => {
    const traffic = new Traffic(rig, "the return", gateways);
    await rig.nats.start();
    await untilUp(true, ...gateways);
    await traffic.end();
    await assertAllKnowAll();
    for (const one of gateways) {
      assert.deepEqual(await oddMessages(one), NOTHING_ODD);
      assert.deepEqual((await viewOf(one)).problems, []);
      assert.equal((await viewOf(one)).sharing?.disconnects, 1);
    }
  });

  test("started again with an empty store: the stream is made anew", async () => {
    const traffic = new Traffic(rig, "the loss", gateways);
    await rig.nats.kill();
    rmSync(join(rig.nats.folder, "store"), { recursive: true });
    await untilUp(false, ...gateways);
    await learn("the loss");
    await rig.nats.start();
    await untilUp(true, ...gateways);
    await traffic.end();
    await assertAllKnowAll();
    await learn("after the loss");
    await assertAllKnowAll();
  });

  test("frozen for seconds: all of it arrives, once", async () => {
    const traffic = new Traffic(rig, "the silence", gateways);
    rig.nats.pause();
    await learn("the silence");
    await sleep(FROZEN_MS);
    rig.nats.resume();
    await traffic.end();
    await assertAllKnowAll();
  });
});
