// Reports: what a good one gives, and that no bytes whatever do harm.
import assert from "node:assert/strict";
import { test } from "node:test";
import { decodeReport } from "../../../sidecar-metrics/src/sync/report.js";
import { insertRecord, report } from "../support/support.js";

const GOOD = {
  v: 1,
  incarnation: "9f0c",
  vms: 2,
  configHash: "5b1e",
  reasons: { prefix: 120, load: 3 },
  waitingForPod: 3,
  pods: [
    { n: 0, inFlight: 2, unprefilled: 1, backlogTokens: 800, kvTokens: 9000 },
    { n: 1, inFlight: 0, unprefilled: 0, backlogTokens: 0, kvTokens: 0, ejected: "hung" },
  ],
  decisions: [{ ageMs: 12, n: 0, reason: "prefix", prompt: 1200, cached: 1024, etaMs: 31 }],
  warnings: ["stall-guard"],
  records: { sidecar: "00ff00ff00ff00ff", next: 12 },
  aLaterKey: { x: 1 },
};

test("a good report is read; unknown keys are ignored and absent ones unknown", () => {
  const decoded = decodeReport(report(GOOD, insertRecord(7n)));
  assert.ok(decoded.ok);
  assert.deepEqual(decoded.report.records, { sidecar: "00ff00ff00ff00ff", next: 12 });
  assert.deepEqual(decoded.records, insertRecord(7n));
  assert.equal(decoded.report.incarnation, "9f0c");
  assert.deepEqual(
    [...decoded.report.reasons],
    [
      ["prefix", 120],
      ["load", 3],
    ],
  );
  assert.deepEqual(decoded.report.pods, [
    { number: 0, inFlight: 2, unprefilled: 1, backlogTokens: 800, kvTokens: 9000, ejected: null },
    { number: 1, inFlight: 0, unprefilled: 0, backlogTokens: 0, kvTokens: 0, ejected: "hung" },
  ]);
  assert.equal(decoded.report.waitingForPod, 3);
  assert.equal(decoded.report.uptimeMs, null);
  assert.equal(decoded.report.decisions[0]?.cachedTokens, 1024);
});

test("values of another type or out of any range are unknown", () => {
  const decoded = decodeReport(
    report(
      '{"vms":-1,"uptimeMs":1e999,"configHash":5,"reasons":{"prefix":"9","<b>":1,"load":2},' +
        '"pods":[null,7,{"n":"x"},{"n":3,"ejected":"<b>"}],"decisions":{"0":1},' +
        '"warnings":[1,"w"],"rates":[],' +
        '"records":{"sidecar":1,"next":2}}',
    ),
  );
  assert.ok(decoded.ok);
  const { vms, uptimeMs, configHash, reasons, pods, decisions, warnings } = decoded.report;
  assert.deepEqual([vms, uptimeMs, configHash], [null, null, null]);
  assert.deepEqual([...reasons], [["load", 2]]);
  assert.deepEqual(
    pods.map(({ number, ejected }) => [number, ejected]),
    [[3, null]],
  );
  assert.deepEqual([decisions, warnings], [[], ["w"]]);
  assert.equal(decoded.report.records, null);
});

test("lists and texts are cut to their limits", () => {
  const decoded = decodeReport(
    report({
      incarnation: "x".repeat(10_000),
      decisions: Array.from({ length: 1_000 }, () => ({})),
      reasons: Object.fromEntries(Array.from({ length: 500 }, (_, i) => [`r${i}`, 1])),
    }),
  );
  assert.ok(decoded.ok);
  assert.equal(decoded.report.incarnation.length, 64);
  assert.equal(decoded.report.decisions.length, 32);
  assert.equal(decoded.report.reasons.size, 64);
});

const wrongLength = (bytes: number): Buffer => {
  const record = insertRecord(1n);
  record.writeUInt16LE(bytes, 0);
  return record;
};

const REFUSED: [string, Buffer, RegExp][] = [
  ["nothing", Buffer.alloc(0), /16 bytes/],
  ["a header cut short", report({}).subarray(0, 15), /16 bytes/],
  ["another magic", Buffer.from("WRA1............"), /16 bytes/],
  ["a length beyond the body", report({}).subarray(0, 17), /add up/],
  ["bytes after the records", Buffer.concat([report({}), Buffer.alloc(4)]), /add up/],
  ["more JSON than allowed", report(`{"a":"${"x".repeat(300_000)}"}`), /jsonBytes/],
  ["broken JSON", report('{"a":'), /malformed/],
  ["a list", report("[]"), /not an object/],
  ["null", report("null"), /not an object/],
  ["a record of length 0", report({}, wrongLength(0)), /records/],
  ["a record of odd length", report({}, wrongLength(23)), /records/],
  ["a record longer than the rest", report({}, wrongLength(28)), /records/],
  ["half a record header", report({}, Buffer.from([4, 0])), /records/],
];

for (const [name, body, error] of REFUSED) {
  test(`refused with a reason: ${name}`, () => {
    const decoded = decodeReport(body);
    assert.ok(!decoded.ok);
    assert.match(decoded.error, error);
  });
}

test("deep nesting and prototype keys are just JSON", () => {
  const deep = `{"pods":${"[".repeat(60_000)}${"]".repeat(60_000)},"__proto__":{"vms":3}}`;
  const decoded = decodeReport(report(deep));
  assert.ok(decoded.ok);
  assert.equal(decoded.report.vms, null);
});

test("no cut and no flipped byte of a report throws", () => {
  const whole = report(GOOD, insertRecord(7n));
  for (let length = 0; length <= whole.length; length++) decodeReport(whole.subarray(0, length));
  for (let at = 0; at < whole.length; at++) {
    const changed = Buffer.from(whole);
    changed[at] = (changed[at] ?? 0) ^ 0xff;
    decodeReport(changed);
  }
});
