// The stream between sidecars as it may go wrong: lost answers, duplicates, gaps, new lives.
import assert from "node:assert/strict";
import { test } from "node:test";
import { randomFrom } from "../../../lab/random.js";
import { GatewayWatch } from "../../../sidecar-metrics/src/sharing/gateway-watch.js";
import {
  MESSAGE_RECORD_BYTES_MAX,
  OUTBOX_BYTES_MAX,
  OUTBOX_KEPT_MS,
} from "../../../sidecar-metrics/src/sharing/outbox.js";
import { Pool } from "../../../sidecar-metrics/src/pools/pool.js";
import { readNews, writeNews } from "../support/news.js";
import { gateway, POOL, World } from "../support/sharing.js";
import { insertRecord, report } from "../support/support.js";

const X = "10.0.0.1:80";
const Y = "10.0.0.2:80";

/** A gateway here and one there; the first two have said hello. */
function pair() {
  const world = new World();
  const [s, t] = [world.sidecar([X, Y]), world.sidecar([Y, X])];
  const [a, b] = [gateway(s, "a"), gateway(t, "b")];
  world.server.deliver();
  return { world, s, t, a, b };
}

/** `count` messages of one record each, with the hashes 1, 2, 3 … */
function sayEach(parts: ReturnType<typeof pair>, count: number): void {
  for (let hash = 1; hash <= count; hash++) parts.a.poll({ says: [[BigInt(hash), X]] });
}

test("messages that come twice are taken once", () => {
  const parts = pair();
  const { t, b } = parts;
  sayEach(parts, 5);
  t.carrier.inbox = [...t.carrier.inbox.flatMap((one) => [one, one]), ...t.carrier.inbox];
  t.carrier.deliver();
  b.poll();
  assert.deepEqual(b.hashes(), [1n, 2n, 3n, 4n, 5n]);
  assert.deepEqual([t.counts.repeated, t.counts.missed], [10, 0]);
});

test("messages that never come are counted, and nothing else is lost with them", () => {
  const parts = pair();
  const { t, b } = parts;
  sayEach(parts, 6);
  t.carrier.inbox = t.carrier.inbox.filter((_, i) => ![1, 2, 4].includes(i));
  t.carrier.deliver();
  b.poll();
  assert.deepEqual(b.hashes(), [1n, 4n, 6n]);
  assert.deepEqual([t.counts.repeated, t.counts.missed], [0, 3]);
});

test("a message behind a later one of its sender is not taken, those of others are", () => {
  const parts = pair();
  const { world, t, b } = parts;
  const c = gateway(world.sidecar([X]), "c");
  t.carrier.deliver();
  sayEach(parts, 3);
  c.poll({ says: [[100n, X]] });
  const [first, second, third, other] = t.carrier.inbox;
  t.carrier.inbox = [second!, first!, other!, third!];
  t.carrier.deliver();
  b.poll();
  assert.deepEqual(b.hashes(), [2n, 100n, 3n]);
  assert.deepEqual([t.counts.repeated, t.counts.missed], [1, 0]);
});

test("the first message that is heard of a sidecar may have any number", () => {
  const parts = pair();
  sayEach(parts, 4);
  const late = parts.world.sidecar([X]);
  late.carrier.inbox = late.carrier.inbox.slice(2);
  late.carrier.deliver();
  assert.deepEqual(gateway(late, "d").hashes(), [3n, 4n]);
  assert.equal(late.counts.missed, 0);
});

test("a sidecar that starts anew begins its numbers anew, and is heard", () => {
  const parts = pair();
  const { world, s, t, a, b } = parts;
  sayEach(parts, 3);
  s.stop();
  const again = world.sidecar([Y, X]);
  again.carrier.deliver();
  a.sidecar = again;
  a.poll();
  a.poll({ says: [[4n, X]] });
  world.server.deliver();
  b.poll();
  assert.deepEqual(b.hashes(), [1n, 2n, 3n, 4n]);
  assert.deepEqual([t.counts.repeated, t.counts.missed], [0, 0]);
  const fresh = gateway(again, "e");
  assert.deepEqual(fresh.hashes(), [1n, 2n, 3n, 4n], "what the former life had said is kept");
});

test("a pool that comes back goes on with its numbers", () => {
  const parts = pair();
  const { world, s, t, a, b } = parts;
  sayEach(parts, 3);
  const [c] = [gateway(s, "c")];
  s.sync.remove(POOL);
  s.sync.add(s.pool);
  a.poll({ says: [[4n, X]] });
  for (let hash = 5n; hash < 9n; hash++) a.poll({ says: [[hash, X]] });
  world.server.deliver();
  b.poll();
  c.poll();
  assert.deepEqual(b.hashes(), [1n, 2n, 3n, 4n, 5n, 6n, 7n, 8n]);
  assert.deepEqual(c.hashes(), [1n, 2n, 3n, 4n, 5n, 6n, 7n, 8n], "its cursor is still good");
  assert.deepEqual([t.counts.repeated, t.counts.missed], [0, 0]);
  assert.equal(new Set(world.server.stream.map(({ id }) => id)).size, 8);
});

test("a pool is followed once it has a list, and not when it is gone by then", () => {
  const world = new World();
  const sidecar = world.sidecar([]);
  assert.equal(sidecar.carrier.pools.length, 0);
  sidecar.sync.remove(POOL);
  sidecar.sync.add(sidecar.pool);
  sidecar.list([X]);
  assert.deepEqual(sidecar.carrier.pools, [sidecar.exchange]);
  const settings = { name: "gone", engine: "vllm", modelName: null, strategy: null } as const;
  const gone = new Pool(settings, { added() {}, removed() {} });
  sidecar.sync.add(gone);
  sidecar.sync.remove("gone");
  gone.setList({ pods: [] }, world.nowMs);
  assert.deepEqual(sidecar.carrier.pools, [sidecar.exchange]);
});

test("a message stays what it is until the stream has it, whatever comes meanwhile", () => {
  const { world, s, a, b } = pair();
  world.server.losesAcks = true;
  a.poll({ says: [[1n, X]] });
  const first = s.exchange.nextRecords();
  assert.ok(first);
  const bytes = Buffer.from(first.bytes);
  a.poll({ says: [[2n, Y]] });
  s.list([Y]);
  s.exchange.published("another");
  const again = s.exchange.nextRecords();
  assert.deepEqual([again?.id, again?.bytes], [first.id, bytes]);
  world.server.losesAcks = false;
  s.carrier.pump();
  world.server.deliver();
  b.poll();
  assert.deepEqual(
    b.heard,
    [
      [1n, X],
      [2n, Y],
    ],
    "taken once, though it was sent three times",
  );
});

test("a message that no server takes stops those behind it for a time only", () => {
  const { world, s, t, a, b } = pair();
  world.server.isUp = false;
  a.poll({ says: [[1n, X]] });
  const stuck = s.exchange.nextRecords();
  world.wait(OUTBOX_KEPT_MS);
  a.poll({ says: [[2n, X]] });
  assert.equal(s.exchange.nextRecords()?.id, stuck?.id);
  world.wait(1);
  world.server.isUp = true;
  s.carrier.pump();
  world.server.deliver();
  b.poll();
  assert.deepEqual(b.hashes(), [2n]);
  assert.equal(s.exchange.outbox.droppedBytes, 24);
  assert.equal(t.counts.missed, 0, "nothing was heard before it");
});

test("while the server is away what waits is bounded, and the newest comes when it is back", () => {
  const { world, s, a, b } = pair();
  world.server.isUp = false;
  const number = s.pool.numbers.numberOf(X)!;
  const polls = 60;
  const each = 8_000;
  for (let i = 0; i < polls; i++) {
    const records = Array.from({ length: each }, (_, j) =>
      insertRecord(BigInt(i * each + j), number),
    );
    const json = { incarnation: a.incarnation, pods: [] };
    s.sync.answer(POOL, report(json, Buffer.concat(records)));
    assert.ok(s.exchange.outbox.bytes <= OUTBOX_BYTES_MAX);
    world.wait(50);
  }
  world.server.isUp = true;
  s.carrier.pump();
  const [first] = world.server.stream;
  assert.ok(world.server.stream.every(({ bytes }) => bytes.length < 2 * MESSAGE_RECORD_BYTES_MAX));
  world.server.deliver();
  while (b.poll().records.length > 0);
  const lost = s.exchange.outbox.droppedBytes / 24;
  const hashes = b.hashes().map(Number);
  assert.equal(hashes.length, polls * each - lost);
  assert.ok(lost > 0 && hashes.every((hash, i) => hash === lost + i), "in order, without holes");
  assert.ok(first && first.id.endsWith(".1"), "the numbers are of messages that were made");
});

test("nodes and gateways that are invented are bounded", () => {
  const { world, s, t, a } = pair();
  a.poll({ says: [[1n, X]] });
  const news = readNews(world.server.stream[0]!.bytes);
  for (let i = 0; i < 5_000; i++) {
    const node = i.toString(16).padStart(16, "0");
    t.exchange.takeRecords(writeNews({ ...news, node, gateway: node }));
    const load = { node, gateway: node, endpoints: [], records: Buffer.alloc(0), isWhole: true };
    t.exchange.takeLoad(writeNews({ ...news, ...load, sequence: 0n }));
  }
  assert.ok(t.exchange.watch.live(world.nowMs).length <= 1_024);
  assert.ok(t.exchange.ledger.size <= 1_024);
  const { sequences } = t.exchange.watch as unknown as { sequences: Map<string, number> };
  assert.ok(sequences instanceof Map && sequences.size <= 1_024);
  assert.equal(s.counts.malformed + t.counts.malformed, 0);
});

test("a gateway is shown while it is heard of, by name, with its lag smoothed", () => {
  const watch = new GatewayWatch();
  watch.hear({ gateway: "2", node: "n", name: "b" }, 100, 0);
  watch.hear({ gateway: "1", node: "n", name: "b" }, 0, 5_000);
  watch.hear({ gateway: "3", node: "m", name: "a" }, 0, 5_000);
  watch.hear({ gateway: "1", node: "n", name: "b" }, 10, 5_000);
  assert.deepEqual(
    watch.live(10_000).map(({ gateway }) => gateway),
    ["3", "1", "2"],
  );
  assert.deepEqual(
    watch.live(10_001).map(({ gateway }) => gateway),
    ["3", "1"],
  );
  assert.equal(watch.live(10_001)[1]?.lagMs, 1);
});

test("no bytes whatever from the stream throw, and sound ones are taken after them", () => {
  const { world, t, a, b } = pair();
  a.poll({
    says: [
      [1n, X],
      [2n, Y],
    ],
    loads: { [X]: [1, 1, 1, 1], [Y]: [2, 2, 2, 2] },
  });
  const random = randomFrom(3);
  const sound = t.carrier.inbox.map(({ bytes }) => bytes);
  const taking = (bytes: Buffer): void => {
    t.exchange.takeRecords(bytes);
    t.exchange.takeLoad(bytes);
  };
  for (let round = 0; round < 20_000; round++) {
    const bytes = Buffer.from(sound[round % sound.length] as Buffer);
    // Where the message names its key: one under another is not read any further.
    const at = Math.floor(random() * bytes.length);
    bytes[at] = Math.floor(random() * 256);
    if (round % 5 === 0) bytes[Math.floor(random() * bytes.length)] = Math.floor(random() * 256);
    taking(round % 7 === 0 ? bytes.subarray(0, Math.floor(random() * bytes.length)) : bytes);
  }
  assert.ok(t.counts.malformed > 1_000 && t.counts.taken > 1_000, JSON.stringify(t.counts));
  assert.ok(t.exchange.ledger.size <= 1_024 && t.exchange.records.bytes < 2 ** 25);
  for (let i = 0; i < 100; i++) while (b.poll().records.length > 0);
  world.wait(4_000);
  const fresh = gateway(world.sidecar([X]), "f");
  t.carrier.inbox = [];
  b.heard.length = 0;
  fresh.poll({ says: [[9n, X]], loads: { [X]: [7, 0, 0, 0] } });
  t.carrier.deliver();
  b.poll();
  assert.deepEqual([b.heard, b.shared(X)[0]], [[[9n, X]], 7]);
});
