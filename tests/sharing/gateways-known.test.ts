// Three gateways as one: what one learns all know, and each sees what the others have in flight.
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import type { Gateway } from "../../lab/gateway.js";
import {
  ask,
  assertKnown,
  assertUnknown,
  Held,
  type Homes,
  mostCrowded,
  prompts,
  teach,
} from "./support/asking.js";
import { options, Rig } from "./support/rig.js";
import {
  eventually,
  inFlightOf,
  NOTHING_ODD,
  oddMessages,
  pageOf,
  poolOf,
  settled,
  untilUp,
  viewOf,
} from "./support/views.js";

const HEALTHY = { isAlone: false, hasStream: true, ofCarrier: [] };
const NAMES = ["gateway-a", "gateway-b", "gateway-c"];

describe("three gateways that share", options, () => {
  let rig: Rig;
  let gateways: [Gateway, Gateway, Gateway];
  let homes: Homes[];

  before(async () => {
    rig = await Rig.start();
    const workers = [1, 2, 1];
    const all = NAMES.map((name, i) => rig.add(name, { workers: workers[i]! }));
    gateways = (await Promise.all(all)) as typeof gateways;
    await untilUp(true, ...gateways);
  });
  after(() => rig?.stop());

  test("each of twenty prompts through each is known to the others", async () => {
    homes = await Promise.all(gateways.map((one) => teach(one, prompts(one.name, 20))));
    const used = new Set(homes.flatMap((some) => [...some.values()]));
    assert.ok(used.size > 1, "the prompts are on several pods");
    await settled(...gateways);
    // One after the other: a pod that is busy for another gateway would be a reason to avoid it.
    for (const [i, some] of homes.entries()) {
      for (const one of gateways.filter((_, j) => j !== i)) await assertKnown(one, some);
    }
    for (const one of gateways) assert.deepEqual(await oddMessages(one), NOTHING_ODD);
    await assertUnknown(gateways[0], prompts("nobody", 2));
  });

  test("each sidecar tells of the two others, and of no problem", async () => {
    for (const one of gateways) {
      const { problems, sharing } = await viewOf(one);
      assert.deepEqual(problems, []);
      const { isAlone, hasStream, problems: ofCarrier, name } = sharing ?? {};
      assert.deepEqual({ isAlone, hasStream, ofCarrier }, HEALTHY);
      assert.equal(name, one.name);
      const others = NAMES.filter((name) => name !== one.name);
      const heard = (await poolOf(one)).sharing.gateways.map(({ name }) => name);
      assert.deepEqual(heard, others);
      const page = await pageOf(one);
      assert.match(page, /shared<\/span>\s+over 127\.0\.0\.1:\d+/);
      for (const name of others) assert.ok(page.includes(name), page);
    }
  });

  test("requests held at one keep the others off that pod, until they end", async () => {
    const [a, b, c] = gateways;
    const [pod, there] = mostCrowded(new Map(homes.flatMap((some) => [...some])));
    const held = await Held.start(a, pod, there[0]!);
    try {
      await eventually("b and c see the request of a", gateways, async () => {
        return (await inFlightOf(b, a.name)) === 1 && (await inFlightOf(c, a.name)) === 1;
      });
      await settled(...gateways);
      for (const [one, text] of [
        [b, there[1]!],
        [c, there[2]!],
      ] as const) {
        const { decision } = await ask(one, text);
        assert.notEqual(decision.pod, pod, one.name);
        assert.equal(decision.reason, "load", one.name);
      }
    } finally {
      await held.end();
    }
    await eventually("b and c see that it ended", gateways, async () => {
      return (await inFlightOf(b, a.name)) === 0 && (await inFlightOf(c, a.name)) === 0;
    });
    await settled(...gateways);
    await assertKnown(b, new Map([[there[3]!, pod]]));
    await assertKnown(c, new Map([[there[4]!, pod]]));
  });
});
