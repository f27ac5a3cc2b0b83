// Gateways that share, in steady flow: each record arrives once and never goes back, and load is
// counted where it is.
import assert from "node:assert/strict";
import { test } from "node:test";
import type { RequestSpec } from "../../../simulator/host/index.js";
import { decisionOf, firstPod } from "./support/gateway.js";
import { TwoGateways, type Side } from "./support/gateways.js";
import { eventAnswer, jsonAnswer, prompt, PROMPT_TOKENS } from "./support/messages.js";
import { textOf } from "./support/random.js";
import { decodeRecords, Kind } from "./support/records.js";
import { makePods } from "./support/sidecar.js";

/** The deepest checkpoint of each insert that a gateway sent up: one name for each prompt. */
function inserts({ reports }: Side): bigint[] {
  return decodeRecords(Buffer.concat(reports.map(({ records }) => records)))
    .filter(({ kind }) => kind === Kind.Insert)
    .map(({ entries }) => entries.at(-1)!.hash);
}

/** Each VM has served, and knows its neighbours. */
function warmUp(pair: TwoGateways): void {
  for (const { gateway } of pair.sides) {
    gateway.vms.forEach((_, vm) => gateway.send({ method: "GET", path: "/" }, {}, { vm }));
  }
  pair.advance(120);
}

test("each record goes up once, from where it was made, and all VMs of the other know it", () => {
  const pair = new TwoGateways({ vms: 3, pods: 8 });
  warmUp(pair);
  const pods: string[] = [];
  for (let seed = 0; seed < 40; seed++) {
    const { gateway } = pair.sides[seed % 2]!;
    pods.push(firstPod(gateway.send(prompt(seed), jsonAnswer(), { vm: seed % 3 })));
    pair.advance(40);
  }
  pair.advance(2000);
  const [first, second] = pair.sides.map(inserts) as [bigint[], bigint[]];
  assert.deepEqual([first.length, second.length], [20, 20]);
  assert.equal(new Set([...first, ...second]).size, 40);
  pods.forEach((pod, seed) => {
    for (let vm = 0; vm < 3; vm++) {
      const { gateway } = pair.sides[(seed + 1) % 2]!;
      const decision = decisionOf(gateway.send(prompt(seed), jsonAnswer(), { vm }));
      assert.deepEqual([decision.reason, decision.pod], ["prefix", pod], `${seed} in VM ${vm}`);
      assert.equal(decision.cached, PROMPT_TOKENS);
    }
  });
  assert.ok(pair.sides.every(({ gateway }) => !gateway.hasFailed));
});

test("a flow of records delays no poll, and the cursor follows it", () => {
  const pair = new TwoGateways({ vms: 2, pods: 8 });
  warmUp(pair);
  for (let seed = 0; seed < 1000; seed++) {
    const { gateway } = pair.sides[seed % 2]!;
    gateway.send(prompt(seed), jsonAnswer(), { vm: seed % 4 < 2 ? 0 : 1 });
    if (seed % 10 === 9) pair.advance(20);
  }
  pair.advance(200);
  for (const { reports, polledAtMs, inbox } of pair.sides) {
    assert.equal(reports.at(-1)!.json.records.next, inbox.length);
    // Every 50 ms, on the next tick, from when a VM that serves has taken it over.
    const times = polledAtMs.slice(3);
    const gaps = times.slice(1).map((atMs, i) => atMs - times[i]!);
    assert.ok(Math.max(...gaps) <= 60, `${Math.max(...gaps)}`);
    assert.ok(Math.min(...gaps) >= 50, `${Math.min(...gaps)}`);
  }
});

test("a VM that starts, reads the rings and polls sends nothing of the other gateway up", () => {
  const pair = new TwoGateways({ vms: 2, pods: 8 });
  warmUp(pair);
  for (let seed = 0; seed < 20; seed++) pair.first.send(prompt(seed), jsonAnswer());
  pair.advance(200);
  const { gateway } = pair.sides[1];
  for (const vm of gateway.vms) vm.isStopped = true;
  pair.first.advance(600);
  gateway.addVm();
  // The lease of the VM that polled runs out before its heartbeat is too old to be read.
  pair.advance(1500);
  const from = pair.sides[1].reports.length;
  gateway.send(prompt(100), jsonAnswer(), { vm: 2 });
  pair.advance(200);
  assert.ok(pair.sides[1].reports.length > from, "the new VM polls");
  assert.equal(decisionOf(gateway.send(prompt(3), jsonAnswer(), { vm: 2 })).reason, "prefix");
  const first = new Set(inserts(pair.sides[0]));
  assert.equal(first.size, 20);
  assert.deepEqual(
    inserts(pair.sides[1]).filter((hash) => first.has(hash)),
    [],
  );
});

test("an answer fills a pod's cache once in every VM", () => {
  // Twice the answer and the prompt would be more than the pod holds, once is not.
  const pods = makePods(1).map((pod) => ({ ...pod, capacityTokens: 10_000 }));
  const pair = new TwoGateways({ vms: 3, pods });
  warmUp(pair);
  const usage = { prompt: PROMPT_TOKENS, output: 5000 };
  pair.first.send(prompt(1), eventAnswer(usage), { vm: 1 });
  pair.advance(300);
  const charges = pair.sides.map(({ reports }) =>
    decodeRecords(Buffer.concat(reports.map(({ records }) => records))),
  );
  assert.deepEqual(
    charges.map((records) => records.filter(({ kind }) => kind === Kind.Charge).length),
    [1, 0],
  );
  for (const { gateway } of pair.sides) {
    for (let vm = 0; vm < 3; vm++) {
      const decision = decisionOf(gateway.send(prompt(1), jsonAnswer(), { vm }));
      assert.equal(decision.cached, PROMPT_TOKENS);
    }
  }
});

test("an answer that the next turn brings back counts once in every VM", () => {
  const question = { role: "user", content: textOf(1, 7800) };
  // Its end is 293 bytes behind the last checkpoint inside it: the next turn has one there too.
  const said = { role: "assistant", content: textOf(2, 20_000) };
  const more = { role: "user", content: textOf(3, 400) };
  const turn = (...messages: object[]): RequestSpec => {
    const body = JSON.stringify({ model: "m", stream: true, messages });
    return { path: "/v1/chat/completions", bodyChunks: [body] };
  };
  // Room for another prompt and the second turn, 9,050 tokens, but not for the answer beside them.
  const pods = makePods(1).map((pod) => ({ ...pod, capacityTokens: 10_000 }));
  const pair = new TwoGateways({ vms: 3, pods });
  warmUp(pair);
  pair.first.send(prompt(9), {});
  pair.advance(20);
  const usage = { prompt: 1950, output: 5000 };
  pair.first.send(turn(question), eventAnswer(usage), { vm: 1 });
  pair.advance(300);
  pair.second.send(turn(question, said, more), {}, { vm: 2 });
  pair.advance(300);
  const records = decodeRecords(Buffer.concat(pair.sides[0].reports.map((each) => each.records)));
  const charges = records.filter(({ kind }) => kind === Kind.Charge);
  assert.deepEqual(
    charges.map(({ answer }) => answer),
    [{ tokens: 5000, prompt: inserts(pair.sides[0])[1] }],
  );
  for (const { gateway } of pair.sides) {
    for (let vm = 0; vm < 3; vm++) {
      const decision = decisionOf(gateway.send(prompt(9), {}, { vm }));
      assert.equal(decision.cached, PROMPT_TOKENS);
    }
  }
});

for (const vm of [0, 1, 2]) {
  test(`what one gateway found evicted is forgotten by VM ${vm} of the other`, () => {
    const pair = new TwoGateways({ vms: 3, pods: 1 });
    warmUp(pair);
    const usage = { prompt: PROMPT_TOKENS, output: 4, cached: 0 };
    for (const seed of [1, 2, 3]) {
      pair.first.send(prompt(seed), eventAnswer(usage));
      pair.advance(5000);
    }
    pair.advance(10_000);
    pair.first.send(prompt(2), eventAnswer(usage));
    pair.advance(200);
    const reasons = [1, 3].map((seed) => decisionOf(pair.second.send(prompt(seed), {}, { vm })));
    assert.deepEqual(
      reasons.map(({ reason }) => reason),
      ["cold", "prefix"],
    );
  });
}

test("requests of one gateway steer the other's, and are not told back as its own", () => {
  const pair = new TwoGateways({ vms: 2, pods: 2 });
  warmUp(pair);
  for (let seed = 0; seed < 20; seed += 2) {
    const one = pair.first.send(prompt(seed), null, { vm: seed % 4 === 0 ? 0 : 1 });
    pair.advance(120);
    const other = pair.second.send(prompt(seed + 1), null, { vm: 1 });
    assert.notEqual(firstPod(other), firstPod(one), `pair ${seed}`);
    pair.advance(120);
    for (const { reports } of pair.sides) {
      const told = reports.at(-1)!.json.pods.map((pod) => ({ ...pod, n: 0 }));
      assert.deepEqual(told, [
        { n: 0, inFlight: 1, unprefilled: 1, backlogTokens: 2000, kvTokens: 2300 },
      ]);
    }
    for (const { stream } of [one, other]) stream.done();
    pair.advance(120);
  }
});

test("the other's load counts for as long as metrics do, and not in a table without it", () => {
  const pair = new TwoGateways({ vms: 1, pods: 2 });
  warmUp(pair);
  const [busyRow, otherRow] = pair.first.pods;
  const busy = busyRow!.address;
  otherRow!.mayBePicked = false;
  pair.advance(120);
  for (let seed = 0; seed < 12; seed++) pair.first.send(prompt(seed), null);
  otherRow!.mayBePicked = true;
  let next = 1000;
  /** How many of 16 new prompts go to the busy pod, each one done before the next. */
  const share = (): number => {
    const results = Array.from({ length: 16 }, () => {
      const result = pair.second.send(prompt(next++), null);
      result.stream.done();
      return result;
    });
    return results.filter((result) => firstPod(result) === busy).length;
  };
  pair.advance(200);
  assert.equal(share(), 0);
  pair.isDead = true;
  pair.advance(1800);
  assert.equal(share(), 0);
  pair.advance(400);
  assert.ok(share() > 2, "too old");
  pair.isDead = false;
  pair.advance(300);
  assert.equal(share(), 0);
  pair.sharesLoad = false;
  pair.advance(200);
  assert.ok(share() > 2, "not shared any more");
});
