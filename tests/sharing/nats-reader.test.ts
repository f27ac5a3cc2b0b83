// Where a reader begins in a stream, and what it does with one that is not what it was.
import assert from "node:assert/strict";
import { test } from "node:test";
import type { StreamInfo } from "@nats-io/jetstream";
import { until } from "../../lab/processes.js";
import { type Position, startOf } from "../../sidecar-metrics/src/sharing/nats/position.js";
import { Reader } from "../../sidecar-metrics/src/sharing/nats/reader.js";
import { addressOf } from "../../sidecar-metrics/src/sharing/nats/greeting.js";
import { Session } from "../../sidecar-metrics/src/sharing/nats/session.js";
import { covers, subjectsOf } from "../../sidecar-metrics/src/sharing/nats/subjects.js";
import { configOf, numbered, operate, options, startGateway, startServer } from "./support/nats.js";

const MADE = "2026-01-01T00:00:00.123456789Z";
const NEWEST = "2026-01-01T12:00:00.987654321Z";

function stream(last: number, messages: number, created = MADE): StreamInfo {
  const state = { last_seq: last, messages, last_ts: NEWEST };
  return { config: { name: "S" }, created, state } as StreamInfo;
}

const before = (sequence: number | null, timestamp: string | null): Position => ({
  stream: "S",
  created: MADE,
  sequence,
  timestamp,
  from: sequence === null ? "2026-01-01T11:00:00.000Z" : null,
});

const FIVE_MINUTES_BEFORE = "2026-01-01T11:55:00.987Z";
const STARTS: [string, StreamInfo, Position | null, number, string | number][] = [
  ["never read, an empty stream", stream(0, 0), null, 300, 1],
  ["never read, an emptied stream", stream(70, 0), null, 300, 71],
  ["never read, as far back as configured", stream(70, 9), null, 300, FIVE_MINUTES_BEFORE],
  ["never read, nothing wanted", stream(70, 9), null, 0, 71],
  ["read up to 60: the 60th again, to compare", stream(70, 9), before(60, "1"), 300, 60],
  ["read to the end", stream(70, 9), before(70, "1"), 300, 70],
  ["begun behind 60, nothing has come", stream(70, 9), before(60, null), 0, 61],
  [
    "begun at a time, nothing has come",
    stream(9, 9),
    before(null, null),
    0,
    before(null, null).from!,
  ],
  ["shorter than it was", stream(59, 9), before(60, "1"), 0, FIVE_MINUTES_BEFORE],
  ["made anew", stream(70, 9, NEWEST), before(60, "1"), 0, FIVE_MINUTES_BEFORE],
  ["made anew, empty", stream(0, 0, NEWEST), before(60, "1"), 0, 1],
];

for (const [title, info, position, replaySeconds, expected] of STARTS) {
  test(`where to begin: ${title}`, () => {
    const { config } = startOf(info, position, replaySeconds);
    const { opt_start_seq: sequence, opt_start_time: time } = config;
    assert.deepEqual(
      [sequence ?? time, config.deliver_policy],
      [expected, typeof expected === "number" ? "by_start_sequence" : "by_start_time"],
    );
  });
}

test("a stream whose messages have other times than before is another one", options, async (t) => {
  const server = await startServer(t);
  const a = await startGateway(t, configOf(server.url));
  await a.ready();
  a.pool.say(...numbered(1, 5));
  await until("taken", () => a.pool.confirmed.length === 5);
  const config = configOf(server.url).nats;
  const session = await Session.open(addressOf(server.url), config, "test", { error: () => {} });
  t.after(() => session.close());
  const { jsm } = await operate(t, server);
  const info = await jsm.streams.info("WARMROUTE");
  const { allRecords } = subjectsOf("warmroute", "default", "");
  let count = 0;
  const read = async (from: Position) => {
    const start = startOf(info, { ...from, stream: "WARMROUTE", created: info.created }, 0);
    const texts: string[] = [];
    let end = "";
    const events = {
      message: (bytes: Uint8Array) => void texts.push(Buffer.from(bytes).toString()),
      caughtUp: () => void (end = "caught up"),
      lost: () => void (end = "lost"),
    };
    const clock = { nowMs: () => performance.now(), unixMs: () => 0, random: () => 0 };
    const consumer = { name: `test-${++count}`, subject: allRecords };
    const reader = await Reader.open(session, info, consumer, start, { clock, events });
    await until("an end", () => end !== "");
    reader.stop();
    return { texts, end, position: start.position };
  };
  const first = await read(before(2, null));
  assert.deepEqual(first.texts, numbered(3, 5));
  assert.equal(first.position.sequence, 5);
  const again = await read(first.position);
  assert.deepEqual([again.texts, again.end], [[], "caught up"]);
  const other = await read({ ...first.position, timestamp: "1" });
  assert.deepEqual([other.texts, other.end, other.position.created], [[], "lost", ""]);
});

test("the subjects of a pool, whose name may have dots", () => {
  assert.deepEqual(subjectsOf("my.prefix", "team/llama-3.1", "0123456789abcdef"), {
    records: "my.prefix.v1.records.team/llama-3=1.0123456789abcdef",
    load: "my.prefix.v1.load.team/llama-3=1.0123456789abcdef",
    allRecords: "my.prefix.v1.records.team/llama-3=1.*",
    allLoad: "my.prefix.v1.load.team/llama-3=1.*",
  });
});

const COVERED: [string, string, boolean][] = [
  ["w.v1.records.>", "w.v1.records.a.*", true],
  ["w.v1.records.*.*", "w.v1.records.a.*", true],
  ["w.v1.records.a.*", "w.v1.records.a.*", true],
  [">", "w.v1.records.a.*", true],
  ["w.v1.records.a.b", "w.v1.records.a.*", false],
  ["w.v1.records.*", "w.v1.records.a.*", false],
  ["w.v1.records.a.*.>", "w.v1.records.a.*", false],
  ["w.v1.records.b.*", "w.v1.records.a.*", false],
  ["w.v1.records.a.*", "w.v1.records.a.>", false],
];

for (const [outer, inner, expected] of COVERED) {
  test(`${outer} ${expected ? "covers" : "does not cover"} ${inner}`, () => {
    assert.equal(covers(outer, inner), expected);
  });
}
