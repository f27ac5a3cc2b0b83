// A gateway that starts while others serve: when it is ready, and what it knows by then.
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import type { Gateway } from "../../lab/gateway.js";
import { freePort, LOOPBACK } from "../../lab/ports.js";
import {
  assertKnown,
  assertUnknown,
  type Homes,
  prompts,
  teach,
  Traffic,
} from "./support/asking.js";
import { options, Rig } from "./support/rig.js";
import { eventually, polled, poolOf, settled, untilUp, viewOf } from "./support/views.js";

describe("a gateway that joins two under load", options, () => {
  let rig: Rig;
  let gateways: [Gateway, Gateway];
  let homes: Homes;
  const texts = prompts("long known", 20);

  before(async () => {
    rig = await Rig.start();
    gateways = (await Promise.all(["gateway-a", "gateway-b"].map((name) => rig.add(name)))) as [
      Gateway,
      Gateway,
    ];
    await untilUp(true, ...gateways);
    homes = await teach(gateways[0], texts);
    await settled(...gateways);
  });
  after(() => rig?.stop());

  test("it is ready when it has what was kept, and its first requests are hits", async () => {
    const traffic = new Traffic(rig, "a join", gateways);
    const proxy = await rig.proxy();
    proxy.set("frozen");
    const sidecarPort = await freePort();
    const joining = rig.add("gateway-c", { proxy, sidecarPort });
    let said = "";
    await eventually("it says what it waits for", gateways, async () => {
      said = await readiness(sidecarPort);
      return said.startsWith("503 waiting for the records");
    });
    assert.equal(said, "503 waiting for the records of other gateways for default");
    proxy.set("passing");
    const c = await joining;
    await traffic.end();
    assert.equal(await readiness(sidecarPort), "200 ready");
    assert.deepEqual((await viewOf(c)).sharing?.replaying, []);
    await assertKnown(c, homes);
    await settled(...gateways, c);
  });

  test("with replaySeconds 0 it begins cold, and hears from then on", async () => {
    const d = await rig.add("gateway-d", { sharing: { replaySeconds: 0 } });
    await untilUp(true, d);
    const missing = await recordBytes(gateways[0]);
    assert.equal(await recordBytes(d), 0);
    await assertUnknown(d, texts.slice(0, 3));
    const later = await teach(gateways[0], prompts("said later", 3));
    await settled(...gateways);
    await eventually("gateway-d has what the others have but for that", [d], async () => {
      const [own] = (await poolOf(d)).gateways;
      const there = (await recordBytes(gateways[0])) - (await recordBytes(d));
      return own?.batchesBehind === 0 && there === missing;
    });
    await polled(d);
    await assertKnown(d, later);
  });
});

async function recordBytes(gateway: Gateway): Promise<number> {
  return (await poolOf(gateway)).sharing.recordBytes;
}

/** Status and text; empty where nobody listens yet. */
async function readiness(port: number): Promise<string> {
  try {
    const response = await fetch(`http://${LOOPBACK}:${port}/readyz`);
    return `${response.status} ${(await response.text()).trim()}`;
  } catch {
    return "";
  }
}

describe("gateways that start before NATS", options, () => {
  let rig: Rig;
  before(async () => void (rig = await Rig.start({ isDown: true })));
  after(() => rig?.stop());

  test("they become ready in a bounded time, serve, and join when it is there", async () => {
    const [a, b] = await Promise.all([rig.add("gateway-a"), rig.add("gateway-b")]);
    await untilUp(false, a, b);
    assert.equal((await viewOf(a)).sharing?.server, null);
    const homes = [
      await teach(a, prompts("early at a", 3)),
      await teach(b, prompts("early at b", 3)),
    ];
    await assertKnown(a, homes[0]!);
    await rig.nats.start();
    await untilUp(true, a, b);
    await settled(a, b);
    await assertKnown(b, homes[0]!);
    await assertKnown(a, homes[1]!);
    assert.deepEqual((await viewOf(a)).problems, []);
  });
});
