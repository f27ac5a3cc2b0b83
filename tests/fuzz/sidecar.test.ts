// What pods, gateways and other sidecars send to a sidecar, damaged: metrics pages, model lists,
// reports, messages. Nothing throws, and what comes out keeps its bounds.
import assert from "node:assert/strict";
import { test } from "node:test";
import { VLLM } from "../../sidecar-metrics/src/engines/vllm.js";
import { parseModelList } from "../../sidecar-metrics/src/models/served-models.js";
import { ExpositionParser } from "../../sidecar-metrics/src/scrape/exposition.js";
import { LoadCollector, type LoadReading } from "../../sidecar-metrics/src/scrape/pod-load.js";
import { decodeNews, encodeNews } from "../../sidecar-metrics/src/sharing/message.js";
import { renumber, split } from "../../sidecar-metrics/src/sharing/record-walk.js";
import { decodeReport } from "../../sidecar-metrics/src/sync/report.js";
import { randomFrom } from "../host/filter/support/random.js";
import { encodeInsert } from "../host/filter/support/records.js";
import { mutate } from "./support/mutate.js";
import { makePage } from "./support/pages.js";
import { below, type Random, Speller } from "./support/spelling.js";

const PAGES = 6_000;
const TEXTS = 10_000;
const SEED = 19;
/** No input may take so long; the longest takes some 20 ms here. */
const INPUT_MS_MAX = 5_000;
const U32_MAX = 0xffff_ffff;

function readPage(pieces: readonly Buffer[]): LoadReading {
  const collector = new LoadCollector(VLLM, null);
  const parser = new ExpositionParser(LoadCollector.names(VLLM), collector);
  for (const piece of pieces) parser.feed(piece);
  parser.end();
  return collector.finish();
}

function pieces(random: Random, page: Buffer): Buffer[] {
  const all: Buffer[] = [];
  let from = 0;
  while (from < page.length) {
    const to = from + 1 + below(random, 2_000);
    all.push(page.subarray(from, to));
    from = to;
  }
  return all;
}

/** Every figure is missing, or a finite number of its range. */
function checkLoad(reading: LoadReading, shown: string): void {
  if (reading.kind !== "load") return;
  const { oddNames, lora, hasPrefixCaching, ...figures } = reading.load;
  for (const [name, value] of Object.entries(figures)) {
    const isSound = value === null || (value >= 0 && value <= Number.MAX_SAFE_INTEGER);
    assert.ok(isSound, `${name} ${value} of ${shown}`);
  }
  for (const count of [figures.waiting, figures.running, figures.kvCapacityTokens]) {
    assert.ok(count === null || (Number.isInteger(count) && count < U32_MAX), shown);
  }
  assert.ok(figures.kvUsage === null || figures.kvUsage <= 1, shown);
  assert.ok(hasPrefixCaching === null || typeof hasPrefixCaching === "boolean");
  assert.ok(oddNames.length < 20 && (lora?.running.length ?? 0) <= 256);
}

function timed(run: () => void, shown: string): void {
  const startMs = performance.now();
  run();
  assert.ok(performance.now() - startMs < INPUT_MS_MAX, `too long: ${shown}`);
}

test(`${PAGES} metrics pages, each whole and in pieces`, (context) => {
  const random = randomFrom(SEED);
  let loads = 0;
  for (let i = 0; i < PAGES; i++) {
    const page = Buffer.from(makePage(random), "latin1");
    const shown = JSON.stringify(page.toString("latin1").slice(0, 3_000));
    timed(() => {
      const reading = readPage([page]);
      checkLoad(reading, shown);
      assert.deepEqual(readPage(pieces(random, page)), reading, shown);
      if (reading.kind === "load") loads++;
    }, shown);
  }
  assert.ok(loads > PAGES / 4);
  context.diagnostic(`figure: ${PAGES} metrics pages, seed ${SEED}: ${loads} read as a load`);
});

test("pages of one kind of line without end", () => {
  const many = (line: (i: number) => string, bytes = 4 << 20): Buffer => {
    const lines: string[] = [];
    for (let size = 0, i = 0; size < bytes; i++) size += lines[lines.push(line(i)) - 1]!.length + 1;
    return Buffer.from(`${lines.join("\n")}\n`, "latin1");
  };
  const name = VLLM.names.waiting[0]!;
  const pages: Record<string, Buffer> = {
    // More of them than a call may have arguments.
    engines: many((i) => `${VLLM.info.name}{engine="${i}"} 1`, 10 << 20),
    "series of one name": many((i) => `${name}{engine="${i}"} ${i}`),
    models: many((i) => `${name}{model_name="${i}"} 1`),
    "adapters of one label": many(
      () => `${VLLM.lora.name}{running_lora_adapters="${",a".repeat(900)}"} 1`,
    ),
    labels: many(() => `${name}{${'a="b",'.repeat(10_000)}} 1`),
    "a quote that stays open": many(() => `${name}{a="${"b".repeat(60_000)}} 1`),
    backslashes: many(() => `${name}{a="${"\\\\".repeat(30_000)}"} 1`),
    spaces: many(() => `${name}${" ".repeat(60_000)}1`),
    "spaces in labels": many(() => `${name}{a${" ".repeat(60_000)}`),
    "commas in labels": many(() => `${name}{${",".repeat(60_000)}`),
    "a line without an end": Buffer.alloc(4 << 20, "a"),
    "empty lines": Buffer.alloc(4 << 20, "\n"),
    zeros: Buffer.alloc(4 << 20),
  };
  for (const [what, page] of Object.entries(pages)) {
    timed(() => checkLoad(readPage([page]), what), what);
  }
  // As an HTTP server sends it that writes a byte at a time.
  const dripped = Buffer.from(`${name}{a="${"b".repeat(60_000)}"} 7\n`.repeat(4), "latin1");
  const drops = Array.from(dripped, (_, i) => dripped.subarray(i, i + 1));
  timed(() => assert.deepEqual(readPage(drops), readPage([dripped])), "bytes one by one");
});

test(`${TEXTS} lists of models`, () => {
  const random = randomFrom(SEED + 1);
  const list = JSON.stringify({
    object: "list",
    data: [
      { id: "m", object: "model", created: 1, owned_by: "vllm", root: "/m", parent: null },
      { id: "lora", parent: "m", max_model_len: 4096 },
    ],
  });
  for (let i = 0; i < TEXTS; i++) {
    const spell = new Speller(random, { escapes: 0.1, raw: 0.01, spaces: true });
    const text = random() < 0.8 ? mutate(random, list, list) : `{"data":[${spell.value(4)}]}`;
    const models = parseModelList(Buffer.from(text, "latin1").toString("utf8")) ?? [];
    assert.equal(new Set(models.map(({ card }) => card.id)).size, models.length);
    for (const { card } of models) {
      assert.ok(card.id.length > 0 && card.id.length <= 256);
      for (const count of [card.created, card.max_model_len ?? 0]) {
        assert.ok(Number.isSafeInteger(count) && count >= 0, text);
      }
    }
  }
});

test(`${TEXTS} reports of gateways`, (context) => {
  const random = randomFrom(SEED + 2);
  const json = JSON.stringify({
    ...{ v: 1, pool: "default", incarnation: "9f", vms: 2, uptimeMs: 1, promptTokens: 5 },
    ...{ records: { sidecar: "3a77", next: 42 }, reasons: { prefix: 120 }, rates: { tpotMs: 14 } },
    pods: [{ n: 0, inFlight: 2, unprefilled: 1, backlogTokens: 800, kvTokens: 9000 }],
    decisions: [{ ageMs: 12, n: 0, reason: "prefix", prompt: 1, cached: 1, etaMs: 31 }],
    warnings: ["stall-guard"],
  });
  let taken = 0;
  for (let i = 0; i < TEXTS; i++) {
    const text = Buffer.from(random() < 0.5 ? json : mutate(random, json, json), "latin1");
    const records = recordsFrom(random);
    const body = Buffer.concat([Buffer.alloc(16), text, records]);
    body.write("WRR1", 0, "latin1");
    body.writeUInt32LE(text.length, 4);
    body.writeUInt32LE(records.length, 8);
    if (random() < 0.1) body[below(random, body.length)] = below(random, 256);
    const decoded = decodeReport(random() < 0.05 ? body.subarray(0, below(random, 100)) : body);
    if (!decoded.ok) continue;
    taken++;
    const { report } = decoded;
    assert.ok(report.pods.length <= 1024 && report.decisions.length <= 32);
    for (const { number, ejected, ...load } of report.pods) {
      assert.ok(ejected === null || ["failing", "hung"].includes(ejected), text.toString());
      for (const value of [number, ...Object.values(load)]) {
        assert.ok(
          value === null || typeof value === "string" || (value >= 0 && Number.isFinite(value)),
          text.toString(),
        );
      }
    }
    const pods = new Map([[0, 7]]);
    const { records: others } = renumber(decoded.records, pods);
    assert.ok(others.length <= decoded.records.length);
    assert.equal(Buffer.concat(split(others, 4_000)).length, others.length);
  }
  assert.ok(taken > TEXTS / 5);
  context.diagnostic(`figure: ${TEXTS} reports, seed ${SEED + 2}: ${taken} taken`);
});

test(`${TEXTS} messages of other sidecars`, (context) => {
  const random = randomFrom(SEED + 3);
  const load = { inFlight: 1, unprefilled: 1, backlogTokens: 100, kvTokens: 1000 };
  let taken = 0;
  for (let i = 0; i < TEXTS; i++) {
    const message = encodeNews({
      ...{ node: "0123456789abcdef", gateway: "fedcba9876543210", name: "gw-1", keyId: 5n },
      ...{ sequence: 3, madeAtUnixMs: 1_760_000_000_000, isWhole: true },
      endpoints: [0, 1].map((number) => ({ number, address: `10.0.0.${number}:8000`, load })),
      records: recordsFrom(random),
    });
    for (let left = below(random, 4); left > 0; left--) {
      const at = below(random, Math.min(message.length, 130));
      message[at] = random() < 0.5 ? 0xff : below(random, 256);
    }
    const cut = random() < 0.1 ? below(random, message.length) : message.length;
    const decoded = decodeNews(message.subarray(0, cut));
    if (!decoded.ok) continue;
    taken++;
    const { news } = decoded;
    assert.ok(Number.isSafeInteger(news.sequence) && Number.isFinite(news.madeAtUnixMs));
    assert.ok(news.endpoints.length <= 1024 && news.name.length <= 255);
    assert.ok(news.records.length <= message.length);
    split(news.records, 1_000);
  }
  assert.ok(taken > TEXTS / 5);
  context.diagnostic(`figure: ${TEXTS} messages, seed ${SEED + 3}: ${taken} taken`);
});

function recordsFrom(random: Random): Buffer {
  const count = below(random, 6);
  const record = encodeInsert(
    { number: below(random, 3) },
    Array.from({ length: below(random, 20) }, (_, i) => ({ hash: BigInt(i), tokens: i })),
  );
  const all = Buffer.concat(Array.from({ length: count }, () => record));
  if (random() < 0.2 && all.length > 0) all[below(random, all.length)] = below(random, 256);
  return random() < 0.1 ? all.subarray(0, below(random, all.length + 1)) : all;
}
