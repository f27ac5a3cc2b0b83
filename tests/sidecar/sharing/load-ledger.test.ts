// The sums of the gateways' loads against sums done plainly, and their bounds.
import assert from "node:assert/strict";
import { test } from "node:test";
import { randomFrom } from "../../../lab/random.js";
import { loadOf } from "../../../sidecar-metrics/src/sharing/load.js";
import {
  LoadLedger,
  MEMBERS_MAX,
  SILENT_AFTER_MS,
} from "../../../sidecar-metrics/src/sharing/load-ledger.js";
import type { SharedLoad } from "../../../sidecar-metrics/src/sync/table.js";

function load(inFlight: number, more: Partial<SharedLoad> = {}): SharedLoad {
  return { inFlight, unprefilled: 0, backlogTokens: 0, kvTokens: 0, ...more };
}

const NOTHING = load(0);

test("sums are the plain sums of the others, over thousands of steps", () => {
  const random = randomFrom(2);
  const upTo = (end: number): number => Math.floor(random() * end);
  const ledger = new LoadLedger();
  const plain = new Map<string, Map<number, SharedLoad>>();
  const pods = [0, 1, 5, 1_023];
  for (let step = 0; step < 5_000; step++) {
    const gateway = `g${upTo(6)}`;
    const told = new Map<number, SharedLoad>();
    for (const pod of pods) {
      const backlogTokens = upTo(3) * 0xffff_ffff;
      if (random() < 0.5) told.set(pod, load(upTo(3), { backlogTokens, kvTokens: upTo(9) }));
    }
    const isWhole = random() < 0.3;
    ledger.take(gateway, told, isWhole, 0);
    const before = isWhole ? [] : (plain.get(gateway) ?? []);
    plain.set(gateway, new Map([...before, ...told]));
    const asks = `g${upTo(7)}`;
    for (const pod of pods) {
      const others = [...plain]
        .filter(([name]) => name !== asks)
        .map(([, loads]) => loads.get(pod));
      const sum = (field: keyof SharedLoad): number =>
        others.reduce((total, one) => total + (one?.[field] ?? 0), 0);
      const expected = {
        inFlight: sum("inFlight"),
        unprefilled: 0,
        backlogTokens: sum("backlogTokens"),
        kvTokens: sum("kvTokens"),
      };
      assert.deepEqual(ledger.others(pod, asks), expected, `step ${step}`);
    }
  }
});

test("whatever a report says, nothing of it is left once the gateway is gone", () => {
  const ledger = new LoadLedger();
  const odd = [0.1, 0.2, 0.7, 1e-9, Number.MAX_SAFE_INTEGER, Number.MAX_SAFE_INTEGER - 1, 3];
  odd.forEach((amount, i) => {
    const [inFlight, unprefilled, backlogTokens, kvTokens] = [amount, amount, amount, amount];
    const told = loadOf({ number: 0, inFlight, unprefilled, backlogTokens, kvTokens });
    ledger.take(`odd-${i}`, new Map([[0, told]]), true, i * 1_000);
  });
  ledger.forgetSilent(1e9);
  assert.deepEqual([ledger.size, ledger.others(0, "me")], [0, NOTHING]);
});

test("a gateway counts until it has been silent for its time, and not after", () => {
  const ledger = new LoadLedger();
  ledger.take("a", new Map([[3, load(5)]]), true, 1_000);
  ledger.forgetSilent(1_000 + SILENT_AFTER_MS);
  assert.deepEqual([ledger.others(3, "b").inFlight, ledger.hasOthers("b")], [5, true]);
  ledger.forgetSilent(1_000 + SILENT_AFTER_MS + 1);
  assert.deepEqual([ledger.others(3, "b").inFlight, ledger.hasOthers("b")], [0, false]);
  ledger.take("a", new Map([[3, load(2)]]), false, 9_000);
  assert.equal(ledger.others(3, "b").inFlight, 2, "counted once when it is back");
});

test("pods beyond the 1,024 there are cost and change nothing", () => {
  const ledger = new LoadLedger();
  const told = new Map([1_024, 65_535, 1e9].map((number) => [number, load(7)]));
  ledger.take("a", told, true, 0);
  for (const pod of [0, 1, 1_023]) assert.deepEqual(ledger.others(pod, "b"), NOTHING);
  assert.equal(ledger.inFlightOf("a"), 0);
});

test("inventing gateways is bounded: the one silent for longest goes, with its requests", () => {
  const ledger = new LoadLedger();
  const invented = 3 * MEMBERS_MAX;
  for (let i = 0; i < invented; i++) {
    ledger.take(`g${i}`, new Map([[0, load(1)]]), true, 0);
    if (i % 100 === 0) ledger.take("g0", new Map([[0, load(10)]]), true, 0);
    assert.equal(ledger.inFlightOf("g0"), 10, "it speaks now and then");
  }
  assert.equal(ledger.size, MEMBERS_MAX);
  assert.equal(ledger.others(0, "g0").inFlight, MEMBERS_MAX - 1);
  assert.equal(ledger.others(0, "b").inFlight, MEMBERS_MAX - 1 + 10);
});
