// Gateways of several sidecars: pods under other numbers, load, clocks, names, lives and keys.
import assert from "node:assert/strict";
import { test } from "node:test";
import { REUSE_AFTER_MS } from "../../../sidecar-metrics/src/pools/endpoint-numbers.js";
import { SILENT_AFTER_MS } from "../../../sidecar-metrics/src/sharing/load-ledger.js";
import { WHOLE_LOAD_MS } from "../../../sidecar-metrics/src/sharing/pool-exchange.js";
import { readNews, writeNews } from "../support/news.js";
import { gateway, KEY, type Load, type TestSidecar, World } from "../support/sharing.js";

const X = "10.0.0.1:80";
const Y = "10.0.0.2:80";
const Z = "[2001:db8::3]:80";
const ONE: Load = [1, 1, 10, 100];

/** Two sidecars whose numbers differ, with a gateway each. */
function pair(names = ["s", "t"], skewsMs = [0, 0]) {
  const world = new World();
  const make = (i: number, addresses: string[]): TestSidecar =>
    world.sidecar(addresses, { name: names[i]!, skewMs: skewsMs[i]! });
  const [s, t] = [make(0, [X, Y, Z]), make(1, [Z, X, Y])];
  const [a, b] = [gateway(s, "a"), gateway(t, "b")];
  return { world, s, t, a, b };
}

test("records and load arrive under the right pod although its number is another", () => {
  const { world, s, t, a, b } = pair();
  assert.notEqual(s.pool.numbers.numberOf(X), t.pool.numbers.numberOf(X));
  a.poll({
    says: [
      [1n, X],
      [2n, Z],
    ],
    loads: { [X]: [1, 2, 3, 4], [Z]: [5, 6, 7, 8] },
  });
  b.poll({ says: [[3n, Y]], loads: { [Y]: [9, 0, 0, 0] } });
  world.server.deliver();
  a.poll();
  b.poll();
  assert.deepEqual(b.heard, [
    [1n, X],
    [2n, Z],
  ]);
  assert.deepEqual(a.heard, [[3n, Y]]);
  assert.deepEqual(
    [X, Y, Z].map((pod) => b.shared(pod)),
    [
      [1, 2, 3, 4],
      [0, 0, 0, 0],
      [5, 6, 7, 8],
    ],
  );
  assert.deepEqual(
    [X, Y, Z].map((pod) => a.shared(pod)[0]),
    [0, 9, 0],
  );
});

test("with a way to other sidecars a row says 0 where nobody else is", () => {
  const world = new World();
  const a = gateway(world.sidecar([X]), "a");
  assert.deepEqual(a.shared(X), [0, 0, 0, 0]);
});

test("pods that one does not know are left out, and their records counted", () => {
  const world = new World();
  const [s, t] = [world.sidecar([X, Y]), world.sidecar([Y])];
  const [a, b] = [gateway(s, "a"), gateway(t, "b")];
  a.poll({
    says: [
      [1n, X],
      [2n, Y],
      [3n, X],
    ],
    loads: { [X]: ONE, [Y]: [2, 0, 0, 0] },
  });
  world.server.deliver();
  b.poll();
  assert.deepEqual(b.heard, [[2n, Y]]);
  assert.equal(t.counts.unknownPodRecords, 2);
  assert.equal(b.shared(Y)[0], 2);
});

test("a pod that is gone takes no records, and takes them again when it is back", () => {
  const { world, t, a, b } = pair();
  t.list([Z, Y]);
  a.poll({ says: [[1n, X]], loads: { [X]: ONE } });
  world.server.deliver();
  b.poll();
  t.list([Z, X, Y]);
  a.poll({ says: [[2n, X]], loads: { [X]: ONE } });
  world.wait(WHOLE_LOAD_MS);
  a.poll({ loads: { [X]: ONE } });
  world.server.deliver();
  b.poll();
  assert.deepEqual(b.heard, [[2n, X]]);
  assert.deepEqual(b.shared(X), ONE);
});

test("a pod that goes while load is on it leaves none of it to the next of its number", () => {
  const { world, t, a, b } = pair();
  a.poll({ loads: { [X]: ONE } });
  world.server.deliver();
  t.list([Z, Y]);
  for (let waitedMs = 0; waitedMs <= REUSE_AFTER_MS; waitedMs += 60_000) {
    world.wait(60_000);
    a.poll({ loads: { [X]: ONE } });
    world.server.deliver();
  }
  t.list([Z, Y, "10.0.0.9:80"]);
  b.poll();
  assert.equal(b.rows.get("10.0.0.9:80")?.number, 1, "X had it");
  assert.deepEqual(b.shared("10.0.0.9:80"), [0, 0, 0, 0]);
});

test("records that waited while their number went to another pod are not told of that", () => {
  const { world, s, a, b } = pair();
  world.server.isUp = false;
  a.poll({ says: [[1n, Y]] });
  s.list([X, Z]);
  world.wait(REUSE_AFTER_MS);
  a.poll();
  s.list([X, "10.0.0.9:80", Z]);
  b.sidecar.list([Z, X, Y, "10.0.0.9:80"]);
  world.server.isUp = true;
  s.carrier.pump();
  world.server.deliver();
  b.poll();
  assert.deepEqual(b.heard, []);
  assert.equal(s.exchange.outbox.droppedBytes, 24);
});

for (const hours of [-30, 30]) {
  test(`a clock that is ${hours} hours wrong changes nothing but the lag that is shown`, () => {
    const skewMs = hours * 3_600_000;
    const { world, s, t, a, b } = pair(["s", "t"], [skewMs, 0]);
    world.server.deliver();
    for (let i = 0; i < 20; i++) {
      world.wait(50);
      a.poll({ says: [[BigInt(i), X]], loads: { [X]: ONE } });
      b.poll({ says: [[BigInt(100 + i), Y]], loads: { [Y]: [2, 0, 0, 0] } });
      world.wait(5);
      world.server.deliver();
    }
    a.poll();
    b.poll();
    assert.deepEqual([a.heard.length, b.heard.length], [20, 20]);
    assert.deepEqual([a.shared(Y)[0], b.shared(X)], [2, ONE]);
    const lagOf = ({ exchange }: TestSidecar): number =>
      exchange.watch.live(world.nowMs)[0]?.lagMs ?? NaN;
    assert.ok(Math.abs(lagOf(t) + skewMs) <= 5, `${lagOf(t)}`);
    assert.ok(Math.abs(lagOf(s) - skewMs) <= 5, `${lagOf(s)}`);
    world.wait(60_000);
    for (const { exchange } of [s, t]) assert.deepEqual(exchange.watch.live(world.nowMs), []);
  });
}

test("gateways of one name are two", () => {
  const { world, s, t, a, b } = pair(["same", "same"]);
  const c = gateway(world.sidecar([X], { name: "other" }), "c");
  a.poll({ says: [[1n, X]], loads: { [X]: ONE } });
  b.poll({ says: [[2n, X]], loads: { [X]: ONE } });
  world.server.deliver();
  c.poll();
  assert.deepEqual(c.hashes(), [1n, 2n]);
  assert.deepEqual(c.shared(X), [2, 2, 20, 200]);
  const names = c.sidecar.exchange.watch.live(world.nowMs).map(({ name, node }) => [name, node]);
  assert.deepEqual(names, [
    ["same", s.sync.node],
    ["same", t.sync.node],
  ]);
});

test("a gateway that goes over to another sidecar is one, and hears nothing of its own", () => {
  const { world, s, t, a, b } = pair();
  a.poll({ says: [[1n, X]], loads: { [X]: ONE } });
  world.server.deliver();
  s.stop();
  const later = world.sidecar([Y, Z, X]);
  later.carrier.deliver();
  a.sidecar = later;
  a.poll({ loads: { [X]: ONE } });
  a.poll({ says: [[2n, Z]], loads: { [X]: ONE } });
  world.server.deliver();
  b.poll();
  assert.deepEqual(b.heard, [
    [1n, X],
    [2n, Z],
  ]);
  assert.deepEqual([b.shared(X), b.shared(Z)], [ONE, [0, 0, 0, 0]]);
  assert.deepEqual(a.heard, []);
  assert.equal(t.exchange.watch.live(world.nowMs).length, 1);
  const d = gateway(later, "d");
  assert.deepEqual(
    d.heard,
    [
      [1n, X],
      [2n, Z],
    ],
    "also what its sidecar's former life told",
  );
});

test("a gateway that reports through two sidecars at once is counted once", () => {
  const world = new World();
  const [s, t, u] = [world.sidecar([X, Y]), world.sidecar([Y, X]), world.sidecar([X, Y])];
  const [atS, atT, c] = [gateway(s, "a"), gateway(t, "a"), gateway(u, "c")];
  for (let i = 0; i < 50; i++) {
    world.wait(50);
    atS.poll({ loads: { [X]: ONE } });
    world.server.deliver();
    c.poll();
    assert.deepEqual(c.shared(X), ONE);
    atT.poll({ loads: { [X]: ONE } });
    world.server.deliver();
    c.poll();
    assert.deepEqual([c.shared(X), c.shared(Y)], [ONE, [0, 0, 0, 0]]);
  }
  assert.deepEqual(atS.poll().rows[0]?.shared, [0, 0, 0, 0], "never itself");
});

test("the requests of a gateway that dies are gone after its time, and not before", () => {
  const { world, a, b } = pair();
  a.poll({ loads: { [X]: ONE } });
  world.server.deliver();
  world.wait(SILENT_AFTER_MS);
  b.poll();
  assert.deepEqual(b.shared(X), ONE);
  world.wait(1);
  b.poll();
  assert.deepEqual(b.shared(X), [0, 0, 0, 0]);
  for (let i = 0; i < 3; i++) {
    a.poll({ loads: { [X]: ONE } });
    world.server.deliver();
  }
  b.poll();
  assert.deepEqual(b.shared(X), ONE, "back, and counted once");
});

test("load is told as it changes, and whole each second", () => {
  const { world, t, a } = pair();
  t.carrier.inbox = [];
  const told = (loads: Record<string, Load>) => {
    a.poll({ loads });
    const messages = t.carrier.inbox.map(({ bytes }) => readNews(bytes));
    t.carrier.inbox = [];
    return messages.map(({ isWhole, endpoints, sequence }) => {
      assert.equal(sequence, 0n);
      return [isWhole, ...endpoints.map(([, address, inFlight]) => `${address} ${inFlight}`)];
    });
  };
  const two: Load = [2, 0, 0, 0];
  assert.deepEqual(told({ [X]: ONE }), [[false, `${X} 1`]], "its first poll told the whole");
  assert.deepEqual(told({ [X]: ONE }), []);
  assert.deepEqual(told({ [X]: ONE, [Y]: two }), [[false, `${Y} 2`]]);
  assert.deepEqual(told({ [X]: [1, 1, 10, 101], [Y]: two }), [[false, `${X} 1`]]);
  assert.deepEqual(told({ [Y]: two }), [[false, `${X} 0`]], "what ended is told as 0");
  world.wait(WHOLE_LOAD_MS);
  assert.deepEqual(told({ [Y]: two }), [[true, `${Y} 2`]]);
  world.wait(WHOLE_LOAD_MS);
  assert.deepEqual(told({}), [[true]]);
  world.wait(WHOLE_LOAD_MS - 1);
  assert.deepEqual(told({}), []);
});

test("a message of load that is lost is made up for by the next whole one", () => {
  const { world, t, a, b } = pair();
  a.poll({ loads: { [X]: ONE } });
  world.server.deliver();
  a.poll({ loads: { [Y]: [3, 0, 0, 0] } });
  t.carrier.inbox = [];
  b.poll();
  assert.deepEqual([b.shared(X)[0], b.shared(Y)[0]], [1, 0], "it is not known yet");
  world.wait(WHOLE_LOAD_MS);
  a.poll({ loads: { [Y]: [3, 0, 0, 0] } });
  world.server.deliver();
  b.poll();
  assert.deepEqual([b.shared(X)[0], b.shared(Y)[0]], [0, 3]);
});

test("a quiet gateway is known to be alive as long as it polls", () => {
  const { world, t, a } = pair();
  for (let waitedMs = 0; waitedMs < 4 * SILENT_AFTER_MS; waitedMs += 50) {
    world.wait(50);
    a.poll();
    world.server.deliver();
    t.exchange.ledger.forgetSilent(world.nowMs);
    assert.equal(t.exchange.ledger.hasOthers("b".repeat(16)), true);
  }
});

test("what is said under another key is passed over, and counted", () => {
  const world = new World();
  const key = Buffer.alloc(16, 9);
  const [a, b] = [gateway(world.sidecar([X]), "a"), gateway(world.sidecar([X], { key }), "b")];
  world.server.deliver();
  const before = [a, b].map(({ sidecar }) => sidecar.counts.otherKey);
  a.poll({ says: [[1n, X]], loads: { [X]: ONE } });
  world.server.deliver();
  b.poll();
  assert.deepEqual([b.heard, b.shared(X)], [[], [0, 0, 0, 0]]);
  assert.equal(b.sidecar.counts.otherKey, before[1]! + 2);
  assert.equal(a.sidecar.counts.otherKey, before[0], "its own is not another's");
});

test("a key that changes in one sidecar after the other: nothing crosses over or is lost", () => {
  const { world, s, t, a, b } = pair();
  const key = Buffer.alloc(16, 9);
  a.poll({ says: [[1n, X]] });
  world.server.deliver();
  b.poll();
  a.poll({ says: [[2n, X]] });
  s.sync.setHashKey(key);
  a.poll({ says: [[1_000n, X]] });
  a.poll({ says: [[3n, X]] });
  a.poll({ says: [[4n, X]] });
  world.server.deliver();
  b.poll();
  assert.deepEqual(b.hashes(), [1n, 2n], "said before the change");
  t.sync.setHashKey(key);
  world.server.deliver();
  b.poll();
  a.poll({ says: [[5n, X]] });
  world.server.deliver();
  b.poll();
  b.poll();
  // 1000 was hashed before the gateway could have the key.
  assert.deepEqual(b.hashes(), [1n, 2n, 3n, 4n, 5n]);
  assert.equal(s.counts.otherKey, 0, "what it said itself before is not another's");
});

test("a key that changes while a message is under way: its answer is not the next one's", () => {
  const { world, s, t, a, b } = pair();
  world.server.losesAcks = true;
  a.poll({ says: [[1n, X]] });
  const underWay = s.exchange.nextRecords();
  a.poll({ says: [[2n, X]] });
  s.sync.setHashKey(Buffer.alloc(16, 9));
  assert.equal(s.exchange.nextRecords(), null, "nothing of the former key is sent any more");
  t.sync.setHashKey(Buffer.alloc(16, 9));
  a.poll();
  a.poll({ says: [[3n, X]] });
  s.exchange.published(underWay!.id);
  world.server.losesAcks = false;
  s.carrier.pump();
  world.server.deliver();
  b.poll();
  assert.deepEqual(b.hashes(), [3n]);
});

test("a key that comes back: what the stream keeps of its time is heard again", () => {
  const { world, t, a, b } = pair();
  a.poll({ says: [[1n, X]] });
  a.poll({ says: [[2n, X]] });
  world.server.deliver();
  b.poll();
  t.sync.setHashKey(Buffer.alloc(16, 9));
  world.server.deliver();
  t.sync.setHashKey(KEY);
  world.server.deliver();
  assert.deepEqual(gateway(t, "c").hashes(), [1n, 2n]);
});

test("records of a kind that is not known yet pass by their length", () => {
  const { world, t, b } = pair();
  const strange = Buffer.alloc(40, 0xee);
  strange.writeUInt16LE(40, 0);
  strange.writeUInt16LE(17, 8);
  const short = Buffer.from([8, 0, 99, 0, 1, 2, 3, 4]);
  const known = Buffer.alloc(24);
  known.writeUInt16LE(24, 0);
  known.writeUInt16LE(5, 8);
  known.writeBigUInt64LE(7n, 12);
  const a = gateway(world.sidecar([X]), "a");
  t.carrier.inbox = [];
  a.poll({ says: [[1n, X]] });
  const news = readNews(t.carrier.inbox.find(({ kind }) => kind === "records")!.bytes);
  t.carrier.inbox = [];
  const endpoints: typeof news.endpoints = [
    [17, Y, 0, 0, 0, 0],
    [5, Z, 0, 0, 0, 0],
  ];
  const records = Buffer.concat([short, strange, known, short]);
  t.exchange.takeRecords(writeNews({ ...news, endpoints, records }, { header: 8, behind: 4 }));
  b.poll();
  assert.deepEqual(
    b.heard.map(([, pod]) => pod),
    [Y, Z],
  );
  assert.equal(b.heard[1]?.[0], 7n);
  assert.equal(t.counts.unknownPodRecords, 2, "those that name no pod");
});
