// Which answers of the sidecar are taken as a table: sound ones, today's and tomorrow's.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { projectPath } from "../../../scripts/config/project.js";
import { decisionOf, firstPod, Gateway, POOL } from "./support/gateway.js";
import { prompt } from "./support/messages.js";
import { randomFrom } from "./support/random.js";
import { makePods, wrongTable } from "./support/sidecar.js";
import { encodeAnswer, encodeTable, type PodRow, seal } from "./support/wire.js";

test("the encoder of these tests writes the fixture", () => {
  const path = projectPath("tests", "fixtures", "table-v1");
  const fixture = JSON.parse(readFileSync(`${path}.json`, "utf8")) as {
    rows: (Omit<PodRow, "kvUse" | "capacityTokens"> & {
      prefixCachingOff: boolean;
      kvUsage: number | null;
      kvCapacityTokens: number;
    })[];
    hashKey: string;
    incarnation: string;
    sequence: number;
  };
  const made = encodeTable({
    rows: fixture.rows.map((row) => ({
      ...row,
      isCacheOff: row.prefixCachingOff,
      kvUse: row.kvUsage,
      capacityTokens: row.kvCapacityTokens,
    })),
    strategy: "PREFIX_CACHE",
    hashKey: Buffer.from(fixture.hashKey, "hex"),
    incarnation: BigInt(`0x${fixture.incarnation}`),
    sequence: BigInt(fixture.sequence),
  });
  const wanted = readFileSync(`${path}.bin`);
  // Time and total counters are not encoded here; the filter does not look at them.
  for (const table of [made, wanted]) {
    table.fill(0, 56, 64);
    for (let row = 72; row < table.length; row += 128) table.fill(0, row + 32, row + 64);
    seal(table);
  }
  assert.deepEqual(made, wanted);
});

function changed(at: number, bytes: readonly number[], isSealed = false): Buffer {
  const table = wrongTable();
  table.set(bytes, at);
  if (isSealed) seal(table);
  return encodeAnswer(table);
}

const random = randomFrom(5);
const WRONG: [title: string, status: number, body: Uint8Array | string][] = [
  ["404", 404, "no pool default"],
  ["404 with a sound table", 404, encodeAnswer(wrongTable())],
  ["500", 500, encodeAnswer(wrongTable())],
  ["204", 204, ""],
  ["nothing", 200, ""],
  ["a page", 200, "<html>hello</html>"],
  ["noise", 200, Uint8Array.from({ length: 5000 }, () => Math.floor(random() * 256))],
  ["zeros", 200, new Uint8Array(5000)],
  ["a table without the answer's header", 200, wrongTable()],
  ["a wrong magic of the answer", 200, Buffer.from(encodeAnswer(wrongTable())).fill(0x58, 0, 4)],
  ["a wrong magic of the table", 200, changed(0, [0x58])],
  ["one that ends early", 200, encodeAnswer(wrongTable()).subarray(0, -4)],
  ["only the first 15 bytes", 200, encodeAnswer(wrongTable()).subarray(0, 15)],
  ["one with bytes behind it", 200, Buffer.concat([encodeAnswer(wrongTable()), Buffer.alloc(4)])],
  ["a changed address", 200, changed(72 + 64, [0x37])],
  ["a wrong checksum", 200, changed(12, [1, 2, 3, 4])],
  ["version 2", 200, encodeAnswer(wrongTable(2))],
  ["version 0", 200, encodeAnswer(wrongTable(0))],
  ["tableBytes too large", 200, changed(8, [255, 255, 255, 255], true)],
  ["a header that is too short", 200, changed(6, [16, 0], true)],
  ["a header beyond the end", 200, changed(6, [255, 255], true)],
  ["rows that are too short", 200, changed(20, [8, 0], true)],
  ["rows of 0 bytes", 200, changed(20, [0, 0], true)],
  ["more rows than there are", 200, changed(16, [2, 0, 0, 0], true)],
  ["4,294,967,295 rows", 200, changed(16, [255, 255, 255, 255], true)],
  ["1,025 rows", 200, encodeAnswer(encodeTable({ rows: makePods(1025), hashKey: null }))],
  ["records that are not there", 200, Buffer.from(encodeAnswer(wrongTable())).fill(255, 8, 12)],
  ["5 MiB", 200, new Uint8Array(5 * 1024 * 1024)],
];

for (const [title, status, body] of WRONG) {
  test(`refused, and the table in force stays: ${title}`, () => {
    const gateway = new Gateway({ vms: 2 });
    const pod = firstPod(gateway.send(prompt(1)));
    gateway.sidecar.answer = ({ call }) => gateway.sidecar.respondWith(call, status, body);
    gateway.advance(500);
    assert.ok(gateway.counter("sync_failures") >= 5);
    const again = gateway.send(prompt(1));
    assert.deepEqual([firstPod(again), decisionOf(again).reason], [pod, "prefix"]);
    assert.notEqual(gateway.send(prompt(2), {}, { vm: 1 }).destinationHeader, null);
    gateway.sidecar.answer = null;
    gateway.pods.splice(0, 3, { number: 5, address: "10.0.0.6:8000" });
    gateway.advance(100);
    assert.equal(gateway.send(prompt(3)).destinationHeader, "10.0.0.6:8000");
    assert.equal(gateway.hasFailed, false);
  });
}

test("rows with a number or an address that cannot be are left out, the others taken", () => {
  const gateway = new Gateway({ pods: 0 });
  gateway.sidecar.answer = ({ call }) => {
    const rows = [
      { number: 1024, address: "1.1.1.1:1" },
      { number: 65535, address: "1.1.1.1:2" },
      { number: 2, address: "" },
      { number: 1023, address: "10.0.0.7:8000" },
    ];
    gateway.sidecar.respondWith(call, 200, encodeAnswer(encodeTable({ rows, hashKey: null })));
  };
  gateway.advance(100);
  assert.equal(gateway.send(prompt(1)).destinationHeader, "10.0.0.7:8000");
});

test("a later version may append fields: header and rows tell where the next one starts", () => {
  const gateway = new Gateway({ pods: 0 });
  gateway.sidecar.answer = ({ call }) => {
    const table = gateway.sidecar.table(POOL);
    const rows = encodeTable({ rows: makePods(2), hashKey: null }).subarray(72);
    const wide = [0, 1].map((i) =>
      Buffer.concat([rows.subarray(i * 128, (i + 1) * 128), Buffer.alloc(8, 0xee)]),
    );
    const longer = Buffer.concat([table.subarray(0, 72), Buffer.alloc(16, 0xdd), ...wide]);
    longer.writeUInt16LE(88, 6);
    longer.writeUInt32LE(longer.length, 8);
    longer.writeUInt32LE(2, 16);
    longer.writeUInt16LE(136, 20);
    gateway.sidecar.respondWith(call, 200, encodeAnswer(seal(longer)));
  };
  gateway.advance(100);
  const addresses = gateway.send(prompt(1)).destinationHeader!.split(",").sort();
  assert.deepEqual(addresses, ["10.0.0.1:8000", "10.0.0.2:8000"]);
});

test("1,024 pods are taken", () => {
  const pods = Array.from({ length: 1024 }, (_, number) => ({
    number,
    address: `10.${number >> 8}.${number & 255}.1:8000`,
  }));
  const gateway = new Gateway({ pods, vms: 2 });
  const pod = firstPod(gateway.send(prompt(1)));
  gateway.advance(30);
  assert.deepEqual(decisionOf(gateway.send(prompt(1), {}, { vm: 1 })).pod, pod);
});
