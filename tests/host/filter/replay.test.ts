// Records that go up to the sidecar, and come back to a gateway that starts.
import assert from "node:assert/strict";
import { test } from "node:test";
import { decisionOf, firstPod, Gateway } from "./support/gateway.js";
import { prompt, PROMPT_TOKENS } from "./support/messages.js";
import {
  ANSWER_RECORD_BYTES_MAX,
  decodeRecords,
  encodeForget,
  encodeInsert,
  type Entry,
  recordsIn,
} from "./support/records.js";
import { makePods } from "./support/sidecar.js";

/** All records that the sidecar has got, as it would keep them. */
function recordsOf(gateway: Gateway, from = 0): Buffer {
  return recordsIn(gateway.sidecar.polls.slice(from));
}

test("what is inserted goes up once, by the VM that asks, with the pod's number and epoch", () => {
  const gateway = new Gateway({ vms: 3, pods: makePods(3).map((pod) => ({ ...pod, epoch: 41 })) });
  const pods = [0, 1, 2].map((vm) => firstPod(gateway.send(prompt(vm), {}, { vm })));
  gateway.advance(200);
  const records = decodeRecords(recordsOf(gateway));
  assert.equal(records.length, 3);
  const numbers = pods.map(
    (address) => gateway.pods.find((pod) => pod.address === address)!.number,
  );
  assert.deepEqual(records.map(({ number }) => number).sort(), numbers.sort());
  for (const { kind, epoch, entries } of records) {
    assert.deepEqual([kind, epoch], [1, 41]);
    assert.equal(entries.at(-1)!.tokens, PROMPT_TOKENS);
    entries.reduce((last, { tokens }) => (assert.ok(tokens > last), tokens), 0);
  }
});

test("a new gateway tells that it has applied nothing until it has, in all its VMs", () => {
  const old = new Gateway({ vms: 2, pods: 8 });
  const pods = Array.from({ length: 30 }, (_, seed) =>
    firstPod(old.send(prompt(seed), {}, { vm: seed % 2 })),
  );
  old.advance(200);
  const { sidecar } = old;
  sidecar.batches = [recordsOf(old)];
  const from = sidecar.polls.length;
  const gateway = new Gateway({ vms: 3, beside: old, isStarted: false });
  sidecar.answer = (poll) => {
    if (sidecar.polls.length < from + 3) poll.call.respond(503);
    else sidecar.respond(poll);
  };
  gateway.advance(400);
  const cursors = sidecar.polls.slice(from).map(({ report }) => report.json.records);
  const nothing = { sidecar: "0000000000000000", next: 0 };
  assert.deepEqual(cursors.slice(0, 3), [nothing, nothing, nothing]);
  assert.ok(cursors.length > 4);
  for (const cursor of cursors.slice(3)) {
    assert.deepEqual(cursor, { sidecar: "0000000000000001", next: 1 });
  }
  for (let vm = 0; vm < 3; vm++) {
    pods.forEach((pod, seed) => {
      const decision = decisionOf(gateway.send(prompt(seed), {}, { vm }));
      assert.deepEqual([decision.reason, decision.pod], ["prefix", pod], `VM ${vm}, ${seed}`);
    });
  }
  assert.equal(gateway.hasFailed, false);
});

test("a VM that was given records counts as one that serves once it does", () => {
  const old = new Gateway({ pods: 2 });
  old.send(prompt(1));
  old.advance(200);
  old.sidecar.batches = [recordsOf(old)];
  const gateway = new Gateway({ beside: old });
  gateway.advance(100);
  gateway.send(prompt(1));
  const { json } = gateway.report();
  assert.equal(json.vms, 1);
  assert.deepEqual(json.reasons, { prefix: 1 });
});

test("replayed records do not go up again as the gateway's own", () => {
  const old = new Gateway({ vms: 2, pods: 2 });
  for (let seed = 0; seed < 10; seed++) old.send(prompt(seed));
  old.advance(200);
  old.sidecar.batches = [recordsOf(old)];
  const from = old.sidecar.polls.length;
  const gateway = new Gateway({ vms: 2, beside: old });
  gateway.advance(500);
  assert.equal(recordsOf(gateway, from).length, 0);
  gateway.send(prompt(50));
  gateway.advance(200);
  assert.equal(decodeRecords(recordsOf(gateway, from)).length, 1);
});

test("more than one answer's worth of kept records comes to its end, with no wait between", () => {
  const pods = makePods(4).map((pod) => ({ ...pod, capacityTokens: 1_000_000_000 }));
  const old = new Gateway({ pods });
  const known: string[] = [];
  for (let seed = 0; seed < 600; seed++) {
    known.push(firstPod(old.send(prompt(seed))));
    if (seed % 20 === 19) old.advance(60);
  }
  old.advance(100);
  const { sidecar } = old;
  sidecar.batches = sidecar.polls
    .map(({ report }) => report.records)
    .filter(({ length }) => length);
  const bytes = Buffer.concat(sidecar.batches).length;
  assert.ok(bytes > 3.5 * ANSWER_RECORD_BYTES_MAX, `${bytes}`);
  const from = sidecar.polls.length;
  const gateway = new Gateway({ vms: 3, beside: old, isStarted: false });
  gateway.advance(600);
  known.forEach((pod, seed) => {
    const decision = decisionOf(gateway.send(prompt(seed), {}, { vm: seed % 3 }));
    assert.deepEqual([decision.reason, decision.pod], ["prefix", pod], `prompt ${seed}`);
  });
  assert.equal(gateway.counter("journal_lapped"), 0);
  // The pauses while there was more: three ticks, not five as when there is no more.
  const polls = sidecar.polls.slice(from);
  const ends = polls.findIndex(({ report }) => report.json.records.next === sidecar.batches.length);
  const gaps = polls.slice(1).map(({ atMs }, i) => atMs - polls[i]!.atMs);
  assert.ok(ends >= 4, `${ends}`);
  assert.ok(Math.max(...gaps.slice(0, ends - 1)) <= 30, `${gaps.join(" ")}`);
  assert.ok(Math.min(...gaps.slice(ends)) >= 50, `${gaps.join(" ")}`);
});

test("records of pods and epochs that are no more, and broken ones, are passed over", () => {
  const old = new Gateway({ pods: 1 });
  old.send(prompt(1));
  old.advance(200);
  const sound = recordsOf(old);
  const wrongEpoch = Buffer.from(sound);
  wrongEpoch.writeUInt32LE(99, 4);
  const wrongPod = Buffer.from(sound);
  wrongPod.writeUInt16LE(1000, 8);
  const unknownKind = Buffer.from(sound);
  unknownKind[2] = 77;
  const tooMany = Buffer.from(sound);
  tooMany.writeUInt16LE(65535, 10);
  const zero = Buffer.alloc(64);
  const mixed = Buffer.concat([wrongEpoch, wrongPod, unknownKind, tooMany]);
  for (const [records, reason] of [
    [mixed, "cold"],
    [Buffer.concat([mixed, sound]), "prefix"],
    [Buffer.concat([sound, zero]), "prefix"],
    [Buffer.concat([zero, sound]), "cold"],
    [sound.subarray(0, sound.length - 4), "cold"],
  ] as const) {
    old.sidecar.batches = [Buffer.from(records)];
    const gateway = new Gateway({ beside: old, vms: 2 });
    gateway.advance(200);
    assert.equal(decisionOf(gateway.send(prompt(1), {}, { vm: 1 })).reason, reason);
    assert.equal(gateway.hasFailed, false);
  }
});

test("forgets drop at most 4,096 entries an answer, and the rest with later ones", () => {
  const chain = (first: number): Entry[] =>
    Array.from({ length: 120 }, (_, i) => ({ hash: BigInt(first + i), tokens: 8 * (i + 1) }));
  const chains = (from: number, count: number): Buffer =>
    Buffer.concat(
      Array.from({ length: count }, (_, i) => {
        const at = from + i;
        return encodeInsert({ number: at % 4 }, chain(1 + at * 120));
      }),
    );
  const gateway = new Gateway({ vms: 2, pods: 4 });
  for (const vm of [0, 1]) gateway.send({ method: "GET", path: "/" }, {}, { vm });
  const { sidecar } = gateway;
  sidecar.batches = Array.from({ length: 5 }, (_, i) => chains(20 * i, 20));
  gateway.advance(1000);
  // Each pod has 25 chains of 120, of 960 tokens each.
  const nodes = (): number => gateway.report().json.index.nodes;
  assert.equal(nodes(), 12_000);
  const forgets = Buffer.concat([0, 1, 2, 3].map((number) => encodeForget({ number }, 100)));
  sidecar.batches.push(forgets);
  gateway.advance(300);
  assert.equal(nodes(), 12_000 - 4096);
  sidecar.batches.push(forgets);
  gateway.advance(300);
  assert.equal(nodes(), 12_000 - 2 * 4096);
  sidecar.batches.push(forgets);
  gateway.advance(300);
  assert.equal(nodes(), 0);
});

test("a prompt that its pod did not serve after all is taken back in a replay, too", () => {
  const old = new Gateway({ pods: 2 });
  const spare = old.send(prompt(1), null);
  const address = spare.destinationHeader!.split(",")[1]!;
  spare.stream.upstreamAddress = address;
  spare.stream.attempts = 2;
  spare.stream.responseHeaders([[":status", "200"]], true);
  spare.stream.done();
  old.advance(200);
  old.sidecar.batches = [recordsOf(old)];
  const gateway = new Gateway({ beside: old, vms: 2 });
  gateway.advance(200);
  const decision = decisionOf(gateway.send(prompt(1), {}, { vm: 1 }));
  assert.deepEqual([decision.reason, decision.pod], ["prefix", address]);
});
