// The records kept for other gateways: order, limits, ages, cursors.
import assert from "node:assert/strict";
import { test } from "node:test";
import {
  ANSWER_RECORD_BYTES_MAX,
  GATEWAY_BYTES_MAX,
  KEPT_MS,
  POOL_BYTES_MAX,
  RecordStore,
} from "../../../sidecar-metrics/src/sync/records.js";

const HEADER_BYTES = 12;

/** A record of a kind that nobody knows, with a text where its entries would be. */
function record(text: string): Buffer {
  const bytes = Buffer.alloc(HEADER_BYTES + Math.ceil(text.length / 4) * 4);
  bytes.writeUInt16LE(bytes.length, 0);
  bytes.write(text, HEADER_BYTES);
  return bytes;
}

/** Many records of 1 KiB, one after the other. */
function block(bytes: number, mark = "x"): Buffer {
  const one = record(mark.repeat(1024 - HEADER_BYTES));
  return Buffer.concat(Array.from({ length: bytes / 1024 }, () => one));
}

/** The texts of all records. */
function text(batches: Buffer[]): string {
  const bytes = Buffer.concat(batches);
  let texts = "";
  for (let at = 0; at < bytes.length; at += bytes.readUInt16LE(at)) {
    texts += bytes.toString("latin1", at + HEADER_BYTES, at + bytes.readUInt16LE(at));
  }
  return texts.replaceAll("\0", "");
}

/** All that a gateway is told, answer by answer. */
function heardBy(store: RecordStore, gateway: string, nowMs: number): Buffer[] {
  const heard: Buffer[] = [];
  for (let cursor: number | null = null; cursor === null || cursor < store.end;) {
    const answer: { batches: Buffer[]; cursor: number } = store.after(gateway, cursor, nowMs);
    heard.push(...answer.batches);
    cursor = answer.cursor;
  }
  return heard;
}

test("a gateway hears what others told, oldest first", () => {
  const store = new RecordStore();
  store.add("a", record("one."), 0);
  store.add("b", record("two."), 1);
  store.add("a", record("three."), 2);
  assert.equal(text(store.after("new", null, 3).batches), "one.two.three.");
  assert.equal(text(store.after("a", null, 3).batches), "two.");
});

test("the next answer goes on where the last ended, until none is left", () => {
  const store = new RecordStore();
  const half = block(ANSWER_RECORD_BYTES_MAX / 2);
  for (let i = 0; i < 3; i++) store.add("a", half, i);
  const first = store.after("new", null, 3);
  assert.equal(first.batches.length, 2);
  store.add("a", record("late"), 4);
  const second = store.after("new", first.cursor, 5);
  assert.deepEqual(
    second.batches.map(({ length }) => length),
    [half.length, record("late").length],
  );
  const third = store.after("new", second.cursor, 6);
  assert.equal(third.batches.length, 0);
  store.add("new", record("own"), 7);
  assert.equal(store.after("new", third.cursor, 8).batches.length, 0);
});

test("records are kept for their time and no longer", () => {
  const store = new RecordStore();
  store.add("a", record("old"), 0);
  store.add("a", record("new"), 1_000);
  assert.equal(text(store.after("x", null, KEPT_MS).batches), "oldnew");
  assert.equal(text(store.after("x", null, KEPT_MS + 1).batches), "new");
  assert.equal(store.bytes, record("new").length);
});

test("a gateway beyond its bytes loses its own oldest records, not those of others", () => {
  const store = new RecordStore();
  store.add("quiet", record("kept"), 0);
  for (let i = 0; i < 6; i++) store.add("loud", block(GATEWAY_BYTES_MAX / 4, `${i}`), i);
  assert.equal(store.bytes, GATEWAY_BYTES_MAX + record("kept").length);
  let cursor: number | null = null;
  const seen: string[] = [];
  for (let asked = 0; asked < 400; asked++) {
    const { batches, cursor: next } = store.after("x", cursor, 10);
    cursor = next;
    seen.push(...batches.map((batch) => batch.toString("latin1", HEADER_BYTES, HEADER_BYTES + 1)));
  }
  assert.deepEqual([...new Set(seen)], ["k", "2", "3", "4", "5"]);
});

test("many gateways together stay within the pool's bytes", () => {
  const store = new RecordStore();
  const batch = block(1024 * 1024);
  for (let i = 0; i < 100; i++) store.add(`gateway-${i}`, batch, i);
  assert.equal(store.bytes, POOL_BYTES_MAX);
});

test("the store agrees with a plain list over thousands of steps", () => {
  const store = new RecordStore();
  let plain: { gateway: string; atMs: number; text: string }[] = [];
  for (let step = 0; step < 8_000; step++) {
    const atMs = step * 100;
    const entry = { gateway: `g${step % 3}`, atMs, text: `${step};` };
    store.add(entry.gateway, record(entry.text), atMs);
    plain = [...plain.filter((kept) => atMs - kept.atMs <= KEPT_MS), entry];
    if (step % 500 !== 0) continue;
    const expected = plain.filter(({ gateway }) => gateway !== "g1").map((kept) => kept.text);
    assert.equal(text(heardBy(store, "g1", atMs)), expected.join(""));
  }
});

test("clearing leaves nothing, and what comes after is heard", () => {
  const store = new RecordStore();
  store.add("a", record("old"), 0);
  store.clear();
  assert.equal(store.bytes, 0);
  store.add("a", record("new"), 1);
  assert.equal(text(store.after("x", null, 2).batches), "new");
});

test("a cursor survives as 32 bits, and one that nobody was given starts at the oldest", () => {
  const store = new RecordStore();
  for (let i = 0; i < 5; i++) store.add("a", record(`${i}`), 0);
  const { cursor } = store.after("x", null, 0);
  store.add("a", record("5"), 0);
  assert.equal(text(store.after("x", store.cursorOf(cursor), 0).batches), "5");
  assert.equal(text(store.after("x", store.cursorOf(cursor + 2 ** 32), 0).batches), "5");
  for (const bogus of [4_000_000_000, 7]) {
    assert.equal(text(store.after("x", store.cursorOf(bogus), 0).batches), "012345");
  }
});

test("a report's records are cut between records so that any answer has room for them", () => {
  const store = new RecordStore();
  const long = block(256 * 1024);
  store.add("a", long, 0);
  const heard: Buffer[] = [];
  for (let cursor = 0; cursor < store.end;) {
    const answer = store.after("x", cursor, 0);
    const bytes = answer.batches.reduce((sum, { length }) => sum + length, 0);
    assert.ok(bytes > 0 && bytes <= ANSWER_RECORD_BYTES_MAX, `${bytes}`);
    heard.push(...answer.batches);
    cursor = answer.cursor;
  }
  assert.deepEqual(Buffer.concat(heard), long);
});
