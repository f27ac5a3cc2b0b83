// Records that a sidecar should not send: none of them traps, holds up what comes with them, or
// makes a VM believe more than a sound record could.
import assert from "node:assert/strict";
import { test } from "node:test";
import { chainOf } from "./support/chain.js";
import { decisionOf, Gateway } from "./support/gateway.js";
import { prompt } from "./support/messages.js";
import { randomFrom } from "./support/random.js";
import {
  encodeCharge,
  encodeForget,
  encodeInsert,
  encodeWithdraw,
  type Entry,
} from "./support/records.js";
import { makePods } from "./support/sidecar.js";

const OF = { number: 0 };
const MAX = 0xffffffff;
const CAPACITY_TOKENS = 100_000;

const BEFORE = encodeInsert(OF, chainOf(1));
const AFTER = encodeInsert(OF, chainOf(2));
const THIRD = chainOf(3);

function altered(record: Buffer, change: (record: Buffer) => unknown): Buffer {
  const copy = Buffer.from(record);
  change(copy);
  return copy;
}

function entries(count: number, tokens: (i: number) => number): Entry[] {
  return Array.from({ length: count }, (_, i) => ({ hash: BigInt(i + 1), tokens: tokens(i) }));
}

/** Gives them to a gateway of two VMs; what each VM then says of the prompts 1, 2 and 3. */
function reasonsAfter(records: Buffer): string[][] {
  const pods = makePods(1).map((pod) => ({ ...pod, capacityTokens: CAPACITY_TOKENS }));
  const gateway = new Gateway({ vms: 2, pods });
  gateway.sidecar.batches = [records];
  gateway.advance(200);
  assert.equal(gateway.sidecar.polls.at(-1)!.report.json.records.next, 1);
  const reasons = [0, 1].map((vm) =>
    [1, 2, 3].map((seed) => {
      const result = gateway.send(prompt(seed), null, { vm });
      // Refused, so that the other VM does not hear that the prompt is held from now on.
      result.stream.upstreamAddress = gateway.pods[0]!.address;
      result.stream.responseHeaders([[":status", "429"]], true);
      result.stream.done();
      return decisionOf({ ...result, responseHeadersSeen: result.stream.downstream.headers! })
        .reason;
    }),
  );
  assert.equal(gateway.hasFailed, false);
  return reasons;
}

const KNOWN = ["prefix", "prefix", "cold"];

/** Not a record of something that may be, and read past. */
const PASSED_OVER: Record<string, Buffer> = {
  "of an endpoint that is not listed": encodeInsert({ number: 1 }, THIRD),
  "of an endpoint beyond the table's bound": encodeInsert({ number: 1024 }, THIRD),
  "of the last endpoint number there is": encodeCharge({ number: 65535 }, 5, 1n),
  "of another epoch": encodeInsert({ number: 0, epoch: 2 }, THIRD),
  "of an unknown kind": altered(encodeInsert(OF, THIRD), (one) => (one[2] = 200)),
  "of kind 0": altered(encodeInsert(OF, THIRD), (one) => (one[2] = 0)),
  "with a count beyond its length": altered(encodeInsert(OF, THIRD), (one) =>
    one.writeUInt16LE(65535, 10),
  ),
  "with a count below its length": altered(encodeInsert(OF, THIRD), (one) =>
    one.writeUInt16LE(1, 10),
  ),
  "of more checkpoints than a prompt has": encodeInsert(OF, [
    ...THIRD,
    ...entries(513 - THIRD.length, (i) => 3000 + i),
  ]),
  "of no checkpoints": encodeInsert(OF, []),
  "that takes back no checkpoints": encodeWithdraw(OF, [], 5),
  "that takes back what nobody has": encodeWithdraw(OF, [1n, 2n, 3n], 5),
  "that takes back what was routed before the clock began": encodeWithdraw(OF, [1n], MAX),
  "that forgets what is older than the clock": encodeForget(OF, MAX),
  "of an answer of no tokens": encodeCharge(OF, 0, 1n),
  "of an answer to no prompt": encodeCharge(OF, 10, 0n),
  "marked as passed on": altered(encodeCharge(OF, 10, 7n), (one) => (one[3] = 255)),
  "that forgets nothing yet": encodeForget(OF, 10_000),
  "without the age that it forgets by": altered(encodeForget(OF, 0).subarray(0, 12), (one) =>
    one.writeUInt16LE(12, 0),
  ),
  "of a header alone": altered(encodeCharge(OF, 1, 1n).subarray(0, 12), (one) =>
    one.writeUInt16LE(12, 0),
  ),
  "whose token ends fall": encodeInsert(
    OF,
    entries(20, (i) => 2000 - 100 * i),
  ),
  "with one hash many times": encodeInsert(
    OF,
    Array.from({ length: 300 }, (_, i) => ({ hash: BigInt(1 + (i % 3)), tokens: 64 * (i + 1) })),
  ),
  "with the hash 0": encodeInsert(OF, [{ hash: 0n, tokens: 64 }]),
};
for (const [what, record] of Object.entries(PASSED_OVER)) {
  test(`a record ${what} keeps nothing from what comes before and after it`, () => {
    assert.deepEqual(reasonsAfter(Buffer.concat([BEFORE, record, AFTER])), [KNOWN, KNOWN]);
  });
}

/** So that nothing behind it can be found. */
const ENDS: Record<string, Buffer> = {
  "of no bytes": altered(encodeInsert(OF, THIRD), (one) => one.writeUInt16LE(0, 0)),
  "shorter than a header": altered(encodeInsert(OF, THIRD), (one) => one.writeUInt16LE(8, 0)),
  "whose length is no multiple of 4": altered(encodeInsert(OF, THIRD), (one) =>
    one.writeUInt16LE(one.length + 2, 0),
  ),
  "longer than all there is": altered(encodeInsert(OF, THIRD), (one) =>
    one.writeUInt16LE(65532, 0),
  ),
};
for (const [what, record] of Object.entries(ENDS)) {
  test(`a record ${what} ends the answer's records, and what came before it counts`, () => {
    const reasons = ["prefix", "cold", "cold"];
    const records = Buffer.concat([BEFORE, record, AFTER]);
    assert.deepEqual(reasonsAfter(records), [reasons, reasons]);
  });
}

test("a last record that is cut off is left out", () => {
  const records = Buffer.concat([BEFORE, AFTER, encodeInsert(OF, THIRD).subarray(0, -4)]);
  assert.deepEqual(reasonsAfter(records), [KNOWN, KNOWN]);
});

/** Larger than any pod: the pod is believed to hold what came last, if that fits. */
const TOO_LARGE: Record<string, Buffer> = {
  "an answer of 4,294,967,295 tokens": encodeCharge(OF, MAX, 1n),
  "a checkpoint of 4,294,967,295 tokens": encodeInsert(OF, [{ hash: 5n, tokens: MAX }]),
  "a chain that reaches 4,294,967,295 and falls": encodeInsert(OF, [
    { hash: 5n, tokens: MAX },
    { hash: 6n, tokens: 1 },
    { hash: 7n, tokens: MAX },
  ]),
};
for (const [what, record] of Object.entries(TOO_LARGE)) {
  test(`${what} empties its pod in the index, and what comes after it counts`, () => {
    const reasons = ["cold", "prefix", "cold"];
    const records = Buffer.concat([BEFORE, record, AFTER]);
    assert.deepEqual(reasonsAfter(records), [reasons, reasons]);
  });
}

test("random damage to records traps in no VM and leaves no memory behind", () => {
  const random = randomFrom(5);
  const below = (limit: number): number => Math.floor(random() * limit);
  const pods = makePods(4).map((pod) => ({ ...pod, capacityTokens: CAPACITY_TOKENS }));
  const gateway = new Gateway({ vms: 2, pods, config: { indexMiB: 1 } });
  const { sidecar } = gateway;
  const damaged = (): Buffer => {
    const records = Array.from({ length: 1 + below(12) }, (_, i) => {
      const of = { number: below(6) };
      const chain = entries(below(200), (at) => (at + 1) * 64);
      const hash = BigInt(1 + below(300));
      const kinds = [
        encodeInsert(of, chain),
        encodeWithdraw(
          of,
          chain.map(({ hash }) => hash),
          below(10_000),
        ),
        encodeForget(of, below(20_000)),
        encodeCharge(of, below(5000), hash),
      ];
      return kinds[i % 4]!;
    });
    const all = Buffer.concat(records);
    for (let i = below(6); i > 0; i--) all[below(all.length)] = below(256);
    return all.subarray(0, all.length - below(3));
  };
  let warm = 0;
  const memory = (): number => gateway.vms.reduce((sum, { host }) => sum + host.memoryBytes, 0);
  for (let round = 0; round < 400; round++) {
    sidecar.batches.push(damaged());
    gateway.advance(60);
    if (round === 40) warm = memory();
  }
  gateway.advance(120);
  assert.equal(sidecar.polls.at(-1)!.report.json.records.next, sidecar.batches.length);
  assert.equal(memory(), warm);
  assert.ok(gateway.counter("bad_records") > 20);
  assert.equal(gateway.hasFailed, false);
  sidecar.batches.push(BEFORE);
  gateway.advance(100);
  assert.equal(decisionOf(gateway.send(prompt(1), {}, { vm: 1 })).reason, "prefix");
});
