// The way of the table: who asks for it, how often,
// and what goes on when nobody answers.
import assert from "node:assert/strict";
import { test } from "node:test";
import { decisionOf, firstPod, Gateway } from "./support/gateway.js";
import { prompt } from "./support/messages.js";
import { decodeRecords } from "./support/records.js";
import { makePods, type Poll, wrongTable } from "./support/sidecar.js";
import { encodeAnswer } from "./support/wire.js";

test("exactly one VM asks, about every pollIntervalMs, and all have the table", () => {
  const gateway = new Gateway({ vms: 4, config: { pollIntervalMs: 100 } });
  gateway.advance(5000);
  assert.equal(gateway.pollers().length, 1);
  const count = gateway.sidecar.polls.length;
  assert.ok(count >= 45 && count <= 51, `${count}`);
  for (let vm = 0; vm < 4; vm++) {
    assert.notEqual(gateway.send(prompt(1), {}, { vm }).destinationHeader, null);
  }
  gateway.pods.splice(0, 3, { number: 3, address: "10.0.0.9:8000" });
  gateway.advance(130);
  for (let vm = 0; vm < 4; vm++) {
    assert.equal(gateway.send(prompt(1), {}, { vm }).destinationHeader, "10.0.0.9:8000");
  }
});

test("it calls the cluster and the pool of its configuration", () => {
  const gateway = new Gateway({ config: { pool: "ns/a.b_c-1" }, isStarted: false });
  gateway.sidecar.pools.set("ns/a.b_c-1", makePods(1));
  gateway.advance(60);
  const { call, pool } = gateway.sidecar.polls[0]!;
  assert.equal(call.cluster, "warmroute-sidecar");
  assert.equal(call.headers.get(":method"), "POST");
  assert.equal(call.headers.get("content-type"), "application/octet-stream");
  assert.equal(pool, "ns/a.b_c-1");
  assert.equal(gateway.send(prompt(1)).destinationHeader, "10.0.0.1:8000");
});

test("a VM that serves takes the asking over from one that does not, and loses no record", () => {
  const gateway = new Gateway({ vms: 3 });
  gateway.advance(200);
  const [idle] = gateway.pollers();
  const vm = idle === 1 ? 2 : 1;
  const before = gateway.sidecar.polls.length;
  gateway.send(prompt(1), {}, { vm });
  gateway.advance(20);
  const polls = gateway.sidecar.polls.slice(before);
  assert.equal(polls.length, 1, "at its next tick");
  assert.equal(polls[0]!.root.host, gateway.vms[vm]!.host);
  assert.equal(decodeRecords(polls[0]!.report.records).length, 1);
  const other = [0, 1, 2].find((one) => one !== idle && one !== vm)!;
  gateway.send(prompt(2), {}, { vm: other });
  gateway.advance(1000);
  const later = gateway.sidecar.polls.slice(before);
  assert.ok(
    later.every(({ root }) => root.host === polls[0]!.root.host),
    "and keeps it",
  );
  const records = Buffer.concat(later.map(({ report }) => report.records));
  assert.equal(decodeRecords(records).length, 2);
});

test("when the VM that asks dies another takes over before the metrics are old", () => {
  const gateway = new Gateway({ vms: 3 });
  gateway.advance(1000);
  const [first] = gateway.pollers();
  gateway.vms[first!]!.isStopped = true;
  const from = gateway.sidecar.polls.length;
  // The lease is 1 s, and the call that may be under way 1 s.
  gateway.advance(2100);
  const after = gateway.pollers(from);
  assert.equal(after.length, 1);
  assert.notEqual(after[0], first);
  assert.ok(gateway.sidecar.polls[from]!.atMs > 1000);
  gateway.advance(2000);
  assert.equal(gateway.pollers(from).length, 1);
});

test("a VM that comes back after another has taken over does not ask beside it", () => {
  const gateway = new Gateway({ vms: 2 });
  const [first] = gateway.pollers();
  gateway.vms[first!]!.isStopped = true;
  gateway.advance(3000);
  gateway.vms[first!]!.isStopped = false;
  const from = gateway.sidecar.polls.length;
  gateway.advance(3000);
  assert.equal(gateway.pollers(from).length, 1);
});

for (const kind of ["fail", "timeOut", "silence", "refusal"] as const) {
  test(`asked again after a call that ends in ${kind}`, () => {
    const gateway = new Gateway({ config: { syncTimeoutMs: 200 } });
    const from = gateway.sidecar.polls.length;
    let failures = 0;
    gateway.sidecar.answer = ({ call }: Poll) => {
      if (failures++ >= 3) gateway.sidecar.respond(gateway.sidecar.polls.at(-1)!);
      else if (kind === "fail") call.fail();
      else if (kind === "timeOut") call.timeOut();
      else if (kind === "refusal") call.respond(503);
    };
    gateway.advance(1500);
    assert.ok(gateway.sidecar.polls.length >= from + 4);
    assert.equal(gateway.send(prompt(1)).destinationHeader !== null, true);
    assert.equal(gateway.pollers().length, 1);
  });
}

test("no cluster, no table, no trap", () => {
  const config = { sidecarCluster: "nowhere" };
  const gateway = new Gateway({ config });
  gateway.advance(1000);
  assert.equal(gateway.send(prompt(1)).destinationHeader, null);
  assert.equal(gateway.count("fallback-no-table"), 1);
  assert.ok(gateway.counter("sync_failures") > 5);
  assert.equal(gateway.hasFailed, false);
});

test("an answer that comes after it was given up changes nothing", () => {
  const gateway = new Gateway({ config: { syncTimeoutMs: 100 } });
  let held: Poll | null = null;
  gateway.sidecar.answer = (poll) => {
    if (held === null) held = poll;
    else gateway.sidecar.respond(poll);
  };
  gateway.advance(500);
  const late = encodeAnswer(wrongTable());
  gateway.sidecar.respondWith(held!["call"], 200, late);
  gateway.advance(10);
  assert.match(gateway.send(prompt(1)).destinationHeader!, /^10\.0\.0\./);
});

test("without the sidecar the index and what is in flight go on deciding", () => {
  const gateway = new Gateway({ vms: 2, pods: 2 });
  const pod = firstPod(gateway.send(prompt(1)));
  gateway.sidecar.die();
  gateway.advance(60_000);
  for (const vm of [0, 1]) {
    const again = gateway.send(prompt(1), {}, { vm });
    assert.deepEqual([firstPod(again), decisionOf(again).reason], [pod, "prefix"]);
  }
  const one = gateway.send(prompt(2), null);
  assert.notEqual(firstPod(gateway.send(prompt(3), null)), firstPod(one));
});

test("metrics that are older than metricsMaxAgeMs lose their say", () => {
  const config = { routingStrategy: "DEFAULT", standardSaturationMs: 0 };
  const gateway = new Gateway({ pods: 2, config });
  Object.assign(gateway.pods[0]!, { waiting: 50, running: 50 });
  Object.assign(gateway.pods[1]!, { waiting: 0, running: 0 });
  gateway.advance(100);
  const busy = gateway.pods[0]!.address;
  const idle = gateway.pods[1]!.address;
  gateway.sidecar.die();
  const open = gateway.send(prompt(1), null);
  assert.equal(firstPod(open), idle);
  gateway.advance(1800);
  assert.equal(firstPod(gateway.send(prompt(2))), idle);
  gateway.advance(300);
  // Only our own request counts from now on.
  assert.equal(firstPod(gateway.send(prompt(2))), busy);
});

test("a pod that was never scraped counts by what is in flight only", () => {
  const gateway = new Gateway({ pods: 2, config: { routingStrategy: "DEFAULT" } });
  Object.assign(gateway.pods[0]!, { ageMs: null, waiting: 50, running: 50 });
  gateway.advance(100);
  const [one, two] = [gateway.send(prompt(1), null), gateway.send(prompt(2), null)];
  assert.notEqual(firstPod(one), firstPod(two));
});

test("a new hash key empties the index, and is used from then on", () => {
  const gateway = new Gateway({ vms: 2 });
  gateway.send(prompt(1));
  gateway.advance(20);
  gateway.sidecar.hashKey = Buffer.alloc(16, 7);
  gateway.advance(100);
  assert.equal(gateway.report().json.index.nodes, 0);
  assert.equal(decisionOf(gateway.send(prompt(1))).reason, "cold");
  gateway.advance(20);
  for (const vm of [0, 1]) {
    assert.equal(decisionOf(gateway.send(prompt(1), {}, { vm })).reason, "prefix");
  }
});

test("hashes depend on the key: the same prompt has others under another key", () => {
  const hashes = [Buffer.alloc(16, 1), Buffer.alloc(16, 2)].map((key) => {
    const gateway = new Gateway({ isStarted: false });
    gateway.sidecar.hashKey = key;
    gateway.advance(60);
    gateway.send(prompt(1));
    gateway.advance(200);
    const all = Buffer.concat(gateway.sidecar.polls.map(({ report }) => report.records));
    return decodeRecords(all)[0]!.entries.map(({ hash }) => hash);
  });
  assert.ok(hashes[0]!.length > 10);
  assert.equal(new Set([...hashes[0]!, ...hashes[1]!]).size, 2 * hashes[0]!.length);
});

test("a number that names another address after a restart of the sidecar holds nothing", () => {
  const gateway = new Gateway({ pods: 2 });
  gateway.send(prompt(1));
  const [a, b] = [gateway.pods[0]!, gateway.pods[1]!];
  // The new sidecar lists the same pods in another order; epochs begin at 1 again.
  [a.address, b.address] = [b.address, a.address];
  gateway.sidecar.incarnation = 2n;
  gateway.advance(100);
  assert.equal(decisionOf(gateway.send(prompt(1))).reason, "cold");
});
