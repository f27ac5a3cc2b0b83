// Answers of the sidecar, made with chance and damaged: tables, models sections, records. Checksums
// are mostly made to fit, so that what lies behind them is reached.
import {
  ANSWER_RECORD_BYTES_MAX,
  encodeCharge,
  encodeForget,
  encodeInsert,
  encodeWithdraw,
} from "../../host/filter/support/records.js";
import { encodeModels, fnv1a, type ModelsSpec } from "../../host/filter/support/models-section.js";
import { encodeAnswer, encodeTable, type PodRow, seal } from "../../host/filter/support/wire.js";
import { ALIAS, HASH_KEY, TARGET } from "./machine.js";
import { below, pick, type Random } from "./spelling.js";

const HEADER_BYTES = 72;
const ROW_BYTES = 128;
const WORDS = [0, 1, 2, 0x7f, 0x80, 0xff, 0x100, 0x400, 0x7fff, 0x8000, 0xffff, 0x10000];
const LARGE = [0x7fffffff, 0x80000000, 0xfffffff0, 0xffffffff];
const FLOATS = [NaN, Infinity, -Infinity, -1, 0, 1e-300, 1e300, 0.5];

export function makeAnswer(random: Random): Buffer {
  const table = makeTable(random);
  const records = random() < 0.5 ? makeRecords(random) : Buffer.alloc(0);
  const answer = encodeAnswer(table, records, below(random, 1000));
  const chance = random();
  if (chance < 0.05) return answer.subarray(0, below(random, answer.length));
  if (chance < 0.1) answer.writeUInt32LE(number(random), 4 * below(random, 4));
  else if (chance < 0.12) return Buffer.concat([answer, Buffer.alloc(below(random, 100))]);
  return answer;
}

function makeTable(random: Random): Buffer {
  const rows = Array.from({ length: random() < 0.02 ? 1024 : below(random, 8) }, (_, i) =>
    makeRow(random, i),
  );
  const models = random() < 0.7 ? makeModels(random) : undefined;
  const hashKey = random() < 0.9 ? HASH_KEY : null;
  const table = encodeTable({ rows, hashKey, models });
  for (let left = below(random, 6); left > 0; left--) damage(random, table, rows.length);
  return random() < 0.95 ? seal(table) : table;
}

function makeRow(random: Random, i: number): PodRow {
  const load = (): number | null => (random() < 0.2 ? null : below(random, 1000));
  return {
    number: random() < 0.9 ? i : below(random, 1100),
    address:
      random() < 0.9 ? `10.0.0.${i}:8000` : pick(random, ["[::1]:1", "a", "x\ny:1", "1,2:3"]),
    mayBePicked: random() < 0.8,
    isCacheOff: random() < 0.1,
    epoch: below(random, 3),
    ageMs: random() < 0.1 ? null : below(random, 100_000),
    waiting: load(),
    running: load(),
    kvUse: random() < 0.8 ? random() : pick(random, FLOATS),
    capacityTokens: random() < 0.5 ? 100_000 : number(random),
    shared:
      random() < 0.7
        ? null
        : {
            inFlight: number(random),
            unprefilled: number(random),
            backlogTokens: number(random),
            kvTokens: number(random),
          },
  };
}

function number(random: Random): number {
  const chance = random();
  return chance < 0.4 ? below(random, 300) : pick(random, chance < 0.8 ? WORDS : LARGE);
}

/** One field, or one byte, is another. */
function damage(random: Random, table: Buffer, rowCount: number): void {
  const chance = random();
  const rowAt = HEADER_BYTES + ROW_BYTES * below(random, rowCount + 1);
  if (chance < 0.3) {
    const at = 4 * below(random, HEADER_BYTES / 4);
    table.writeUInt32LE(number(random), at);
  } else if (chance < 0.5 && rowAt + ROW_BYTES <= table.length) {
    table.writeUInt32LE(number(random), rowAt + 4 * below(random, ROW_BYTES / 4));
  } else if (chance < 0.6 && rowAt + ROW_BYTES <= table.length) {
    table.writeDoubleLE(pick(random, FLOATS), rowAt + 32 + 8 * below(random, 4));
  } else if (chance < 0.8) {
    const at = below(random, table.length >> 2) * 4;
    table.writeUInt16LE(number(random) & 0xffff, at + 2 * below(random, 2));
  } else {
    table[below(random, table.length)] = below(random, 256);
  }
}

function makeModels(random: Random): Buffer {
  const name = (): string => pick(random, ["m", ALIAS, TARGET, "lora", "x".repeat(256), "q-7b"]);
  const spec: ModelsSpec = {
    isClosed: random() < 0.3,
    models: Array.from({ length: below(random, 5) }, () => ({
      name: random() < 0.9 ? name() : null,
      criticality: pick(random, ["Standard", "Critical", "Sheddable"] as const),
      targets: Array.from(
        { length: below(random, 4) },
        () => [name(), below(random, 200)] as const,
      ),
    })),
    adapters: Array.from({ length: below(random, 3) }, () => ({
      name: name(),
      endpoints: Array.from({ length: below(random, 5) }, () => below(random, 1030)),
    })),
    objectives: random() < 0.5 ? [] : [{ name: "batch", criticality: "Sheddable" }],
    list: random() < 0.5 ? [] : [{ id: "m", object: "model" }],
  };
  const section = encodeModels(spec);
  for (let left = below(random, 4); left > 0; left--) {
    const at = 8 + 2 * below(random, (section.length - 8) >> 1);
    section.writeUInt16LE(number(random) & 0xffff, at);
  }
  if (random() < 0.9) section.writeUInt32LE(fnv1a(section.subarray(8)), 4);
  return section;
}

function makeRecords(random: Random): Buffer {
  const records: Buffer[] = [];
  let bytes = 0;
  for (let left = below(random, 20); left > 0 && bytes < ANSWER_RECORD_BYTES_MAX - 8_000; left--) {
    const record = makeRecord(random);
    bytes += record.length;
    records.push(record);
  }
  const all = Buffer.concat(records);
  if (random() < 0.3 && all.length > 0) all[below(random, all.length)] = below(random, 256);
  if (random() < 0.1) return all.subarray(0, below(random, all.length + 1));
  return all;
}

function makeRecord(random: Random): Buffer {
  const of = { number: random() < 0.9 ? below(random, 8) : number(random) & 0xffff, epoch: 1 };
  const hash = (): bigint => (BigInt(number(random)) * 0x9e3779b97f4a7c15n) & 0xffffffffffffffffn;
  const count = random() < 0.05 ? 512 : below(random, 20);
  const chance = random();
  if (chance < 0.6) {
    const entries = Array.from({ length: count }, (_, i) => ({
      hash: hash(),
      tokens: random() < 0.9 ? 64 * (i + 1) : number(random),
    }));
    return encodeInsert(of, entries);
  }
  if (chance < 0.75) return encodeForget(of, number(random));
  if (chance < 0.9) {
    return encodeWithdraw(of, Array.from({ length: count }, hash), number(random));
  }
  return encodeCharge(of, number(random), hash());
}
