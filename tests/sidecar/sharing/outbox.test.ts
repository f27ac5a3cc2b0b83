// Records that wait to be published: order, bounds, and what one message holds.
import assert from "node:assert/strict";
import { test } from "node:test";
import {
  MESSAGE_RECORD_BYTES_MAX,
  Outbox,
  OUTBOX_BATCHES_MAX,
  OUTBOX_BYTES_MAX,
  OUTBOX_KEPT_MS,
} from "../../../sidecar-metrics/src/sharing/outbox.js";
import { insertRecord } from "../support/support.js";

const RECORD_BYTES = 24;

/** Records with the hashes `from` to before `to`. */
function records(from: number, to: number): Buffer {
  return Buffer.concat(Array.from({ length: to - from }, (_, i) => insertRecord(BigInt(from + i))));
}

function hashesOf(bytes: Buffer): number[] {
  return Array.from({ length: bytes.length / RECORD_BYTES }, (_, i) =>
    Number(bytes.readBigUInt64LE(i * RECORD_BYTES + 12)),
  );
}

function range(from: number, to: number): number[] {
  return Array.from({ length: to - from }, (_, i) => from + i);
}

test("a message holds what one gateway told in a row, and the time of the first", () => {
  const outbox = new Outbox();
  outbox.add("a", records(0, 2), 10, 1_000);
  outbox.add("a", records(2, 3), 20, 1_010);
  outbox.add("b", records(3, 4), 30, 1_020);
  outbox.add("a", Buffer.alloc(0), 35, 1_025);
  outbox.add("a", records(4, 5), 40, 1_030);
  const parcels = range(0, 4).map(() => outbox.take(50));
  assert.deepEqual(
    parcels.map((parcel) => parcel && [parcel.gateway, hashesOf(parcel.records), parcel.atUnixMs]),
    [["a", [0, 1, 2], 1_000], ["b", [3], 1_020], ["a", [4], 1_030], null],
  );
  assert.deepEqual([outbox.bytes, outbox.droppedBytes], [0, 0]);
});

test("no message is longer than a server takes, however long a report was", () => {
  const outbox = new Outbox();
  const count = Math.floor((1024 * 1024) / RECORD_BYTES);
  outbox.add("a", records(0, count), 0, 0);
  const heard: number[] = [];
  for (let parcel = outbox.take(0); parcel !== null; parcel = outbox.take(0)) {
    assert.ok(parcel.records.length <= MESSAGE_RECORD_BYTES_MAX);
    heard.push(...hashesOf(parcel.records));
  }
  assert.deepEqual(heard, range(0, count));
});

test("while nothing takes them the oldest go first, and are counted", () => {
  const outbox = new Outbox();
  const each = 1_000;
  const batches = 400;
  for (let i = 0; i < batches; i++) outbox.add("a", records(i * each, (i + 1) * each), i, i);
  assert.ok(outbox.bytes <= OUTBOX_BYTES_MAX);
  assert.ok(outbox.bytes > OUTBOX_BYTES_MAX - each * RECORD_BYTES, "no more than had to go");
  assert.equal(outbox.bytes + outbox.droppedBytes, batches * each * RECORD_BYTES);
  const heard: number[] = [];
  for (let p = outbox.take(400); p !== null; p = outbox.take(400))
    heard.push(...hashesOf(p.records));
  assert.deepEqual(heard, range(outbox.droppedBytes / RECORD_BYTES, batches * each));
  assert.equal(outbox.bytes, 0);
});

test("small batches are bounded in number", () => {
  const outbox = new Outbox();
  const tooMany = 10;
  for (let i = 0; i < OUTBOX_BATCHES_MAX + tooMany; i++) outbox.add("a", records(i, i + 1), 0, 0);
  assert.equal(outbox.bytes, OUTBOX_BATCHES_MAX * RECORD_BYTES);
  assert.equal(outbox.droppedBytes, tooMany * RECORD_BYTES);
  const first = outbox.take(0);
  assert.equal(first && hashesOf(first.records)[0], tooMany);
});

test("records go when they are too old, also where nothing comes after them", () => {
  const outbox = new Outbox();
  outbox.add("a", records(0, 1), 0, 0);
  outbox.add("a", records(1, 2), 1_000, 0);
  const parcel = outbox.take(OUTBOX_KEPT_MS + 1);
  assert.deepEqual(parcel && hashesOf(parcel.records), [1]);
  assert.equal(outbox.droppedBytes, RECORD_BYTES);
  outbox.add("a", records(2, 3), 2_000, 0);
  outbox.add("a", Buffer.alloc(0), OUTBOX_KEPT_MS + 2_001, 0);
  assert.equal(outbox.bytes, 0, "a gateway that only polls shows the time");
});

test("what waits is a copy of the report's bytes", () => {
  const outbox = new Outbox();
  const body = records(0, 1);
  outbox.add("a", body, 0, 0);
  body.fill(0);
  const parcel = outbox.take(0);
  assert.deepEqual(parcel?.records, insertRecord(0n));
});
