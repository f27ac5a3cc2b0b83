// The stream that keeps the records: made, found, an operator's own, and what is wrong with one.
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { DiscardPolicy, RetentionPolicy, StorageType } from "@nats-io/jetstream";
import {
  configOf,
  eventually,
  numbered,
  operate,
  options,
  problemOf,
  startGateway,
  startServer,
} from "./support/nats.js";

const SECOND = 1e9;
const MIB = 2 ** 20;

describe("the stream of records", { ...options, concurrency: 4 }, () => {
  test("is made as configured, once, by sidecars that begin at the same time", async (t) => {
    const server = await startServer(t);
    const stream = { name: "OURS", maxAgeSeconds: 60, maxMiB: 3, storage: "memory" };
    const config = configOf(
      server.url,
      { subjectPrefix: "my.prefix", stream },
      { replaySeconds: 9 },
    );
    const gateways = await Promise.all(Array.from({ length: 8 }, () => startGateway(t, config)));
    await Promise.all(gateways.map((gateway) => gateway.ready()));
    const { jsm } = await operate(t, server);
    assert.deepEqual(await jsm.streams.names().next(), ["OURS"]);
    const { config: made } = await jsm.streams.info("OURS");
    assert.deepEqual(made.subjects, ["my.prefix.v1.records.>"]);
    assert.equal(made.max_age, 60 * SECOND);
    assert.equal(made.max_bytes, 3 * MIB);
    assert.equal(made.storage, StorageType.Memory);
    assert.equal(made.retention, RetentionPolicy.Limits);
    assert.equal(made.discard, DiscardPolicy.Old);
    assert.equal(made.num_replicas, 1);
    assert.equal(made.duplicate_window, 60 * SECOND);
    for (const { carrier } of gateways) assert.deepEqual(carrier.status.problems, []);
  });

  test("made with other settings it stays as it is, and that is said", async (t) => {
    const server = await startServer(t);
    const [first] = [await startGateway(t, configOf(server.url))];
    await first.ready();
    const stream = { maxAgeSeconds: 400, maxMiB: 1 };
    const second = await startGateway(t, configOf(server.url, { stream }));
    await second.ready();
    assert.deepEqual(second.carrier.status.problems, [
      "The stream WARMROUTE was made with other settings and stays as it is: " +
        "max_age is 300 s, not 400 s, max_bytes is 268435456, not 1048576.",
    ]);
    const { jsm } = await operate(t, server);
    assert.equal((await jsm.streams.info("WARMROUTE")).config.max_bytes, 256 * MIB);
    // What an operator changes is seen without a new connection.
    await jsm.streams.update("WARMROUTE", { max_bytes: MIB, max_age: 400 * SECOND });
    await eventually(second.carrier, "well", () => second.carrier.status.problems.length === 0);
    assert.match(await problemOf(first.carrier, /./), /max_age is 400 s, not 300 s/);
  });

  test("an operator's own is used under its name, one for each pool too", async (t) => {
    const server = await startServer(t);
    const { jsm } = await operate(t, server);
    const limits = { max_age: 600 * SECOND, max_bytes: 64 * MIB };
    for (const pool of ["a", "b"]) {
      const subjects = [`warmroute.v1.records.${pool}.*`];
      await jsm.streams.add({ name: `shard-${pool}`, subjects, ...limits });
    }
    const config = configOf(server.url, { stream: { create: false } });
    for (const pool of ["a", "b"]) {
      const [one, two] = [await startGateway(t, config, pool), await startGateway(t, config, pool)];
      await Promise.all([one.ready(), two.ready()]);
      one.pool.say(pool);
      await eventually(two.carrier, "heard", () => two.pool.records.length > 0);
      assert.deepEqual(two.pool.records, [pool]);
      assert.deepEqual(two.carrier.status.problems, []);
      assert.equal((await jsm.streams.info(`shard-${pool}`)).state.messages, 1);
    }
    const third = await startGateway(t, config, "c");
    assert.equal(
      await problemOf(third.carrier, /./),
      "No stream captures warmroute.v1.records.c.*, and sharing.nats.stream.create is false.",
    );
    assert.equal(third.carrier.status.hasStream, false);
    // An operator who puts that right need not start anything anew.
    await jsm.streams.add({ name: "c", subjects: ["warmroute.v1.records.c.>"], ...limits });
    await third.ready();
    assert.deepEqual(third.carrier.status.problems, []);
  });

  const WRONG: [string, object, RegExp[]][] = [
    [
      "captures too little",
      { subjects: ["warmroute.v1.records.default.0123456789abcdef"], max_age: 600 * SECOND },
      [/^The stream X does not capture all of warmroute\.v1\.records\.default\.\*: add that/],
    ],
    [
      "refuses when full",
      { discard: DiscardPolicy.New, max_bytes: MIB },
      [/^The stream X has the discard policy "new"/],
    ],
    ["forgets early", { max_age: 10 * SECOND }, [/keeps records for 10 s, less than .*, 300\.$/]],
    ["grows for ever", {}, [/^The stream X has no limit of age, bytes or messages: it grows/]],
    [
      "is a work queue",
      { retention: RetentionPolicy.Workqueue, max_age: 600 * SECOND },
      [/^The stream X has the retention "workqueue"/],
    ],
    [
      "keeps one per subject",
      { max_msgs_per_subject: 1, max_age: 600 * SECOND },
      [/^The stream X keeps a number of messages per subject/],
    ],
    [
      "confirms nothing",
      { no_ack: true, max_age: 600 * SECOND },
      [/^The stream X confirms nothing \(no_ack\)/],
    ],
  ];
  for (const [title, settings, patterns] of WRONG) {
    test(`a stream that ${title} is named with what is wrong`, async (t) => {
      const server = await startServer(t);
      const { jsm } = await operate(t, server);
      await jsm.streams.add({ name: "X", subjects: ["warmroute.v1.records.>"], ...settings });
      const { carrier } = await startGateway(t, configOf(server.url));
      for (const pattern of patterns) await problemOf(carrier, pattern);
    });
  }

  test("one that is full and refuses is said, and taken up again", async (t) => {
    const server = await startServer(t);
    const { jsm } = await operate(t, server);
    const name = "X";
    const subjects = ["warmroute.v1.records.>"];
    const limits = { max_age: 600 * SECOND, max_msgs: 3, discard: DiscardPolicy.New };
    await jsm.streams.add({ name, subjects, ...limits });
    const { carrier, pool } = await startGateway(t, configOf(server.url));
    pool.say(...numbered(1, 5));
    const problem = await problemOf(carrier, /refuses/);
    assert.match(problem, /refuses messages of pool default: maximum messages exceeded\.$/);
    assert.equal(pool.confirmed.length, 3);
    assert.ok(carrier.status.hasStream);
    await jsm.streams.purge(name);
    await eventually(carrier, "all taken", () => pool.confirmed.length === 5);
    await eventually(carrier, "all heard", () => pool.records.length === 5);
    assert.deepEqual(pool.records, numbered(1, 5));
    await eventually(
      carrier,
      "no refusal",
      () => !carrier.status.problems.some((one) => one.includes("refuses")),
    );
  });

  test("a message that the server does not take by its size is said with both sizes", async (t) => {
    const server = await startServer(t, { config: { max_payload: 8192 } });
    const { carrier, pool } = await startGateway(t, configOf(server.url));
    pool.sayBytes(Buffer.alloc(8192));
    assert.equal(
      await problemOf(carrier, /takes/),
      `NATS at 127.0.0.1:${server.port} takes 8192 bytes, a message of pool default needs 8448: ` +
        "raise the server's max_payload.",
    );
    assert.notEqual(carrier.status.server, null);
  });

  test("its name taken by another installation's is said with the key that helps", async (t) => {
    const server = await startServer(t);
    const one = await startGateway(t, configOf(server.url));
    await one.ready();
    const two = await startGateway(t, configOf(server.url, { subjectPrefix: "other" }));
    assert.match(
      await problemOf(two.carrier, /./),
      /named WARMROUTE that does not capture other\.v1\.records\.>: give .*stream\.name\.$/,
    );
  });

  test("a server without JetStream carries load, and no records", async (t) => {
    const server = await startServer(t, { jetStream: false });
    const config = configOf(server.url);
    const [a, b] = [await startGateway(t, config), await startGateway(t, config)];
    a.pool.say("never taken");
    assert.equal(
      await problemOf(a.carrier, /./),
      `NATS at 127.0.0.1:${server.port} has no JetStream for us: turn it on for the server and ` +
        "our account. Load is shared, records are not.",
    );
    await problemOf(b.carrier, /no JetStream/);
    a.pool.sayLoad("load");
    await eventually(b.carrier, "load", () => b.pool.loads.length > 0);
    assert.equal(a.carrier.status.hasStream, false);
    assert.deepEqual(a.carrier.replaying(), ["default"]);
    assert.deepEqual(b.pool.records, []);
  });
});
