// Decodes the models section by docs/table-format.md, sharing nothing with the encoder.
import assert from "node:assert/strict";

const CRITICALITIES = ["Standard", "Critical", "Sheddable"];

export interface DecodedSection {
  revision: number;
  isClosed: boolean;
  models: {
    name: string | null;
    criticality: string;
    targets: { name: string; weight: number }[];
  }[];
  adapters: { name: string; endpoints: number[] }[];
  objectives: { name: string; criticality: string }[];
  /** The text of the list, without its brackets. */
  list: string;
}

/** The section of a table; null when it has none. */
export function decodeSection(table: Buffer): DecodedSection | null {
  const at = table.readUInt32LE(64);
  const bytes = table.readUInt32LE(68);
  if (at === 0) {
    assert.equal(bytes, 0);
    return null;
  }
  assert.deepEqual([at % 4, bytes % 4, at + bytes], [0, 0, table.readUInt32LE(8)]);
  const section = table.subarray(at, at + bytes);
  assert.equal(section.toString("latin1", 0, 4), "WRM1");
  const listBytes = section.readUInt32LE(16);
  const entries = new Entries(section);
  const models = times(section.readUInt16LE(10), () => modelOf(entries.next()));
  const adapters = times(section.readUInt16LE(12), () => adapterOf(entries.next()));
  const objectives = times(section.readUInt16LE(14), () => objectiveOf(entries.next()));
  assert.equal(Math.ceil((entries.at + listBytes) / 4) * 4, bytes);
  return {
    revision: section.readUInt32LE(4),
    isClosed: section[8] === 1,
    models,
    adapters,
    objectives,
    list: section.toString("utf8", entries.at, entries.at + listBytes),
  };
}

class Entries {
  at = 20;

  constructor(private readonly section: Buffer) {}

  next(): Buffer {
    const bytes = this.section.readUInt16LE(this.at);
    assert.equal(bytes % 4, 0);
    this.at += bytes;
    return this.section.subarray(this.at - bytes, this.at);
  }
}

function modelOf(entry: Buffer): DecodedSection["models"][number] {
  const count = entry[3] ?? 0;
  const nameBytes = entry.readUInt16LE(4);
  let at = 8 + 8 * count;
  const take = (bytes: number): string => entry.toString("latin1", at, (at += bytes));
  const name = nameBytes === 0 ? null : take(nameBytes);
  const targets = times(count, (index) => ({
    name: take(entry.readUInt16LE(12 + 8 * index)),
    weight: entry.readUInt32LE(8 + 8 * index),
  }));
  return { name, criticality: CRITICALITIES[entry[2] ?? 9] ?? "?", targets };
}

function adapterOf(entry: Buffer): DecodedSection["adapters"][number] {
  const count = entry.readUInt16LE(4);
  const endpoints = times(count, (index) => entry.readUInt16LE(8 + 2 * index));
  const from = 8 + 2 * count;
  return { name: entry.toString("latin1", from, from + entry.readUInt16LE(2)), endpoints };
}

function objectiveOf(entry: Buffer): DecodedSection["objectives"][number] {
  const name = entry.toString("latin1", 4, 4 + (entry[3] ?? 0));
  return { name, criticality: CRITICALITIES[entry[2] ?? 9] ?? "?" };
}

function times<T>(count: number, make: (index: number) => T): T[] {
  return Array.from({ length: count }, (_, index) => make(index));
}
