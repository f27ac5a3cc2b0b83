// Two carriers on a real nats-server: order, load, pools apart, what a newcomer is told.
import assert from "node:assert/strict";
import { test } from "node:test";
import {
  eventually,
  configOf,
  numbered,
  options,
  startGateway,
  startServer,
} from "./support/nats.js";

test(
  "records come to all, their own sender among them, in the stream's order",
  options,
  async (t) => {
    const server = await startServer(t);
    const config = configOf(server.url);
    const [a, b] = [await startGateway(t, config), await startGateway(t, config)];
    await Promise.all([a.ready(), b.ready()]);
    for (const text of numbered(1, 200)) (text.endsWith("7") ? a : b).pool.say(text);
    await eventually(b.carrier, "all at b", () => b.pool.records.length >= 200);
    await eventually(a.carrier, "all at a", () => a.pool.records.length >= 200);
    assert.deepEqual(a.pool.records, b.pool.records);
    const ofA = a.pool.records.filter((text) => text.endsWith("7"));
    assert.deepEqual(
      ofA,
      numbered(1, 200).filter((text) => text.endsWith("7")),
    );
    assert.deepEqual([...a.pool.records].sort(), numbered(1, 200).sort());
    assert.equal(a.carrier.status.publishedMessages, 20);
    assert.equal(a.carrier.status.receivedMessages, 180);
    assert.equal(a.carrier.status.server, `127.0.0.1:${server.port}`);
    assert.ok((a.carrier.status.ackMs ?? -1) >= 0);
    assert.deepEqual(a.carrier.status.problems, []);
  },
);
