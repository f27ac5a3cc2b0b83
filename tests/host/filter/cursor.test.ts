// How far a sidecar's records are applied: told with each report, kept by all VMs of the gateway,
// whatever becomes of an answer, of the VM that asked, or of the sidecar.
import assert from "node:assert/strict";
import { test } from "node:test";
import { chainOf } from "./support/chain.js";
import { decisionOf, Gateway } from "./support/gateway.js";
import { prompt, PROMPT_TOKENS } from "./support/messages.js";
import { ANSWER_RECORD_BYTES_MAX, encodeCharge, encodeInsert } from "./support/records.js";
import { makePods, type Poll } from "./support/sidecar.js";
import { encodeAnswer } from "./support/wire.js";

/** Room for the prompt and one charge beside it, not for two. */
const CAPACITY_TOKENS = 10_000;
const CHARGE_TOKENS = 5000;

const CHAIN = chainOf(1);
const OTHER_CHAIN = chainOf(2);
const INSERT = encodeInsert({ number: 0 }, CHAIN);
const CHARGE = encodeCharge({ number: 0 }, CHARGE_TOKENS, CHAIN.at(-1)!.hash);
const NEWS = encodeInsert({ number: 0 }, OTHER_CHAIN);

/** A gateway whose sidecar has given the insert, as batch 1. */
function gatewayWithInsert(options: { syncTimeoutMs?: number } = {}): Gateway {
  const pods = makePods(1).map((pod) => ({ ...pod, capacityTokens: CAPACITY_TOKENS }));
  const gateway = new Gateway({ vms: 2, pods, config: options });
  gateway.sidecar.batches = [INSERT];
  gateway.advance(200);
  return gateway;
}

/** The prompt goes when the charge counts twice: it is the oldest that the pod holds. */
function assertChargedOnce(gateway: Gateway): void {
  for (let vm = 0; vm < 2; vm++) {
    const { reason, cached } = decisionOf(gateway.send(prompt(1), {}, { vm }));
    assert.deepEqual([reason, cached], ["prefix", PROMPT_TOKENS], `VM ${vm}`);
  }
  const { json } = gateway.report();
  // Each checkpoint once, and the charge.
  assert.equal(json.index.nodes, CHAIN.length + 1);
}

function lastCursor(gateway: Gateway): { sidecar: string; next: number } {
  return gateway.sidecar.polls.at(-1)!.report.json.records;
}

const LOST: Record<string, (poll: Poll, gateway: Gateway) => void> = {
  fails: ({ call }) => call.fail(),
  "times out": ({ call }) => call.timeOut(),
  "is refused by the sidecar": ({ call }) => call.respond(503),
  "has a table that is not sound": ({ call, pool }, { sidecar }) => {
    const table = sidecar.table(pool);
    table[50]! ^= 1;
    sidecar.respondWith(call, 200, encodeAnswer(table, CHARGE, 2));
  },
  "is cut off": ({ call, pool }, { sidecar }) => {
    const answer = encodeAnswer(sidecar.table(pool), CHARGE, 2);
    sidecar.respondWith(call, 200, answer.subarray(0, answer.length - 4));
  },
};
for (const [ending, lose] of Object.entries(LOST)) {
  test(`an answer that ${ending} is asked for again, and applied once`, () => {
    const gateway = gatewayWithInsert();
    const { sidecar } = gateway;
    sidecar.batches.push(CHARGE);
    const from = sidecar.polls.length;
    sidecar.answer = (poll) => {
      if (sidecar.polls.length - from <= 3) lose(poll, gateway);
      else sidecar.respond(poll);
    };
    gateway.advance(500);
    const told = sidecar.polls.slice(from).map(({ report }) => report.json.records.next);
    assert.deepEqual(told.slice(0, 5), [1, 1, 1, 1, 2]);
    assertChargedOnce(gateway);
  });
}

test("an answer that never comes is asked for again", () => {
  const gateway = gatewayWithInsert({ syncTimeoutMs: 100 });
  const { sidecar } = gateway;
  sidecar.batches.push(CHARGE);
  const held: Poll[] = [];
  sidecar.answer = (poll) => (held.length === 0 ? held.push(poll) : sidecar.respond(poll));
  gateway.advance(600);
  assert.equal(lastCursor(gateway).next, 2);
  // It comes after it was given up.
  sidecar.respond(held[0]!);
  gateway.advance(100);
  assertChargedOnce(gateway);
});

test("another VM goes on where the one that asked has ended", () => {
  const gateway = gatewayWithInsert();
  const [first] = gateway.pollers();
  gateway.vms[first!]!.isStopped = true;
  gateway.sidecar.batches.push(NEWS);
  const from = gateway.sidecar.polls.length;
  gateway.advance(3000);
  const polls = gateway.sidecar.polls.slice(from);
  assert.deepEqual(gateway.pollers(from), [1 - first!]);
  const told = polls.map(({ report }) => report.json.records.next);
  assert.deepEqual(told.slice(0, 3), [1, 2, 2]);
  const decision = decisionOf(gateway.send(prompt(2), {}, { vm: 1 - first! }));
  assert.equal(decision.reason, "prefix");
});

test("an answer to a VM that has lost its lease moves nothing back and adds nothing", () => {
  const gateway = gatewayWithInsert({ syncTimeoutMs: 1000 });
  const { sidecar } = gateway;
  const [first] = gateway.pollers();
  sidecar.batches.push(CHARGE);
  let held: Poll | null = null;
  sidecar.answer = (poll) => {
    if (held === null) held = poll;
    else sidecar.respond(poll);
  };
  gateway.advance(60);
  gateway.vms[first!]!.isStopped = true;
  gateway.advance(2500);
  assert.equal(lastCursor(gateway).next, 2);
  // Two batches more are known to the sidecar by now, of which the late answer has but the first.
  sidecar.batches.push(NEWS);
  gateway.advance(200);
  assert.equal(lastCursor(gateway).next, 3);
  sidecar.batches.length = 2;
  sidecar.respond(held!);
  sidecar.batches.push(NEWS);
  gateway.vms[first!]!.isStopped = false;
  const from = sidecar.polls.length;
  gateway.advance(300);
  assert.deepEqual(gateway.pollers(from), [1 - first!]);
  assert.ok(sidecar.polls.slice(from).every(({ report }) => report.json.records.next === 3));
  for (let vm = 0; vm < 2; vm++) {
    assert.equal(decisionOf(gateway.send(prompt(2), {}, { vm })).reason, "prefix", `VM ${vm}`);
    assert.equal(decisionOf(gateway.send(prompt(1), {}, { vm })).reason, "prefix", `VM ${vm}`);
  }
});

test("a sidecar that has begun anew is told its own cursor, and its records are applied", () => {
  const gateway = gatewayWithInsert();
  const { sidecar } = gateway;
  sidecar.incarnation = 0xfedc_ba98_7654_3210n;
  sidecar.batches = [NEWS, Buffer.alloc(0), Buffer.alloc(0)];
  const from = sidecar.polls.length;
  gateway.advance(200);
  const told = sidecar.polls.slice(from).map(({ report }) => report.json.records);
  assert.deepEqual(told.slice(0, 3), [
    { sidecar: "0000000000000001", next: 1 },
    { sidecar: "fedcba9876543210", next: 3 },
    { sidecar: "fedcba9876543210", next: 3 },
  ]);
  for (const seed of [1, 2]) {
    assert.equal(decisionOf(gateway.send(prompt(seed), {}, { vm: 1 })).reason, "prefix");
  }
});

test("the same number of another sidecar is another cursor", () => {
  const gateway = gatewayWithInsert();
  gateway.sidecar.incarnation = 2n;
  gateway.sidecar.batches = [NEWS];
  gateway.advance(200);
  assert.deepEqual(lastCursor(gateway), { sidecar: "0000000000000002", next: 1 });
  assert.equal(decisionOf(gateway.send(prompt(2), {}, { vm: 1 })).reason, "prefix");
});

test("a sidecar that knows no cursor has its records applied as they come", () => {
  const gateway = new Gateway({ vms: 2, pods: 1 });
  const { sidecar } = gateway;
  const inbox = [INSERT, NEWS];
  sidecar.answer = ({ call, pool }) =>
    sidecar.respondWith(call, 200, encodeAnswer(sidecar.table(pool), inbox.shift()));
  gateway.advance(300);
  assert.deepEqual(lastCursor(gateway), { sidecar: "0000000000000001", next: 0 });
  for (const seed of [1, 2]) {
    assert.equal(decisionOf(gateway.send(prompt(seed), {}, { vm: 1 })).reason, "prefix");
  }
  assert.equal(gateway.counter("bad_records"), 0);
});

test("records under a cursor that stays are applied once, and asked for no faster", () => {
  const gateway = gatewayWithInsert();
  const { sidecar } = gateway;
  // More than half of what an answer may hold: of other records more would be asked for at once.
  const many = Array.from({ length: 1000 }, () => encodeCharge({ number: 0 }, 1, 1n));
  const records = Buffer.concat([CHARGE, ...many]);
  const from = sidecar.polls.length;
  sidecar.answer = ({ call, pool }) =>
    sidecar.respondWith(call, 200, encodeAnswer(sidecar.table(pool), records, 2));
  gateway.advance(1020);
  const polls = sidecar.polls.length - from;
  assert.ok(polls >= 19 && polls <= 22, `${polls}`);
  assert.equal(gateway.counter("bad_records"), polls - 1);
  assert.equal(decisionOf(gateway.send(prompt(1), {}, { vm: 1 })).cached, PROMPT_TOKENS);
});

test("of records beyond what an answer may hold the first count, and the cursor moves on", () => {
  const gateway = new Gateway({ vms: 2, pods: 1 });
  const { sidecar } = gateway;
  const filler = Buffer.concat(
    Array.from({ length: 10_000 }, (_, i) => encodeCharge({ number: 0 }, 1, BigInt(i))),
  );
  const room = ANSWER_RECORD_BYTES_MAX - INSERT.length;
  const whole = Math.floor(room / 24) * 24;
  const records = Buffer.concat([filler.subarray(0, whole), INSERT, NEWS, filler, filler, filler]);
  let rest: Buffer | undefined = records;
  sidecar.answer = ({ call, pool }) => {
    sidecar.respondWith(call, 200, encodeAnswer(sidecar.table(pool), rest, 7));
    rest = undefined;
  };
  gateway.advance(300);
  assert.equal(lastCursor(gateway).next, 7);
  assert.equal(gateway.counter("bad_records"), 1);
  for (let vm = 0; vm < 2; vm++) {
    const reasons = [1, 2].map((seed) => decisionOf(gateway.send(prompt(seed), {}, { vm })).reason);
    assert.deepEqual(reasons, ["prefix", "cold"], `VM ${vm}`);
  }
});

test("the report's last header word is 0", () => {
  const gateway = new Gateway({ vms: 2 });
  gateway.advance(200);
  assert.ok(gateway.sidecar.polls.every(({ report }) => report.flags === 0));
});
