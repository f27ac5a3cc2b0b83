// The way from one sidecar to NATS breaks or is slow: that gateway goes on alone, or hears late.
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import type { Gateway } from "../../lab/gateway.js";
import type { TcpProxy } from "../../lab/tcp-proxy.js";
import { assertKnown, assertUnknown, prompts, teach, Traffic } from "./support/asking.js";
import { options, Rig } from "./support/rig.js";
import {
  eventually,
  metricOf,
  NOTHING_ODD,
  oddMessages,
  pageOf,
  poolOf,
  problemsOf,
  settled,
  untilUp,
  viewOf,
} from "./support/views.js";

const DELAY_MS = 300;

describe("a network that fails one of three", options, () => {
  let rig: Rig;
  let gateways: [Gateway, Gateway, Gateway];
  let proxy: TcpProxy;

  before(async () => {
    rig = await Rig.start();
    proxy = await rig.proxy();
    const all = [rig.add("gateway-a"), rig.add("gateway-b"), rig.add("gateway-c", { proxy })];
    gateways = (await Promise.all(all)) as typeof gateways;
    await untilUp(true, ...gateways);
  });
  after(() => rig?.stop());

  test("cut off, it goes on alone, and the two others together", async () => {
    const [a, b, c] = gateways;
    const traffic = new Traffic(rig, "the partition", gateways);
    proxy.set("frozen");
    // Down it is as soon as the stream is silent; that the server is gone is noticed later.
    await untilUp(false, c);
    await eventually("c says that there is no server", [c], async () => {
      return /No NATS server/.test(await problemsOf(c));
    });
    await traffic.end();
    assert.match(await pageOf(c), /alone<\/span>/);
    await untilUp(true, a, b);
    const [ofA, ofC] = [prompts("a alone", 4), prompts("c alone", 4)];
    const homes = [await teach(a, ofA), await teach(c, ofC)] as const;
    await settled(a, b);
    await assertKnown(b, homes[0]);
    await assertUnknown(c, ofA.slice(3));
    await assertUnknown(a, ofC.slice(3));
    for (const [some, texts] of [
      [homes[0], ofA],
      [homes[1], ofC],
    ] as const) {
      some.delete(texts[3]!);
    }
    proxy.set("passing");
    await untilUp(true, c);
    await settled(...gateways);
    await assertKnown(c, homes[0]);
    await assertKnown(a, homes[1]);
    await assertKnown(b, homes[1]);
    for (const one of gateways) {
      assert.deepEqual(await oddMessages(one), NOTHING_ODD);
      assert.deepEqual((await viewOf(one)).problems, []);
    }
  });

  test("slow, it hears and is heard all the same, and shows how late", async () => {
    const [a, b, c] = gateways;
    proxy.delayMs = DELAY_MS;
    const traffic = new Traffic(rig, "the slow way", gateways);
    const homes = [await teach(a, prompts("a slow", 4)), await teach(c, prompts("c slow", 4))];
    await traffic.end();
    await eventually("c shows the time to an acknowledgement", gateways, async () => {
      const seconds = await metricOf(c, "warmroute_sharing_ack_seconds");
      return seconds !== null && seconds >= (2 * DELAY_MS) / 1_000;
    });
    await eventually("both sides show the lag", gateways, async () => {
      const lags = async (one: Gateway) =>
        (await poolOf(one)).sharing.gateways.map(({ name, lagMs }) => ({ name, lagMs }));
      const ofC = (await lags(a)).find(({ name }) => name === c.name);
      const isLate = (lagMs: number): boolean => lagMs > DELAY_MS / 2;
      return isLate(ofC?.lagMs ?? 0) && (await lags(c)).every(({ lagMs }) => isLate(lagMs));
    });
    await settled(...gateways);
    await assertKnown(c, homes[0]!);
    await assertKnown(a, homes[1]!);
    await assertKnown(b, homes[1]!);
    for (const one of gateways) {
      assert.deepEqual(await oddMessages(one), NOTHING_ODD);
      assert.deepEqual((await viewOf(one)).problems, []);
    }
    proxy.delayMs = 0;
  });
});
