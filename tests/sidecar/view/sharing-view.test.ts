// What people and scripts see of sharing: the way to NATS, strangers, and what is not fetched yet.
import assert from "node:assert/strict";
import { test } from "node:test";
import type { CarrierStatus } from "../../../sidecar-metrics/src/sharing/carrier.js";
import { findProblems } from "../../../sidecar-metrics/src/view/problems.js";
import { poolsView } from "../../../sidecar-metrics/src/view/pools-view.js";
import { FakeServer } from "../support/fake-carrier.js";
import { writeNews } from "../support/news.js";
import { gateway, World } from "../support/sharing.js";
import { stateWithPod } from "../support/state.js";

const X = "10.0.0.1:80";

test("the way to NATS is shown field by field, and nothing else of it", () => {
  const { state } = stateWithPod();
  // As an object of a class is: what is on its prototype, and what is nobody's business.
  const shown = Object.create({ hasStream: true, problems: ["slow"] }) as CarrierStatus;
  const carrier = new FakeServer().connect();
  Object.assign(shown, { ...carrier.status, secret: "x" });
  Reflect.deleteProperty(shown, "hasStream");
  Reflect.deleteProperty(shown, "problems");
  Object.defineProperty(carrier, "status", { value: shown });
  state.sync.carrier = carrier;
  assert.deepEqual(poolsView(state).sharing, {
    ...{ name: "gateway-a", node: state.sync.node, isAlone: false, server: "fake" },
    ...{ hasStream: true, problems: ["slow"], disconnects: 0, retries: 0, ackMs: null },
    ...{ publishedMessages: 0, publishedBytes: 0, receivedMessages: 0, receivedBytes: 0 },
    replaying: [],
  });
});

test("gateways under another hash key are a problem for as long as they are heard", () => {
  const { state, time } = stateWithPod();
  const { exchange } = state.sync.pools.get("p")!;
  const problems = () => findProblems(state).map(({ text }) => text);
  time.nowMs = 1_000;
  exchange.takeLoad(
    writeNews({
      ...{ node: "b".repeat(16), gateway: "c".repeat(16), name: "stranger", keyId: 1n },
      ...{ madeAtUnixMs: 0, sequence: 0n, isWhole: true, endpoints: [], records: Buffer.alloc(0) },
    }),
  );
  assert.equal(problems().length, 1);
  assert.match(problems()[0]!, /^Gateways under another hash key are heard \("stranger" last\)/);
  time.nowMs = 11_000;
  assert.equal(problems().filter((text) => text.includes("hash key")).length, 1);
  time.nowMs = 11_001;
  assert.equal(problems().filter((text) => text.includes("hash key")).length, 0);
  assert.equal(exchange.watch.counts.otherKey, 1);
});

test("batches that a gateway has not fetched, and bytes that are not published", () => {
  const world = new World();
  const [s, t] = [world.sidecar([X]), world.sidecar([X])];
  const [a, b] = [gateway(s, "a"), gateway(t, "b")];
  const behind = () => {
    const { state } = stateWithPod();
    const view = poolsView({ ...state, sync: t.sync }).pools[0]!;
    return [view.gateways[0]!.batchesBehind, view.sharing.outboxBytes];
  };
  b.poll();
  assert.deepEqual(behind(), [0, 0]);
  a.poll({ says: [[1n, X]] });
  a.poll({ says: [[2n, X]] });
  world.server.deliver();
  assert.deepEqual(behind(), [2, 0]);
  b.poll({ isLost: true });
  assert.deepEqual(behind(), [2, 0]);
  b.poll();
  b.poll();
  assert.deepEqual(behind(), [0, 0]);
  world.server.losesAcks = true;
  b.poll({ says: [[3n, X]] });
  b.poll();
  // One record of one entry: 12 bytes of header, 12 of the entry.
  assert.deepEqual(behind(), [0, 24]);
});

test("a message whose records' lengths do not add up is left out and counted", () => {
  const world = new World();
  const t = world.sidecar([X]);
  const news = { node: "b".repeat(16), gateway: "c".repeat(16), name: "cut", madeAtUnixMs: 0 };
  const a = gateway(world.sidecar([X]), "a");
  a.poll({ says: [[7n, X]] });
  world.server.deliver();
  const b = gateway(t, "d");
  b.poll();
  const keyId = Buffer.from(world.server.stream[0]!.bytes).readBigUInt64LE(24);
  const broken = Buffer.alloc(24, 7);
  t.exchange.takeRecords(
    writeNews({
      ...{ ...news, keyId, sequence: 1n, isWhole: false, records: broken },
      endpoints: [[0, X, 0, 0, 0, 0]],
    }),
  );
  b.poll();
  assert.deepEqual(b.hashes(), [7n]);
  assert.equal(t.counts.malformed, 1);
});
