// Gateways that are not as they should be, or not to share: one name twice, different hash keys,
// different pools over one stream, and pods that each sidecar numbers in another way.
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import type { Gateway } from "../../lab/gateway.js";
import { assertKnown, assertUnknown, prompts, teach } from "./support/asking.js";
import { options, POOL, Rig } from "./support/rig.js";
import { eventually, pageOf, poolOf, problemsOf, settled, untilUp } from "./support/views.js";

describe("gateways over one stream", options, () => {
  let rig: Rig;
  let [a, twin, stranger, other]: Gateway[] = [];

  before(async () => {
    rig = await Rig.start();
    const reversed = [...rig.pods.addresses].reverse();
    [a, twin, stranger, other] = await Promise.all([
      rig.add("gateway-a"),
      rig.add("gateway-twin", { sharing: { name: "gateway-a" }, sidecarPods: reversed }),
      rig.add("gateway-other", { hashKey: "f".repeat(32) }),
      // Were the dot a new word of a subject, wildcards would mix the two.
      rig.add("gateway-pool", { pool: `${POOL}.other` }),
    ]);
    await untilUp(true, a, twin, stranger, other);
  });
  after(() => rig?.stop());

  test("two of one name, which number the pods differently, share and are shown", async () => {
    const numbers = async (one: Gateway) =>
      new Map((await poolOf(one)).pods.map(({ address, number }) => [address, number]));
    assert.notDeepEqual(await numbers(a!), await numbers(twin!));
    const homes = [await teach(a!, prompts("numbers", 8)), await teach(twin!, prompts("twin", 8))];
    const used = new Set(homes.flatMap((some) => [...some.values()]));
    assert.ok(used.size > 1, "the prompts are on several pods");
    await settled(a!, twin!);
    await assertKnown(twin!, homes[0]!);
    await assertKnown(a!, homes[1]!);
    for (const one of [a!, twin!]) {
      assert.match(await problemsOf(one), /2 sidecars are called "gateway-a": they share/);
    }
  });

  test("under another hash key nothing is shared, and all say so", async () => {
    await teach(a!, prompts("under our key", 3));
    const homes = await teach(stranger!, prompts("under theirs", 3));
    for (const [one, other] of [
      [stranger!, "gateway-a"],
      [a!, "gateway-other"],
    ] as const) {
      await eventually("the other's messages are counted", [one], async () => {
        const { otherKey } = (await poolOf(one)).sharing.messages;
        return otherKey > 0 && (await problemsOf(one)).includes(`("${other}" last)`);
      });
      assert.match(await problemsOf(one), /Gateways under another hash key are heard/);
      assert.match(await pageOf(one), /under another key\s+[1-9]/);
    }
    await settled(a!, twin!);
    assert.deepEqual((await poolOf(stranger!)).sharing.gateways, []);
    await assertUnknown(stranger!, prompts("under our key", 3));
    await assertUnknown(a!, homes.keys());
  });

  test("another pool over the same stream knows nothing of ours, nor we of it", async () => {
    const ours = await teach(a!, prompts("of our pool", 3));
    const theirs = await teach(other!, prompts("of their pool", 3));
    await settled(a!, twin!);
    await assertUnknown(other!, ours.keys());
    await assertUnknown(a!, theirs.keys());
    const heard = async (one: Gateway) =>
      (await poolOf(one)).sharing.gateways.map(({ name }) => name);
    assert.deepEqual(await heard(other!), []);
    assert.deepEqual(await heard(twin!), ["gateway-a"]);
  });
});
