// Several gateways on one sidecar, with nothing that carries to others.
import assert from "node:assert/strict";
import { test } from "node:test";
import { SILENT_AFTER_MS } from "../../../sidecar-metrics/src/sharing/load-ledger.js";
import { GATEWAYS_MAX } from "../../../sidecar-metrics/src/sync/gateways.js";
import { POOL_BYTES_MAX, RecordStore } from "../../../sidecar-metrics/src/sync/records.js";
import { gateway, NOT_SHARED, POOL, TestGateway, World } from "../support/sharing.js";
import { insertRecord, report } from "../support/support.js";

const X = "10.0.0.1:80";
const Y = "10.0.0.2:80";
const ALONE = { isJoined: false };

test("gateways of one sidecar hear each other, in order, and never themselves", () => {
  const sidecar = new World().sidecar([X, Y], ALONE);
  const [a, b, c] = [gateway(sidecar, "a"), gateway(sidecar, "b"), gateway(sidecar, "c")];
  a.poll({
    says: [
      [1n, X],
      [2n, Y],
    ],
  });
  b.poll({ says: [[3n, Y]] });
  a.poll({ says: [[4n, X]] });
  for (const one of [c, b, a]) one.poll();
  assert.deepEqual(c.heard, [
    [1n, X],
    [2n, Y],
    [3n, Y],
    [4n, X],
  ]);
  assert.deepEqual(b.heard, [
    [1n, X],
    [2n, Y],
    [4n, X],
  ]);
  assert.deepEqual(a.heard, [[3n, Y]]);
  for (const one of [a, b, c]) assert.equal(one.poll().records.length, 0, "confirmed: not again");
});

test("a row says that nothing is shared to a gateway alone, and the others' sums otherwise", () => {
  const world = new World();
  const sidecar = world.sidecar([X, Y], ALONE);
  const a = gateway(sidecar, "a");
  a.poll({ loads: { [X]: [1, 1, 100, 1_000] } });
  assert.deepEqual(a.shared(X), [NOT_SHARED, 0, 0, 0]);
  const b = gateway(sidecar, "b");
  assert.deepEqual(
    [b.shared(X), b.shared(Y)],
    [
      [1, 1, 100, 1_000],
      [0, 0, 0, 0],
    ],
  );
  b.poll({ loads: { [X]: [10, 2, 20, 200], [Y]: [3, 0, 0, 30] } });
  const c = gateway(sidecar, "c");
  assert.deepEqual(
    [c.shared(X), c.shared(Y)],
    [
      [11, 3, 120, 1_200],
      [3, 0, 0, 30],
    ],
  );
  a.poll({ loads: { [Y]: [5, 0, 0, 0] } });
  assert.deepEqual(
    [a.shared(X), a.shared(Y)],
    [
      [10, 2, 20, 200],
      [3, 0, 0, 30],
    ],
  );
  c.poll();
  assert.deepEqual(
    [c.shared(X), c.shared(Y)],
    [
      [10, 2, 20, 200],
      [8, 0, 0, 30],
    ],
  );
  world.wait(SILENT_AFTER_MS + 1);
  a.poll();
  assert.deepEqual(a.shared(Y), [NOT_SHARED, 0, 0, 0], "alone again");
});

test("a lost answer comes again until it is confirmed, with what came meanwhile", () => {
  const sidecar = new World().sidecar([X], ALONE);
  const [a, b] = [gateway(sidecar, "a"), gateway(sidecar, "b")];
  for (const hash of [1n, 2n, 3n]) {
    a.poll({ says: [[hash, X]] });
    b.poll({ isLost: true });
  }
  assert.deepEqual(b.heard, []);
  b.poll();
  b.poll();
  assert.deepEqual(b.hashes(), [1n, 2n, 3n]);
});

test("another sidecar's cursor counts for nothing: all that is kept comes", () => {
  const sidecar = new World().sidecar([X], ALONE);
  const [a, b] = [gateway(sidecar, "a"), gateway(sidecar, "b")];
  a.poll({ says: [[1n, X]] });
  a.poll({ says: [[2n, X]] });
  b.poll();
  b.cursor = { ...b.cursor, sidecar: "f".repeat(16) };
  b.poll();
  assert.deepEqual(b.hashes(), [1n, 2n, 1n, 2n]);
});

test("a cursor that nobody gave starts at the oldest, and what is none stops no poll", () => {
  const sidecar = new World().sidecar([X], ALONE);
  const [a, b] = [gateway(sidecar, "a"), gateway(sidecar, "b")];
  for (const hash of [1n, 2n, 3n, 4n]) a.poll({ says: [[hash, X]] });
  const heardFrom = (next: number): bigint[] => {
    b.heard.length = 0;
    b.cursor = { sidecar: sidecar.sync.node, next };
    b.poll();
    return b.hashes();
  };
  for (const next of [0, 7, 2 ** 32, 2 ** 33, 2 ** 53 - 1]) {
    assert.deepEqual(heardFrom(next), [1n, 2n, 3n, 4n], `${next}`);
  }
  for (const next of [1.5, 0.1, -1, 1e300]) {
    assert.deepEqual(heardFrom(next), [], `${next} is no cursor: it takes none`);
  }
});

test("cursors go on behind 2^32, and one given into an empty store loses nothing", () => {
  const store = new RecordStore(2 ** 32 - 3);
  const told = (cursor: number): number => cursor % 2 ** 32;
  let next = told(store.after("new", null, 0).cursor);
  const heard: bigint[] = [];
  for (let hash = 0n; hash < 8n; hash++) {
    store.add("a", insertRecord(hash), 0);
    // A gateway that comes by only now and then.
    if (hash !== 4n && hash !== 5n && hash !== 7n) continue;
    const { batches, cursor } = store.after("new", store.cursorOf(next), 0);
    heard.push(...batches.map((batch) => batch.readBigUInt64LE(12)));
    next = told(cursor);
  }
  assert.deepEqual(heard, [0n, 1n, 2n, 3n, 4n, 5n, 6n, 7n]);
  assert.equal(next, 5);
});

test("fractions and giants in a report touch no other pod, and leave nothing behind", () => {
  const world = new World();
  const sidecar = world.sidecar([X, Y], ALONE);
  const b = gateway(sidecar, "b");
  const pods = [
    { n: 0.5, inFlight: 100 },
    { n: 1e300, inFlight: 100 },
    { n: 1, inFlight: 0.4, unprefilled: 1.6, backlogTokens: 0.1, kvTokens: 9e15 },
    { n: 1_024, inFlight: 100 },
  ];
  sidecar.sync.answer(POOL, report({ incarnation: "c".repeat(16), pods }));
  b.poll();
  // What the format can hold in a row is one less, for the greatest means something else.
  assert.deepEqual(
    [b.shared(X), b.shared(Y)],
    [
      [0, 0, 0, 0],
      [0, 2, 0, 4_294_967_294],
    ],
  );
  sidecar.sync.answer(POOL, report({ incarnation: "c".repeat(16), pods: [] }));
  b.poll();
  assert.deepEqual(
    [b.shared(X), b.shared(Y)],
    [
      [0, 0, 0, 0],
      [0, 0, 0, 0],
    ],
  );
});

test("the numbers in the first report after another sidecar are not ours", () => {
  const world = new World();
  const before = world.sidecar([X, Y], ALONE);
  const a = gateway(before, "a");
  const after = world.sidecar([Y, X], ALONE);
  const b = gateway(after, "b");
  a.sidecar = after;
  a.poll({ loads: { [X]: [4, 0, 0, 0] } });
  b.poll();
  assert.deepEqual([b.shared(X)[0], b.shared(Y)[0]], [NOT_SHARED, NOT_SHARED], "not known yet");
  a.poll({ loads: { [X]: [4, 0, 0, 0] } });
  b.poll();
  assert.deepEqual([b.shared(X)[0], b.shared(Y)[0]], [4, 0]);
});

test("inventing gateways buys no memory", () => {
  const world = new World();
  const sidecar = world.sidecar([X]);
  const { ledger, records, outbox } = sidecar.exchange;
  world.server.isUp = false;
  const pods = Array.from({ length: 1_024 }, (_, n) => ({ n, inFlight: 1 }));
  const many = Buffer.concat(Array.from({ length: 10_000 }, (_, i) => insertRecord(BigInt(i))));
  for (let i = 0; i < 1_500; i++) {
    const incarnation = i.toString(16).padStart(16, "0");
    const json = { incarnation, pods: i < 20 ? pods : pods.slice(0, 1) };
    sidecar.sync.answer(POOL, report(json, i < 160 ? many : insertRecord(1n)));
  }
  assert.ok(records.bytes <= POOL_BYTES_MAX);
  assert.ok(outbox.bytes <= 4 * 1024 * 1024);
  assert.ok(ledger.size <= 1_024);
  const state = sidecar.sync.pools.get(POOL);
  assert.equal(state?.gateways.live(world.nowMs).length, GATEWAYS_MAX);
  const told = (sidecar.exchange as unknown as { told: Map<string, unknown> }).told;
  assert.equal(told.size, GATEWAYS_MAX, "what was last told of each");
  world.wait(SILENT_AFTER_MS + 1);
  const a = new TestGateway("a".repeat(16), sidecar);
  a.poll();
  assert.deepEqual([ledger.size, told.size], [1, 1], "and all of it goes");
});
