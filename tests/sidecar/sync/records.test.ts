// The records kept for gateways that start anew: order, limits, ages.
import assert from "node:assert/strict";
import { test } from "node:test";
import {
  GATEWAY_BYTES_MAX,
  KEPT_MS,
  POOL_BYTES_MAX,
  RecordStore,
  REPLAY_BYTES_MAX,
} from "../../../sidecar-metrics/src/sync/records.js";

const text = (batches: Buffer[]): string => Buffer.concat(batches).toString();

test("a replay gives the records of others, oldest first", () => {
  const store = new RecordStore();
  store.add("a", Buffer.from("one."), 0);
  store.add("b", Buffer.from("two."), 1);
  store.add("a", Buffer.from("three."), 2);
  assert.equal(text(store.replay("new", null, 3).batches), "one.two.three.");
  assert.equal(text(store.replay("a", null, 3).batches), "two.");
});

test("a replay goes on where it ended, with what came meanwhile, and ends empty", () => {
  const store = new RecordStore();
  const half = Buffer.alloc(REPLAY_BYTES_MAX / 2, "x");
  for (let i = 0; i < 3; i++) store.add("a", half, i);
  const first = store.replay("new", null, 3);
  assert.equal(first.batches.length, 2);
  store.add("a", Buffer.from("late"), 4);
  const second = store.replay("new", first.cursor, 5);
  assert.deepEqual(
    second.batches.map(({ length }) => length),
    [half.length, 4],
  );
  const third = store.replay("new", second.cursor, 6);
  assert.equal(third.batches.length, 0);
  store.add("new", Buffer.from("own"), 7);
  assert.equal(store.replay("new", third.cursor, 8).batches.length, 0);
});

test("records are kept for their time and no longer", () => {
  const store = new RecordStore();
  store.add("a", Buffer.from("old"), 0);
  store.add("a", Buffer.from("new"), 1_000);
  assert.equal(text(store.replay("x", null, KEPT_MS).batches), "oldnew");
  assert.equal(text(store.replay("x", null, KEPT_MS + 1).batches), "new");
  assert.equal(store.bytes, 3);
});

test("a gateway beyond its bytes loses its own oldest records, not those of others", () => {
  const store = new RecordStore();
  store.add("quiet", Buffer.from("kept"), 0);
  for (let i = 0; i < 6; i++) store.add("loud", Buffer.alloc(GATEWAY_BYTES_MAX / 4, `${i}`), i);
  assert.equal(store.bytes, GATEWAY_BYTES_MAX + 4);
  let cursor: number | null = null;
  const seen: string[] = [];
  for (let asked = 0; asked < 6; asked++) {
    const { batches, cursor: next } = store.replay("x", cursor, 10);
    cursor = next;
    seen.push(...batches.map((batch) => batch.toString("latin1", 0, 1)));
  }
  assert.deepEqual(seen, ["k", "2", "3", "4", "5"]);
});

test("many gateways together stay within the pool's bytes", () => {
  const store = new RecordStore();
  const batch = Buffer.alloc(1024 * 1024, "x");
  for (let i = 0; i < 100; i++) store.add(`gateway-${i}`, batch, i);
  assert.equal(store.bytes, POOL_BYTES_MAX);
});

test("the store agrees with a plain list over thousands of steps", () => {
  const store = new RecordStore();
  let plain: { gateway: string; atMs: number; text: string }[] = [];
  for (let step = 0; step < 8_000; step++) {
    const atMs = step * 100;
    const entry = { gateway: `g${step % 3}`, atMs, text: `${step};` };
    store.add(entry.gateway, Buffer.from(entry.text), atMs);
    plain = [...plain.filter((kept) => atMs - kept.atMs <= KEPT_MS), entry];
    if (step % 500 !== 0) continue;
    const expected = plain.filter(({ gateway }) => gateway !== "g1").map((kept) => kept.text);
    assert.equal(text(store.replay("g1", null, atMs).batches), expected.join(""));
  }
});

test("clearing leaves nothing, and what comes after is replayed", () => {
  const store = new RecordStore();
  store.add("a", Buffer.from("old"), 0);
  store.clear();
  assert.equal(store.bytes, 0);
  store.add("a", Buffer.from("new"), 1);
  assert.equal(text(store.replay("x", null, 2).batches), "new");
});
