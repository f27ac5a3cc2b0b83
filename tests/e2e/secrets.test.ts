// What clients say stays between them and the pods: a marked prompt is looked for wherever people
// or other programs look.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { after, before, describe, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { until } from "../../lab/processes.js";
import { Gateway } from "../host/filter/support/gateway.js";
import { decodeRecords, recordsIn } from "../host/filter/support/records.js";
import { decodeAnswer, report } from "../sidecar/support/support.js";
import { startSidecar, type Sidecar } from "../../lab/sidecar.js";
import { startEchoPod, type EchoPod } from "./support/echo-pod.js";
import { chat, prose, send, startRig, untilKnown, type Rig } from "./support/rig.js";

const CHAT = "/v1/chat/completions";
const MARK = "Quetzalcoatl-7f3a";
/** Another in each place, so that a find says which one leaked. */
const mark = (place: string): string => `${MARK}-${place}`;
const TENANT = "x-tenant";
const PROMPT = chat(`${mark("prompt")} ${prose(mark("text"), 3000)}`);

/** Each is sent with a mark wherever a client can put one. */
const BODIES: [title: string, path: string, body: string | Buffer, type?: string][] = [
  ["a chat", CHAT, PROMPT],
  [
    "every key that is read",
    CHAT,
    JSON.stringify({
      model: mark("model"),
      user: mark("user"),
      prompt_cache_key: mark("cache-key"),
      cache_salt: mark("salt"),
      chat_template: mark("template"),
      documents: [{ text: mark("document") }],
      tools: [{ type: "function", function: { name: mark("tool") } }],
      messages: [
        { role: "system", content: prose(mark("system"), 900) },
        { role: "user", content: [{ type: "text", text: mark("part") }], name: mark("name") },
      ],
    }),
  ],
  ["a completion", "/v1/completions", JSON.stringify({ model: "m", prompt: mark("completion") })],
  ["broken JSON", CHAT, `{"model":"m","messages":[{"content":"${mark("broken")}`],
  ["no JSON", CHAT, mark("plain")],
  ["a deep one", CHAT, `{"a":${"[".repeat(500)}"${mark("deep")}"`],
  ["an unknown path", `/v2/${mark("path")}?q=${mark("query")}`, PROMPT],
  ["compressed", CHAT, gzipSync(mark("gzip")), "gzip"],
];

describe("a marked prompt", () => {
  let pods: EchoPod[];
  let rig: Rig;
  let talkative: Sidecar;
  let url: string;
  let refused: string;
  let answers = "";
  let places: [place: string, text: string][];

  before(async () => {
    pods = [await startEchoPod("a"), await startEchoPod("b")];
    const addresses = pods.map((pod) => pod.address);
    const config = { tenantHeader: TENANT, modelHeader: "x-model" };
    const pools = [
      { name: "default", pods: addresses },
      { name: "closed", pods: addresses, models: [{ name: "m" }], closed: true },
    ];
    rig = await startRig(pools.map(({ name, pods }) => ({ name, pods, config })));
    [url, refused] = rig.urls as [string, string];
    await rig.sidecar.stop();
    const level = { logLevel: "trace" };
    talkative = await startSidecar({ port: rig.sidecarPort, pools, config: level });
    await until("the models are known", async () => {
      const answer = await send(refused + CHAT, chat("x", { model: "other" }));
      return answer.status === 404;
    });
    // Only what the filter writes: Envoy's own debug lines print every request's headers.
    await rig.envoy.post("/logging?level=info");
    await rig.envoy.post("/logging?wasm=debug");
    const headers = { [TENANT]: mark("tenant"), authorization: `Bearer ${mark("token")}` };
    await untilKnown(url + CHAT, PROMPT);
    for (const [, path, body, encoding] of BODIES) {
      const more: Record<string, string> =
        encoding === undefined ? {} : { "content-encoding": encoding };
      for (let i = 0; i < 4; i++) {
        for (const at of [url, refused]) {
          const answer = await send(at + path, body, { ...headers, ...more });
          answers += `${JSON.stringify(answer.headers)}\n${answer.body.toString("latin1")}\n`;
        }
      }
    }
    // A worker keeps its newest decisions only.
    await untilKnown(url + CHAT, PROMPT);
    // Two reports, two scrapes of everything.
    await sleep(300);
    places = await collect(rig, answers);
    places.push(["sidecar's log", talkative.child.output]);
  });
  after(async () => {
    await talkative.stop();
    await rig.stop();
    for (const pod of pods) await pod.close();
  });

  test("reaches the pods, and has left its traces in every place that is looked at", () => {
    assert.ok(pods.some((pod) => pod.received.some(({ text }) => text.includes(mark("prompt")))));
    for (const [place, text] of places) assert.ok(text.length > 0 || place.endsWith("log"), place);
    const shown = new Map(places);
    assert.match(shown.get("sidecar /v1/pools")!, /"reason":"prefix"/);
    assert.match(shown.get("envoy /stats")!, /warmroute_decisions_fallback_json: [1-9]/);
  });

  test("is in none of them, nor is its base64", () => {
    const forms = [MARK, ...base64Forms(MARK)];
    for (const [place, text] of places) {
      const without = place === "answers" ? text.replaceAll(mark("model"), "") : text;
      for (const form of forms) assert.ok(!without.includes(form), `${form} in ${place}`);
    }
  });

  test("nor any hash of it", () => {
    const hashes = hashesOf(PROMPT);
    assert.ok(hashes.length > 5);
    const forms = hashes.flatMap((hash) => [
      hash.toString(),
      BigInt.asIntN(64, hash).toString(),
      hash.toString(16).padStart(16, "0"),
      hash.toString(16).padStart(16, "0").match(/../g)!.reverse().join(""),
    ]);
    for (const [place, text] of places) {
      for (const form of forms)
        assert.ok(!text.toLowerCase().includes(form), `${form} in ${place}`);
    }
  });

  test("records, which gateways get from the sidecar, carry the hashes by design", async () => {
    const records = { sidecar: "0".repeat(16), next: 0 };
    const response = await fetch(`${talkative.url}/v1/sync?pool=default`, {
      method: "POST",
      body: new Uint8Array(report({ v: 1, pool: "default", incarnation: "f".repeat(16), records })),
    });
    const answer = decodeAnswer(Buffer.from(await response.arrayBuffer()));
    const first = Buffer.alloc(8);
    first.writeBigUInt64LE(hashesOf(PROMPT)[0]!);
    assert.ok(answer.records.includes(first));
    assert.ok(!answer.records.includes(MARK));
  });

  test("a model's name comes back to who asked for it, and to nobody else", async () => {
    const body = chat("x", { model: mark("model") });
    const answer = await send(refused + CHAT, body);
    assert.equal(answer.status, 404);
    assert.match(answer.body.toString(), new RegExp(mark("model")));
    const other = await send(refused + CHAT, chat("x", { model: "other" }));
    assert.equal(other.status, 404);
    assert.doesNotMatch(other.body.toString(), new RegExp(MARK));
    const list = await send(`${refused}/v1/models`, null);
    assert.doesNotMatch(list.body.toString(), new RegExp(MARK));
  });
});

/** What the prompt's checkpoints hash to under the lab's key, by the filter in this process. */
function hashesOf(body: string): bigint[] {
  const gateway = new Gateway({ pods: 1 });
  gateway.send({ path: CHAT, bodyChunks: [body] });
  gateway.advance(200);
  const entries = decodeRecords(recordsIn(gateway.sidecar.polls))[0]!.entries;
  return entries.map(({ hash }) => hash);
}

/** The base64 of a text depends on where in a group of three bytes it begins. */
function base64Forms(text: string): string[] {
  return [0, 1, 2].map((shift) => {
    const whole = Buffer.from(" ".repeat(shift) + text).toString("base64");
    // Without the characters that depend on what is before and behind.
    return whole.slice(shift === 0 ? 0 : 4, -4);
  });
}

async function collect(rig: Rig, answers: string): Promise<[string, string][]> {
  const sidecar = `http://127.0.0.1:${rig.sidecarPort}`;
  const places: [string, string][] = [
    ["answers", answers],
    ["envoy's log", readFileSync(join(rig.envoy.folder, "envoy.log"), "utf8")],
  ];
  for (const path of ["/stats", "/stats/prometheus", "/config_dump", "/clusters", "/listeners"]) {
    places.push([`envoy ${path}`, await rig.envoy.get(path)]);
  }
  for (const path of ["/", "/metrics", "/v1/pools", "/readyz"]) {
    places.push([`sidecar ${path}`, await (await fetch(sidecar + path)).text()]);
  }
  return places;
}
