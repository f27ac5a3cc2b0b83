// A gateway dies with requests in flight, or only its sidecar does: what the others count, and what
// the one that lost its sidecar knows afterwards.
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import type { Gateway } from "../../lab/gateway.js";
import { ask, assertKnown, Held, mostCrowded, prompts, teach, Traffic } from "./support/asking.js";
import { options, Rig } from "./support/rig.js";
import {
  eventually,
  inFlightOf,
  NOTHING_ODD,
  oddMessages,
  poolOf,
  settled,
  untilUp,
} from "./support/views.js";

/** As docs/sharing.md says. */
const SILENT_AFTER_MS = 3_000;

/** Of four pods one has four of them. */
const CROWD = 16;

describe("a gateway that is lost", options, () => {
  let rig: Rig;
  let gateways: [Gateway, Gateway, Gateway];

  before(async () => {
    rig = await Rig.start();
    const all = ["gateway-a", "gateway-b", "gateway-c"].map((name) => rig.add(name));
    gateways = (await Promise.all(all)) as typeof gateways;
    await untilUp(true, ...gateways);
  });
  after(() => rig?.stop());

  test("its sidecar alone: Envoy goes on, and hears once what was said meanwhile", async () => {
    const [a, b, c] = gateways;
    const before = await teach(b, prompts("before at b", 3));
    await settled(...gateways);
    await rig.killSidecar(a);
    const traffic = new Traffic(rig, "no sidecar", gateways);
    const meanwhile = await teach(b, prompts("meanwhile at b", 3));
    await assertKnown(a, before);
    await traffic.end();
    await a.restartSidecar();
    await untilUp(true, a);
    await eventually("the others hear of its new life alone", gateways, async () => {
      const lives = (await poolOf(b)).sharing.gateways.filter(({ name }) => name === a.name);
      return lives.length === 1;
    });
    const own = await teach(a, prompts("own at a", 3));
    await settled(...gateways);
    await assertKnown(a, meanwhile);
    await assertKnown(b, own);
    await assertKnown(c, own);
    for (const one of gateways) assert.deepEqual(await oddMessages(one), NOTHING_ODD);
  });

  test("all of it: its requests count until it is silent, and no longer", async () => {
    const [a, b, c] = gateways;
    const [pod, there] = mostCrowded(await teach(b, prompts("a crowd", CROWD)));
    await settled(b, c);
    const held = await Held.start(a, pod, there[0]!);
    await eventually("b sees the request of a", gateways, async () => {
      return (await inFlightOf(b, a.name)) === 1;
    });
    await settled(b, c);
    await rig.kill(a);
    const { decision } = await ask(b, there[1]!);
    const silent = (await poolOf(b)).sharing.gateways.find(({ name }) => name === a.name);
    // On a machine that took seconds for these two it may be forgotten already.
    if (silent !== undefined && silent.ageMs < SILENT_AFTER_MS) {
      assert.notEqual(decision.pod, pod);
      assert.equal(decision.reason, "load");
    }
    await held.end();
    for (const one of [b, c]) {
      await eventually(`${one.name} counts it no more`, [b, c], async () => {
        return (await inFlightOf(one, a.name)) === 0;
      });
    }
    await settled(b, c);
    await assertKnown(b, new Map([[there[2]!, pod]]));
    await assertKnown(c, new Map([[there[3]!, pod]]));
    await eventually("it is shown no more", [b, c], async () => {
      return (await inFlightOf(b, a.name)) === null;
    });
  });
});
