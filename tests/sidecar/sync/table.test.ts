// The encoder against a table that another program wrote by the same document.
import assert from "node:assert/strict";
import { test } from "node:test";
import {
  type SharedLoad,
  TableBuffer,
  type TableHeader,
  type TableRow,
} from "../../../sidecar-metrics/src/sync/table.js";
import { fixture } from "../support/support.js";

interface Content {
  strategy: TableHeader["strategy"];
  hashKey: string;
  incarnation: string;
  sequence: number;
  madeAtUnixMs: number;
  rows: (TableRow & { ageMs: number | null; shared: SharedLoad | null })[];
}

const CONTENT = JSON.parse(fixture("table-v1.json").toString()) as Content;

function encode(table: TableBuffer, rows: Content["rows"]): Buffer {
  rows.forEach((row, index) => {
    table.writeRow(index, row);
    table.writeAge(index, row.ageMs);
    table.writeShared(index, row.shared);
  });
  table.seal({
    strategy: CONTENT.strategy,
    hashKey: Buffer.from(CONTENT.hashKey, "hex"),
    incarnation: BigInt(`0x${CONTENT.incarnation}`),
    sequence: CONTENT.sequence,
    madeAtUnixMs: CONTENT.madeAtUnixMs,
  });
  return table.bytes;
}

test("the encoded content is the fixture, byte for byte", () => {
  const bytes = encode(new TableBuffer(CONTENT.rows.length), CONTENT.rows);
  assert.equal(bytes.toString("hex"), fixture("table-v1.bin").toString("hex"));
});

test("a buffer that held other rows and another key leaves no trace of them", () => {
  const table = new TableBuffer(CONTENT.rows.length);
  const others = CONTENT.rows.map((row) => ({
    ...row,
    address: "[2001:db8::ffff]:12345",
    epoch: 9,
  }));
  encode(table, others);
  const bytes = encode(table, CONTENT.rows);
  assert.equal(bytes.toString("hex"), fixture("table-v1.bin").toString("hex"));
});

test("a row says that gateways do not share until it is told what they do", () => {
  const table = new TableBuffer(1);
  const row = CONTENT.rows[0]!;
  const shared = (): number[] => [0, 4, 8, 12].map((at) => table.bytes.readUInt32LE(72 + 112 + at));
  table.writeRow(0, row);
  assert.deepEqual(shared(), [4_294_967_295, 0, 0, 0]);
  table.writeShared(0, { inFlight: 0, unprefilled: 0, backlogTokens: 0, kvTokens: 0 });
  assert.deepEqual(shared(), [0, 0, 0, 0]);
  table.writeShared(0, { inFlight: 1e12, unprefilled: -1, backlogTokens: 5, kvTokens: 1e12 });
  assert.deepEqual(shared(), [4_294_967_294, 0, 5, 4_294_967_294]);
  table.writeRow(0, row);
  assert.deepEqual(shared(), [4_294_967_295, 0, 0, 0]);
});

test("a table without rows and without a key is a header of 72 bytes", () => {
  const table = new TableBuffer(0);
  const header = { strategy: null, hashKey: null, incarnation: 1n, sequence: 1, madeAtUnixMs: 0 };
  table.seal(header);
  assert.equal(table.bytes.length, 72);
  assert.equal(table.bytes.readUInt16LE(22), 0);
  assert.equal(table.bytes.toString("hex", 24, 40), "00".repeat(16));
});
