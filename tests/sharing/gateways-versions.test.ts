// Messages of a later version, of no version, and of nobody: what is known works, the rest is
// counted. The later version is one gateway on a stream of its own; its messages are carried over.
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { connect, type NatsConnection } from "@nats-io/transport-node";
import type { Gateway } from "../../lab/gateway.js";
import { readNews, writeNews, type Later } from "../sidecar/support/news.js";
import { ask, assertKnown, Held, prompts, teach } from "./support/asking.js";
import { options, POOL, Rig } from "./support/rig.js";
import {
  eventually,
  inFlightOf,
  NOTHING_ODD,
  oddMessages,
  pageOf,
  poolOf,
  settled,
  untilUp,
  viewOf,
} from "./support/views.js";

const LATER: Later = { header: 12, endpoint: 8, behind: 20, flags: 0x80 };
/** A kind that no version has, with a pod where all kinds have it. */
const UNKNOWN_KIND = 250;
const UNKNOWN_BYTES = 24;
const STRANGER = "f".repeat(16);

describe("messages of other versions", options, () => {
  let rig: Rig;
  let [a, b, later]: Gateway[] = [];
  let nats: NatsConnection;
  const carried = { records: 0, load: 0 };

  before(async () => {
    rig = await Rig.start();
    const stream = { name: "ELSEWHERE" };
    [a, b, later] = await Promise.all([
      rig.add("gateway-a"),
      rig.add("gateway-b"),
      rig.add("gateway-later", { nats: { subjectPrefix: "elsewhere", stream } }),
    ]);
    await untilUp(true, a, b, later);
    nats = await connect({ servers: [rig.nats.url] });
    for (const kind of ["records", "load"] as const) {
      nats.subscribe(`elsewhere.v1.${kind}.>`, {
        callback: (error, { subject, data }) => {
          if (error !== null) return;
          nats.publish(subject.replace("elsewhere", "warmroute"), ofLaterVersion(data));
          carried[kind]++;
        },
      });
    }
    await nats.flush();
  });
  after(async () => {
    await nats?.close();
    await rig?.stop();
  });

  test("what is known of a later version's records and load counts", async () => {
    const homes = await teach(later!, prompts("the later version", 4));
    const [text, pod] = [...homes][0]!;
    const held = await Held.start(later!, pod, text);
    await eventually("its request is counted", [a!, later!], async () => {
      return (await inFlightOf(a!, "gateway-later")) === 1;
    });
    assert.ok(carried.records > 0 && carried.load > 0);
    await settled(a!, b!);
    assert.equal((await ask(a!, text)).decision.reason, "load");
    await held.end();
    await eventually("it has ended", [a!, later!], async () => {
      return (await inFlightOf(a!, "gateway-later")) === 0;
    });
    await settled(a!, b!);
    homes.delete(text);
    await assertKnown(b!, homes);
    assert.deepEqual(await oddMessages(b!), NOTHING_ODD);
    assert.equal((await poolOf(b!)).sharing.messages.unknownPodRecords, 0);
  });

  test("garbage is counted, and nothing breaks", async () => {
    const whole = writeNews({
      ...{ node: STRANGER, gateway: STRANGER, name: "cut", keyId: 1n, madeAtUnixMs: 0 },
      ...{ sequence: 1n, isWhole: true, endpoints: [[0, "10.0.0.1:1", 1, 1, 1, 1]] },
      records: Buffer.alloc(16),
    });
    const garbage = [
      Buffer.alloc(0),
      Buffer.from("no message of ours"),
      Buffer.alloc(100_000, 0xff),
      ...[4, 59, 60, 80, whole.length - 1].map((end) => whole.subarray(0, end)),
    ];
    for (const bytes of garbage) {
      nats.publish(`warmroute.v1.records.${POOL}.${STRANGER}`, bytes);
      nats.publish(`warmroute.v1.load.${POOL}.${STRANGER}`, bytes);
    }
    for (const one of [a!, b!]) {
      await eventually("it is counted", [one], async () => {
        return (await oddMessages(one))["malformed"] === 2 * garbage.length;
      });
      assert.match(await pageOf(one), new RegExp(`malformed\\s+${2 * garbage.length}`));
    }
    const homes = await teach(a!, prompts("after garbage", 4));
    await settled(a!, b!);
    await assertKnown(b!, homes);
  });

  test("sound messages with broken records do no harm", async () => {
    const { sharing, pods } = await poolOf(a!);
    const { number, address, epoch } = pods[0]!;
    const news = { node: STRANGER, gateway: STRANGER, name: "broken", madeAtUnixMs: 0, keyId };
    const say = (sequence: bigint, records: Buffer): void =>
      nats.publish(
        `warmroute.v1.records.${POOL}.${STRANGER}`,
        writeNews({
          ...{ ...news, sequence, isWhole: false, records },
          endpoints: [[number, address, 0, 0, 0, 0]],
        }),
      );
    say(1n, Buffer.alloc(64, 0x07));
    [1, 2, 3, 4, 0, 255].forEach((kind, i) => say(BigInt(2 + i), lying(kind, number, epoch)));
    await eventually("they are taken", [a!, b!], async () => {
      const { taken, malformed } = (await poolOf(a!)).sharing.messages;
      return taken >= sharing.messages.taken + 6 && malformed === sharing.messages.malformed + 1;
    });
    const homes = await teach(b!, prompts("after broken records", 3));
    await settled(a!, b!);
    await assertKnown(a!, homes);
    assert.deepEqual((await viewOf(a!)).problems, []);
  });
});

/** Of a pod's life as it is now, right in its length, and with more entries than it is long. */
function lying(kind: number, number: number, epoch: number): Buffer {
  const record = Buffer.alloc(20, 0xff);
  record.writeUInt16LE(record.length, 0);
  record.writeUInt8(kind, 2);
  record.writeUInt32LE(epoch, 4);
  record.writeUInt16LE(number, 8);
  return record;
}

/** Of the key under which all these gateways are; seen in the first message that is carried. */
let keyId = 0n;

/** Says the same, with what a later version might add; records of an unknown kind among it. */
function ofLaterVersion(message: Uint8Array): Buffer {
  const news = readNews(message);
  keyId = news.keyId;
  if (news.records.length === 0) return writeNews(news, LATER);
  const unknown = Buffer.alloc(UNKNOWN_BYTES, 0x5a);
  unknown.writeUInt16LE(UNKNOWN_BYTES, 0);
  unknown.writeUInt8(UNKNOWN_KIND, 2);
  unknown.writeUInt16LE(news.endpoints[0]![0], 8);
  return writeNews({ ...news, records: Buffer.concat([unknown, news.records, unknown]) }, LATER);
}
