// What the VMs of one gateway know of each other: held prefixes, load, and who is gone.
import assert from "node:assert/strict";
import { test } from "node:test";
import type { RequestResult } from "../../../simulator/host/index.js";
import { decisionOf, firstPod, Gateway } from "./support/gateway.js";
import {
  completion,
  eventAnswer,
  jsonAnswer,
  prompt,
  PROMPT_BYTES,
  PROMPT_TOKENS,
} from "./support/messages.js";
import { textOf } from "./support/random.js";

/** A heartbeat older than this has stopped. */
const STALE_MS = 3000;

function assertKnown(result: RequestResult, pod: string, title: string): void {
  const decision = decisionOf(result);
  assert.deepEqual([decision.reason, decision.pod], ["prefix", pod], title);
  assert.equal(decision.cached, PROMPT_TOKENS, title);
}

/** Every VM has served: it has a number, and the others know it. */
function warmUp(gateway: Gateway): void {
  gateway.vms.forEach((_, vm) => gateway.send({ method: "GET", path: "/" }, {}, { vm }));
  gateway.advance(20);
}

test("a prompt that one VM routed is known to the others after two ticks", () => {
  const gateway = new Gateway({ vms: 3, pods: 8 });
  warmUp(gateway);
  for (let seed = 0; seed < 9; seed++) {
    const pod = firstPod(gateway.send(prompt(seed), {}, { vm: seed % 3 }));
    gateway.advance(20);
    for (let vm = 0; vm < 3; vm++)
      assertKnown(gateway.send(prompt(seed), {}, { vm }), pod, `${seed}`);
  }
});

test("what is in flight on one VM steers another one before any tick", () => {
  const gateway = new Gateway({ vms: 2, pods: 2 });
  warmUp(gateway);
  for (let seed = 0; seed < 20; seed += 2) {
    const one = gateway.send(prompt(seed), null, { vm: 0 });
    gateway.wait(2); // Heads are read again when they are older than 1 ms.
    const other = gateway.send(prompt(seed + 1), null, { vm: 1 });
    assert.notEqual(firstPod(other), firstPod(one), `pair ${seed}`);
    for (const { stream } of [one, other]) stream.done();
    gateway.advance(20);
  }
  assert.equal(gateway.inFlight, 0);
});

test("the report adds up the load and the counters of all VMs", () => {
  const gateway = new Gateway({ vms: 3, pods: 1 });
  warmUp(gateway);
  const open = [0, 1, 2].map((vm) => gateway.send(prompt(vm), null, { vm }));
  const { json } = gateway.report();
  assert.equal(json.vms, 3);
  assert.deepEqual(json.reasons, { "no-prompt": 3, cold: 3 });
  assert.deepEqual(json.pods, [
    { n: 0, inFlight: 3, unprefilled: 3, backlogTokens: 6000, kvTokens: 6900 },
  ]);
  assert.equal(json.promptTokens, 3 * PROMPT_TOKENS);
  for (const { stream } of open) stream.done();
  gateway.advance(60); // The VM that reports sees the others' heads a tick later.
  assert.deepEqual(gateway.report().json.pods, []);
});

test("a dead VM's load is forgotten when its heartbeat has stopped for 3 s", () => {
  const gateway = new Gateway({ vms: 2, pods: 1, config: { standardSaturationMs: 0 } });
  warmUp(gateway);
  for (let i = 0; i < 10; i++) gateway.send(prompt(i), null, { vm: 0 });
  gateway.advance(60);
  gateway.vms[0]!.isStopped = true;
  gateway.advance(STALE_MS - 200);
  // The dead one was the poller, so the other one has taken over by now.
  assert.equal(gateway.load(0).inFlight, 10);
  gateway.advance(300);
  assert.equal(gateway.load(0).inFlight, 0);
});

test("a dead VM's number is taken again, and its successor's journal is read", () => {
  const gateway = new Gateway({ vms: 3, pods: 8 });
  warmUp(gateway);
  gateway.send(prompt(1), {}, { vm: 1 });
  gateway.send(prompt(1), null, { vm: 1 });
  gateway.vms[1]!.isStopped = true;
  gateway.advance(STALE_MS + 100);
  gateway.addVm();
  gateway.advance(100);
  const pod = firstPod(gateway.send(prompt(2), {}, { vm: 3 }));
  assert.equal(gateway.numbersTaken(), 3);
  gateway.advance(20);
  for (const vm of [0, 2]) {
    assertKnown(gateway.send(prompt(2), {}, { vm }), pod, `VM ${vm}`);
  }
  gateway.advance(60);
  assert.deepEqual(gateway.report().json.pods, []);
  assert.equal(gateway.report().json.vms, 3);
});

test("a VM that takes the number of one it knew does not keep that one's load", () => {
  const gateway = new Gateway({ vms: 2, pods: 1 });
  gateway.send(prompt(1), null, { vm: 0 });
  gateway.advance(60);
  gateway.vms[0]!.isStopped = true;
  // Not stale at the last tick of the second VM, stale when that one serves for the first time.
  gateway.advance(STALE_MS - 10);
  gateway.wait(30);
  gateway.send(prompt(2), {}, { vm: 1 });
  assert.equal(gateway.numbersTaken(), 1);
  for (let i = 0; i < 5; i++) {
    gateway.advance(20);
    gateway.send(prompt(3), {}, { vm: 1 });
  }
  assert.deepEqual(gateway.report().json.pods, []);
  assert.equal(gateway.report().json.vms, 1);
});

test("a VM that was away so long that its number was taken finds another one", () => {
  const gateway = new Gateway({ vms: 2, pods: 2 });
  gateway.send(prompt(1), {}, { vm: 0 });
  gateway.vms[0]!.isStopped = true;
  gateway.advance(STALE_MS + 100);
  gateway.send(prompt(2), {}, { vm: 1 });
  assert.equal(gateway.numbersTaken(), 1);
  gateway.vms[0]!.isStopped = false;
  gateway.advance(60);
  assert.equal(gateway.numbersTaken(), 2);
  const pod = firstPod(gateway.send(prompt(3), {}, { vm: 0 }));
  gateway.advance(20);
  assertKnown(gateway.send(prompt(3), {}, { vm: 1 }), pod, "heard of under the new number");
});

test("a late VM learns what its neighbours' journals hold", () => {
  const gateway = new Gateway({ vms: 2, pods: 8 });
  warmUp(gateway);
  const pods = Array.from({ length: 40 }, (_, seed) =>
    firstPod(gateway.send(prompt(seed), {}, { vm: seed % 2 })),
  );
  gateway.advance(1000);
  gateway.addVm();
  gateway.advance(200);
  pods.forEach((pod, seed) => {
    assertKnown(gateway.send(prompt(seed), {}, { vm: 2 }), pod, `prompt ${seed}`);
  });
});

test("a reader that was lapped goes on with the newest, and counts what it missed", () => {
  const gateway = new Gateway({ vms: 2, pods: 4 });
  warmUp(gateway);
  const [writer, reader] = gateway.vms as [Gateway["vms"][0], Gateway["vms"][0]];
  gateway.send(prompt(1), {}, { vm: 0 });
  reader.isStopped = true;
  // A ring holds 64 segments of 16 KiB. A prompt of 8,000 bytes has 16 checkpoints in its first
  // 4 KiB and a dozen behind, so a record is 12 + 12 · 28 bytes: about 85 segments in all.
  for (let seed = 1000; seed < 5000; seed++) gateway.send(prompt(seed), {}, { vm: 0 });
  writer.root.tick();
  reader.isStopped = false;
  gateway.advance(200);
  const missed = gateway.counter("journal_lapped");
  assert.ok(missed > 10 && missed < 40, `${missed}`);
  assert.equal(decisionOf(gateway.send(prompt(4999), {}, { vm: 1 })).reason, "prefix");
  assert.equal(decisionOf(gateway.send(prompt(1), {}, { vm: 1 })).reason, "cold");
  const news = firstPod(gateway.send(prompt(2), {}, { vm: 0 }));
  gateway.advance(20);
  assertKnown(gateway.send(prompt(2), {}, { vm: 1 }), news, "after the gap");
  assert.equal(gateway.counter("journal_lapped"), missed);
});

for (const vm of [0, 1, 2]) {
  test(`a pod's new epoch forgets it in VM ${vm}, records of the old epoch included`, () => {
    const gateway = new Gateway({ vms: 3, pods: 1 });
    warmUp(gateway);
    gateway.send(prompt(1), {}, { vm: 0 });
    gateway.advance(20);
    // Written under the old epoch, and read by the others when the new one is known.
    gateway.send(prompt(2), {}, { vm: 1 });
    gateway.pods[0]!.epoch = 2;
    gateway.advance(100);
    for (const seed of [1, 2]) {
      assert.equal(decisionOf(gateway.send(prompt(seed), {}, { vm })).reason, "cold");
    }
    gateway.advance(20);
    for (const other of [0, 1, 2]) {
      assertKnown(gateway.send(prompt(1), {}, { vm: other }), "10.0.0.1:8000", "held again");
    }
  });

  test(`what a misprediction proves to be evicted is forgotten by VM ${vm}`, () => {
    const gateway = new Gateway({ vms: 3, pods: 1 });
    warmUp(gateway);
    const usage = { prompt: PROMPT_TOKENS, output: 4, cached: 0 };
    gateway.send(prompt(1), eventAnswer(usage), { vm: 0 });
    gateway.advance(5000);
    gateway.send(prompt(2), eventAnswer(usage), { vm: 0 });
    gateway.advance(5000);
    gateway.send(prompt(3), eventAnswer(usage), { vm: 2 });
    gateway.advance(15_000);
    // The second proves to be evicted: under LRU the first, which is older, is gone as well.
    const cached = decisionOf(gateway.send(prompt(2), eventAnswer(usage), { vm: 1 })).cached;
    assert.equal(cached, PROMPT_TOKENS);
    gateway.advance(20);
    assert.equal(gateway.counter("mispredictions"), 1);
    assert.equal(decisionOf(gateway.send(prompt(1), {}, { vm })).reason, "cold");
    assert.equal(decisionOf(gateway.send(prompt(3), {}, { vm })).reason, "prefix");
  });

  test(`what was computed after a misprediction is held again, in VM ${vm}`, () => {
    const gateway = new Gateway({ vms: 3, pods: 2 });
    warmUp(gateway);
    const usage = (prompt: number) => eventAnswer({ prompt, output: 4, cached: 0 });
    const half = textOf(1, PROMPT_BYTES / 2);
    const pod = firstPod(gateway.send(completion(half), usage(PROMPT_TOKENS / 2), { vm: 0 }));
    gateway.advance(15_000);
    // Half of it is held, as far as is known; the pod says that none is.
    const longer = completion(half + textOf(2, PROMPT_BYTES / 2));
    const { destinationHeader } = gateway.send(longer, usage(PROMPT_TOKENS), { vm: 1 });
    assert.equal(destinationHeader!.split(",")[0], pod);
    assert.equal(gateway.counter("mispredictions"), 1);
    gateway.advance(20);
    // What was computed just now is held again, up to its end.
    const { reason, cached } = decisionOf(gateway.send(longer, {}, { vm }));
    assert.deepEqual([reason, cached], ["prefix", PROMPT_TOKENS]);
  });
}

test("VMs that serve nothing take no number, and still learn the table", () => {
  const gateway = new Gateway({ vms: 4 });
  gateway.advance(1000);
  assert.equal(gateway.numbersTaken(), 0);
  gateway.send(prompt(1), jsonAnswer(), { vm: 2 });
  gateway.advance(1000);
  assert.equal(gateway.numbersTaken(), 1);
  assert.equal(gateway.report().json.vms, 1);
  gateway.advance(20);
  assert.equal(decisionOf(gateway.send(prompt(1), {}, { vm: 3 })).reason, "prefix");
  assert.equal(gateway.numbersTaken(), 2);
});

test("two VMs that take one number at once end up with two", () => {
  const gateway = new Gateway({ vms: 8, pods: 8 });
  // All serve their first request before any of them ticks again.
  for (let vm = 0; vm < 8; vm++) gateway.send(prompt(vm), {}, { vm });
  gateway.advance(50);
  assert.equal(gateway.numbersTaken(), 8);
  assert.equal(gateway.report().json.vms, 8);
});

test("VMs beyond the 64 that share route by themselves", () => {
  const gateway = new Gateway({ vms: 66, pods: 4, config: { indexMiB: 1 } });
  warmUp(gateway);
  gateway.advance(50);
  assert.equal(gateway.numbersTaken(), 64);
  assert.equal(gateway.report().json.vms, 64);
  const pod = firstPod(gateway.send(prompt(1), {}, { vm: 65 }));
  assertKnown(gateway.send(prompt(1), {}, { vm: 65 }), pod, "its own");
  gateway.advance(50);
  assert.equal(decisionOf(gateway.send(prompt(1), {}, { vm: 0 })).reason, "cold");
  assert.equal(gateway.hasFailed, false);
});
