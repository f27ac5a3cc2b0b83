// Carriers on a real nats-server: order, load, pools apart, what a newcomer is told.
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import {
  configOf,
  eventually,
  numbered,
  operate,
  options,
  startGateway,
  startServer,
} from "./support/nats.js";

describe("sharing over NATS", { ...options, concurrency: 4 }, () => {
  test("records come to all, their own sender among them, in the stream's order", async (t) => {
    const server = await startServer(t);
    const config = configOf(server.url);
    const [a, b] = [await startGateway(t, config), await startGateway(t, config)];
    await Promise.all([a.ready(), b.ready()]);
    for (const text of numbered(1, 200)) (text.endsWith("7") ? a : b).pool.say(text);
    await eventually(b.carrier, "all at b", () => b.pool.records.length >= 200);
    await eventually(a.carrier, "all at a", () => a.pool.records.length >= 200);
    assert.deepEqual(a.pool.records, b.pool.records);
    const ofA = numbered(1, 200).filter((text) => text.endsWith("7"));
    assert.deepEqual(
      a.pool.records.filter((text) => text.endsWith("7")),
      ofA,
    );
    assert.deepEqual([...a.pool.records].sort(), numbered(1, 200).sort());
    assert.equal(a.pool.confirmed.length, ofA.length);
    const { status } = a.carrier;
    assert.equal(status.publishedMessages, ofA.length);
    assert.equal(status.publishedBytes, ofA.join("").length);
    assert.equal(status.receivedMessages, 200 - ofA.length);
    assert.equal(status.server, `127.0.0.1:${server.port}`);
    assert.ok((status.ackMs ?? -1) >= 0);
    assert.equal(status.disconnects, 0);
    assert.deepEqual(status.problems, []);
  });

  test("load comes to the others, not to its sender, and no stream keeps it", async (t) => {
    const server = await startServer(t);
    const config = configOf(server.url);
    const [a, b] = [await startGateway(t, config), await startGateway(t, config)];
    await Promise.all([a.ready(), b.ready()]);
    for (const text of numbered(1, 50)) a.pool.sayLoad(text);
    await eventually(b.carrier, "load at b", () => b.pool.loads.length >= 50);
    assert.deepEqual(b.pool.loads, numbered(1, 50));
    b.pool.sayLoad("back");
    await eventually(a.carrier, "load at a", () => a.pool.loads.length > 0);
    assert.deepEqual(a.pool.loads, ["back"]);
    const { jsm } = await operate(t, server);
    assert.equal((await jsm.streams.info("WARMROUTE")).state.messages, 0);
  });

  test("pools hear only their own, whatever is in their names", async (t) => {
    const server = await startServer(t);
    const config = configOf(server.url);
    const names = ["team/llama-3.1", "team/llama-3", "x", "x.y"];
    const gateways = [];
    for (const name of names) {
      gateways.push({
        name,
        from: await startGateway(t, config, name),
        to: await startGateway(t, config, name),
      });
    }
    await Promise.all(gateways.flatMap(({ from, to }) => [from.ready(), to.ready()]));
    for (const { name, from } of gateways) {
      from.pool.say(name);
      from.pool.sayLoad(name);
    }
    for (const { name, to } of gateways) {
      await eventually(to.carrier, name, () => to.pool.records.length > 0);
      await eventually(to.carrier, name, () => to.pool.loads.length > 0);
      assert.deepEqual([to.pool.records, to.pool.loads], [[name], [name]]);
    }
  });

  test("a pool that is followed no more hears nothing; followed again it goes on", async (t) => {
    const server = await startServer(t);
    const config = configOf(server.url);
    const [a, b] = [await startGateway(t, config), await startGateway(t, config)];
    await Promise.all([a.ready(), b.ready()]);
    b.carrier.unfollow(b.pool);
    assert.equal(b.carrier.status.hasStream, false);
    assert.equal(b.pool.onRecords, null);
    a.pool.say("one");
    await eventually(a.carrier, "taken", () => a.pool.confirmed.length === 1);
    assert.deepEqual(b.pool.records, []);
    b.carrier.follow(b.pool);
    await b.ready();
    assert.deepEqual(b.pool.records, ["one"]);
  });

  test("a newcomer hears what was kept as far back as it asks, by the server's time", async (t) => {
    const server = await startServer(t);
    const a = await startGateway(t, configOf(server.url));
    await a.ready();
    const say = async (...texts: string[]): Promise<void> => {
      const count = a.pool.confirmed.length + texts.length;
      a.pool.say(...texts);
      await eventually(a.carrier, "taken", () => a.pool.confirmed.length === count);
    };
    await say(...numbered(1, 20));
    await sleep(2_500);
    await say(...numbered(21, 30));
    // The newest message may be as old as it likes.
    await sleep(1_000);
    const heard = async (replaySeconds: number): Promise<string[]> => {
      const gateway = await startGateway(t, configOf(server.url, {}, { replaySeconds }));
      assert.deepEqual(gateway.carrier.replaying(), ["default"]);
      await gateway.ready();
      const { records } = gateway.pool;
      const atStart = [...records];
      await say(`live ${replaySeconds}`);
      await eventually(gateway.carrier, "live", () => records.length > atStart.length);
      assert.deepEqual(records, [...atStart, `live ${replaySeconds}`]);
      return atStart;
    };
    assert.deepEqual(await heard(0), []);
    assert.deepEqual(await heard(60), [...numbered(1, 30), "live 0"]);
    // "live 0" and "live 60" are the newest by now, a second after the ten.
    assert.deepEqual(await heard(2), [...numbered(21, 30), "live 0", "live 60"]);
  });

  test("a newcomer under a steady stream of records is done with what was kept", async (t) => {
    const server = await startServer(t);
    const a = await startGateway(t, configOf(server.url));
    await a.ready();
    a.pool.say(...numbered(1, 2_000));
    await eventually(a.carrier, "taken", () => a.pool.confirmed.length === 2_000);
    let next = 2_001;
    const timer = setInterval(() => a.pool.say(...numbered(next, next++)), 1);
    t.after(() => clearInterval(timer));
    const b = await startGateway(t, configOf(server.url));
    await b.ready();
    assert.ok(b.pool.records.length >= 2_000);
    clearInterval(timer);
    const all = numbered(1, next - 1);
    await eventually(b.carrier, "all", () => b.pool.records.length >= all.length);
    assert.deepEqual(b.pool.records, all);
  });
});
