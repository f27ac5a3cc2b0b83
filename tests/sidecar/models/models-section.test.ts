// The section's encoder against one that another program wrote, and at its limits.
import assert from "node:assert/strict";
import { test } from "node:test";
import {
  encodeSection,
  SECTION_BYTES_MAX,
  type SectionContent,
} from "../../../sidecar-metrics/src/models/models-section.js";
import {
  TableBuffer,
  type TableHeader,
  type TableRow,
} from "../../../sidecar-metrics/src/sync/table.js";
import { decodeSection } from "../support/section.js";
import { fixture } from "../support/support.js";

interface Content {
  strategy: TableHeader["strategy"];
  hashKey: string;
  incarnation: string;
  sequence: number;
  madeAtUnixMs: number;
  rows: (TableRow & { ageMs: number | null })[];
  models: Omit<SectionContent, "rules" | "served" | "list"> & {
    models: SectionContent["rules"];
    list: object[];
  };
}

const CONTENT = JSON.parse(fixture("table-v1-models.json").toString()) as Content;
const EMPTY: SectionContent = {
  isClosed: false,
  rules: [],
  served: [],
  adapters: [],
  objectives: [],
  list: [],
};

function fixtureSection(): Buffer {
  const { models, list, ...rest } = CONTENT.models;
  const texts = list.map((card) => JSON.stringify(card));
  return encodeSection({ ...EMPTY, ...rest, rules: models, list: texts }).bytes;
}

function encodeTable(table: TableBuffer, section: Buffer | null): Buffer {
  CONTENT.rows.forEach((row, index) => {
    table.writeRow(index, row);
    table.writeAge(index, row.ageMs);
  });
  return seal(table, section);
}

function seal(table: TableBuffer, section: Buffer | null): Buffer {
  table.setSection(section);
  table.seal({
    strategy: CONTENT.strategy,
    hashKey: Buffer.from(CONTENT.hashKey, "hex"),
    incarnation: BigInt(`0x${CONTENT.incarnation}`),
    sequence: CONTENT.sequence,
    madeAtUnixMs: CONTENT.madeAtUnixMs,
  });
  return table.bytes;
}

test("a table with its section is the fixture, byte for byte", () => {
  const bytes = encodeTable(new TableBuffer(CONTENT.rows.length), fixtureSection());
  assert.equal(bytes.toString("hex"), fixture("table-v1-models.bin").toString("hex"));
});

test("a section that comes, changes and goes leaves the rows as they were", () => {
  const table = new TableBuffer(CONTENT.rows.length);
  const without = Buffer.from(encodeTable(table, null));
  assert.equal(decodeSection(without), null);
  assert.equal(without.length, 72 + 128 * CONTENT.rows.length);
  const small = encodeSection({ ...EMPTY, served: ["m"] }).bytes;
  assert.deepEqual(
    decodeSection(seal(table, small))?.models.map(({ name }) => name),
    ["m"],
  );
  const whole = seal(table, fixtureSection());
  assert.equal(whole.toString("hex"), fixture("table-v1-models.bin").toString("hex"));
  assert.equal(seal(table, null).toString("hex"), without.toString("hex"));
});

test("the revision follows the content alone", () => {
  const revision = (content: Partial<SectionContent>): number =>
    encodeSection({ ...EMPTY, ...content }).bytes.readUInt32LE(4);
  assert.equal(revision({ served: ["m"] }), revision({ served: ["m"] }));
  const different = [
    {},
    { isClosed: true },
    { served: ["m"] },
    { served: ["n"] },
    { list: ["{}"] },
  ];
  assert.equal(new Set(different.map(revision)).size, different.length);
});

test("the tail of a list that does not fit is left out, the section stays within 64 KiB", () => {
  // 65,536 bytes less the header of 20: 65 objects of 1,000 and 64 commas are 65,064.
  const list = Array.from({ length: 70 }, (_, index) => `{"id":"${index}`.padEnd(998, "x") + '"}');
  const { bytes, leftOut } = encodeSection({ ...EMPTY, list });
  assert.ok(bytes.length <= SECTION_BYTES_MAX);
  assert.equal(leftOut.list, 5);
  const decoded = decodeSection(asTable(bytes));
  assert.equal((JSON.parse(`[${decoded?.list}]`) as unknown[]).length, 65);
});

test("a list of exactly what is left fits, one byte more does not", () => {
  for (const [bytes, leftOut] of [
    [65_516, 0],
    [65_517, 1],
  ] as const) {
    // Two objects with a comma between them.
    const list = ["x".repeat(16), "x".repeat(bytes - 17)];
    assert.equal(encodeSection({ ...EMPTY, list }).leftOut.list, leftOut);
  }
});

test("rules have their place before served names, and these before the list", () => {
  const target = { name: "t".repeat(256), weight: 1 };
  const rules = Array.from({ length: 14 }, (_, index) => ({
    name: `rule-${index}`.padEnd(256, "x"),
    criticality: "Standard" as const,
    targets: Array.from({ length: 16 }, () => target),
  }));
  // An entry of 8 + 16 * 8 + 17 * 256 = 4,488 bytes: 14 of them are 62,832.
  const served = Array.from({ length: 300 }, (_, index) => `served-${index}`.padEnd(256, "x"));
  const { bytes, leftOut } = encodeSection({ ...EMPTY, rules, served, list: ["{}".padEnd(300)] });
  // The room for 264 bytes each: (65,536 - 20 - 62,832) / 264 = 10.
  assert.deepEqual([leftOut.rules, leftOut.served, leftOut.list], [0, 290, 1]);
  assert.equal(decodeSection(asTable(bytes))?.models.length, 24);
});

test("256 of a kind is the limit, rules and served names together", () => {
  const names = Array.from({ length: 300 }, (_, index) => `n${index}`);
  const { leftOut } = encodeSection({
    ...EMPTY,
    rules: names.slice(0, 250).map((name) => ({ name, criticality: "Standard", targets: [] })),
    served: names.slice(250, 260),
    adapters: names.map((name) => ({ name, endpoints: [] })),
    objectives: names.map((name) => ({ name, criticality: "Critical" })),
  });
  assert.deepEqual(leftOut, { rules: 0, served: 4, adapters: 44, objectives: 44, list: 0 });
});

/** A table without rows around a section. */
function asTable(section: Buffer): Buffer {
  const table = new TableBuffer(0);
  return seal(table, section);
}
