// What happens to a NATS server and the way to it; afterwards everything has come, once, in order.
import assert from "node:assert/strict";
import { type AddressInfo, createServer, type Socket } from "node:net";
import { describe, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import {
  configOf,
  eventually,
  type Gateway,
  numbered,
  operate,
  options,
  prepareServer,
  problemOf,
  startCluster,
  startGateway,
  startProxy,
  startServer,
  urlOf,
} from "./support/nats.js";

/** What a frozen server takes to be noticed, and the reader's silence, with time to spare. */
const NOTICED_MS = 15_000;
/** A cluster that lost a leader first chooses another. */
const CLUSTER_MS = 40_000;

async function heard({ carrier, pool }: Gateway, texts: string[]): Promise<void> {
  await eventually(carrier, "all heard", () => pool.records.length >= texts.length, NOTICED_MS);
  assert.deepEqual(pool.records, texts);
}

const isLost = ({ carrier }: Gateway) => carrier.status.server === null;

describe("failures of NATS", { ...options, concurrency: 6 }, () => {
  test("a server that is not there at the start", async (t) => {
    const server = await prepareServer(t);
    const [a, b] = [
      await startGateway(t, configOf(server.url)),
      await startGateway(t, configOf(server.url)),
    ];
    const problem = await problemOf(a.carrier, /./);
    assert.match(problem, /^NATS at 127\.0\.0\.1:\d+ refuses the connection/);
    assert.equal(a.carrier.status.hasStream, false);
    assert.deepEqual(a.carrier.replaying(), ["default"]);
    a.pool.say(...numbered(1, 3));
    a.pool.sayLoad("lost, as nobody waits for load");
    await server.start();
    await a.ready();
    await heard(b, numbered(1, 3));
    assert.deepEqual(b.pool.loads, []);
    assert.deepEqual(a.carrier.status.problems, []);
    assert.equal(a.carrier.status.disconnects, 0);
  });

  for (const storage of ["file", "memory"] as const) {
    test(`a server that dies and comes back, the stream in ${storage}`, async (t) => {
      const server = await startServer(t);
      const config = configOf(server.url, { stream: { storage } });
      const [a, b] = [await startGateway(t, config), await startGateway(t, config)];
      await Promise.all([a.ready(), b.ready()]);
      a.pool.say(...numbered(1, 10));
      await heard(b, numbered(1, 10));
      await server.kill();
      await eventually(a.carrier, "lost", () => isLost(a) && isLost(b));
      assert.equal(a.carrier.status.hasStream, false);
      assert.ok(a.carrier.status.problems.length > 0);
      a.pool.say(...numbered(11, 20));
      await server.start();
      await heard(b, numbered(1, 20));
      await heard(a, numbered(1, 20));
      await Promise.all([a.ready(), b.ready()]);
      a.pool.say("after");
      await heard(b, [...numbered(1, 20), "after"]);
      assert.equal(a.carrier.status.disconnects, 1);
      assert.deepEqual(a.carrier.status.problems, []);
    });
  }

  test("a server that freezes is left, and what was said meanwhile comes", async (t) => {
    const server = await startServer(t);
    const config = configOf(server.url);
    const [a, b] = [await startGateway(t, config), await startGateway(t, config)];
    await Promise.all([a.ready(), b.ready()]);
    a.pool.say(...numbered(1, 5));
    await heard(b, numbered(1, 5));
    const sinceMs = performance.now();
    server.pause();
    a.pool.say(...numbered(6, 10));
    await eventually(a.carrier, "noticed", () => isLost(a) && isLost(b), NOTICED_MS);
    const seconds = ((performance.now() - sinceMs) / 1000).toFixed(1);
    console.log(`figure: a frozen NATS server is noticed within ${seconds} s`);
    assert.ok(await problemOf(a.carrier, /is lost|does not answer|no answer/));
    a.pool.say(...numbered(11, 15));
    server.resume();
    await heard(b, numbered(1, 15));
    await heard(a, numbered(1, 15));
  });

  test("a partition: each goes on alone, afterwards both know all", async (t) => {
    const server = await startServer(t);
    const proxy = await startProxy(t, server);
    const a = await startGateway(t, configOf(server.url));
    const b = await startGateway(t, configOf(urlOf(proxy)));
    await Promise.all([a.ready(), b.ready()]);
    a.pool.say(...numbered(1, 5));
    await heard(b, numbered(1, 5));
    proxy.set("frozen");
    b.pool.say(...numbered(101, 103));
    await eventually(b.carrier, "noticed", () => isLost(b), NOTICED_MS);
    a.pool.say(...numbered(6, 10));
    await heard(a, numbered(1, 10));
    proxy.set("passing");
    const all = (gateway: Gateway) => gateway.pool.records.length >= 13;
    await eventually(b.carrier, "all at b", () => all(b), NOTICED_MS);
    await eventually(a.carrier, "all at a", () => all(a), NOTICED_MS);
    assert.deepEqual(a.pool.records, b.pool.records);
    assert.deepEqual(a.pool.records, [...numbered(1, 10), ...numbered(101, 103)]);
  });

  test("connections that are cut again and again", async (t) => {
    const server = await startServer(t);
    const proxy = await startProxy(t, server);
    const a = await startGateway(t, configOf(urlOf(proxy)));
    const b = await startGateway(t, configOf(urlOf(proxy)));
    await Promise.all([a.ready(), b.ready()]);
    for (let cut = 0; cut < 4; cut++) {
      const { length } = a.pool.records;
      for (const text of numbered(cut * 50 + 1, cut * 50 + 50)) a.pool.say(text);
      await eventually(a.carrier, "some heard", () => a.pool.records.length > length);
      proxy.set("closed");
      proxy.set("passing");
    }
    await heard(b, numbered(1, 200));
    await heard(a, numbered(1, 200));
  });

  test("a server that confirms late is sent a message again, and keeps it once", async (t) => {
    const server = await startServer(t);
    const proxy = await startProxy(t, server);
    const a = await startGateway(t, configOf(urlOf(proxy)));
    const b = await startGateway(t, configOf(server.url));
    await Promise.all([a.ready(), b.ready()]);
    // There and back longer than a message waits for its answer, shorter than a ping may take.
    proxy.delayMs = 1_200;
    a.pool.say(...numbered(1, 3));
    const problem = await problemOf(a.carrier, /does not confirm/);
    assert.match(
      problem,
      /^JetStream of NATS at 127.* does not confirm .* pool default within 2 s/,
    );
    await heard(b, numbered(1, 3));
    await eventually(a.carrier, "confirmed", () => a.pool.confirmed.length === 3);
    assert.ok((a.carrier.status.ackMs ?? 0) >= 2_000);
    assert.ok(a.carrier.status.retries >= 3);
    assert.equal(a.carrier.status.disconnects, 0);
    proxy.delayMs = 0;
    a.pool.say("fast again");
    await eventually(a.carrier, "well again", () => a.carrier.status.problems.length === 0);
    await heard(b, [...numbered(1, 3), "fast again"]);
  });

  test("a stream that is deleted is made again, and read from its beginning", async (t) => {
    const server = await startServer(t);
    const config = configOf(server.url);
    const [a, b] = [await startGateway(t, config), await startGateway(t, config)];
    await Promise.all([a.ready(), b.ready()]);
    a.pool.say(...numbered(1, 10));
    await heard(b, numbered(1, 10));
    const { jsm } = await operate(t, server);
    await jsm.streams.delete("WARMROUTE");
    a.pool.say(...numbered(11, 12));
    await heard(b, numbered(1, 12));
    await heard(a, numbered(1, 12));
    assert.deepEqual(a.carrier.status.problems, []);
  });

  test("a stream that another has replaced meanwhile, and that is further", async (t) => {
    const server = await startServer(t);
    const proxy = await startProxy(t, server);
    const a = await startGateway(t, configOf(server.url));
    const b = await startGateway(t, configOf(urlOf(proxy)));
    await Promise.all([a.ready(), b.ready()]);
    a.pool.say(...numbered(1, 5));
    await heard(b, numbered(1, 5));
    proxy.set("closed");
    const { jsm } = await operate(t, server);
    await jsm.streams.delete("WARMROUTE");
    a.pool.say(...numbered(6, 20));
    await heard(a, numbered(1, 20));
    proxy.set("passing");
    await heard(b, numbered(1, 20));
  });

  test("a cluster that loses a server, with the stream on all three", async (t) => {
    const servers = await startCluster(t);
    const urls = servers.map(({ url }) => url);
    const config = configOf(urls, { stream: { replicas: 3 } });
    const [a, b] = [await startGateway(t, config), await startGateway(t, config)];
    await Promise.all([a.ready(), b.ready()]);
    a.pool.say(...numbered(1, 10));
    await heard(b, numbered(1, 10));
    const mine = servers.find(({ port }) => a.carrier.status.server?.endsWith(`:${port}`));
    await mine?.kill();
    a.pool.say(...numbered(11, 20));
    await eventually(b.carrier, "20 heard", () => b.pool.records.length >= 20, CLUSTER_MS);
    assert.deepEqual(b.pool.records, numbered(1, 20));
    assert.notEqual(a.carrier.status.server, `127.0.0.1:${mine?.port}`);
    await mine?.start();
    a.pool.say("whole again");
    await heard(b, [...numbered(1, 20), "whole again"]);
  });

  test("a pool that throws at a message goes on with the next, and that is said", async (t) => {
    const server = await startServer(t);
    const [a, b] = [
      await startGateway(t, configOf(server.url)),
      await startGateway(t, configOf(server.url)),
    ];
    await Promise.all([a.ready(), b.ready()]);
    const take = b.pool.takeRecords.bind(b.pool);
    b.pool.takeRecords = (message) => {
      if (Buffer.from(message).toString() === "message 2") throw new Error("no such thing");
      take(message);
    };
    a.pool.say(...numbered(1, 3));
    await heard(b, ["message 1", "message 3"]);
    assert.deepEqual(b.carrier.status.problems, [
      "A message of pool default could not be taken: no such thing.",
    ]);
  });

  const STRANGERS: [string, (socket: Socket) => void, RegExp][] = [
    [
      "speaks another protocol",
      (socket) => socket.write("HTTP/1.1 200 OK\r\n\r\n"),
      /not as a NATS/,
    ],
    ["hangs up", (socket) => socket.destroy(), /without a greeting|ECONNRESET/],
    ["says nothing", () => {}, /no answer in time/],
  ];
  for (const [title, serve, pattern] of STRANGERS) {
    test(`a server that ${title} is named`, async (t) => {
      const open = new Set<Socket>();
      const server = createServer((socket) => {
        open.add(socket.on("error", () => {}).on("close", () => open.delete(socket)));
        serve(socket);
      });
      await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
      t.after(() => server.close());
      const { port } = server.address() as AddressInfo;
      const { carrier } = await startGateway(t, configOf(`nats://127.0.0.1:${port}`));
      await problemOf(carrier, pattern);
      assert.ok(open.size <= 1, `${open.size} sockets`);
      await carrier.stop();
    });
  }

  test("load for a server that takes none is left out beyond a bound", async (t) => {
    const server = await startServer(t);
    const config = configOf(server.url);
    const [a, b] = [await startGateway(t, config), await startGateway(t, config)];
    await Promise.all([a.ready(), b.ready()]);
    server.pause();
    const big = Buffer.alloc(64 * 1024, "x");
    for (let count = 0; count < 200; count++) a.pool.sayLoad(big);
    await sleep(100);
    server.resume();
    a.pool.say("behind them");
    await heard(b, ["behind them"]);
    // 1 MiB, with what the subject takes.
    assert.equal(b.pool.loads.length, 15);
    a.pool.sayLoad("goes again");
    await eventually(b.carrier, "load", () => b.pool.loads.at(-1) === "goes again");
  });
});
