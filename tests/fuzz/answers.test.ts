// Answers of pods, whole and damaged, cut anywhere, with hostile headers: what they say of tokens
// is found, and nothing that they do traps, hangs or leaves load behind.
import assert from "node:assert/strict";
import { test } from "node:test";
import { HeaderMap, type Pair, type StreamContext } from "../../simulator/host/index.js";
import { randomFrom } from "../host/filter/support/random.js";
import { type Answer, makeAnswer } from "./support/answers.js";
import { APIS } from "./support/bodies.js";
import { Machine, PATHS } from "./support/machine.js";
import { mutate } from "./support/mutate.js";
import type { Api } from "./support/reading.js";
import { below, pick, type Random } from "./support/spelling.js";

const ANSWERS = 8_000;
const SEED = 11;
const STEPS_FIXED = 100_000;
const STEPS_PER_BYTE = 20;
/** Between two requests, so that each is told to the neighbours. */
const STEP_MS = 1_100;
const CHARGE = 4;

test(`${ANSWERS} answers: what they say of tokens is found, damage does no harm`, (context) => {
  const random = randomFrom(SEED);
  const machine = new Machine();
  let compared = 0;
  let warmBytes = 0;
  for (let i = 0; i < ANSWERS; i++) {
    const api = pick(random, APIS);
    const made = makeAnswer(random, api);
    const isDamaged = random() < 0.5;
    const body = isDamaged ? mutate(random, made.body, made.body) : made.body;
    const charged = answerWith(machine, random, api, { ...made, body }, isDamaged);
    const shown = `answer ${i}, ${api}: ${JSON.stringify(body.slice(0, 3000))}`;
    assert.equal(machine.host.error, null, shown);
    if (!isDamaged && api !== "embeddings") {
      compared++;
      assert.equal(charged, made.tokens, shown);
    }
    if (i === ANSWERS / 10) warmBytes = machine.host.memoryBytes;
  }
  machine.tick(1000);
  assert.equal(machine.host.memoryBytes, warmBytes);
  assert.equal(machine.stats.gauge("warmroute_in_flight"), 0);
  assert.equal(machine.host.contextCount, 2);
  context.diagnostic(
    `figure: ${ANSWERS} answers, seed ${SEED}: ${compared} counts of tokens compared, 0 differ; ` +
      `${ANSWERS - compared} damaged or embeddings`,
  );
});

/** One request with this answer; the tokens that are charged for it. */
function answerWith(
  machine: Machine,
  random: Random,
  api: Api,
  answer: Answer,
  isDamaged: boolean,
): number {
  machine.pass(STEP_MS);
  const body = Buffer.from(answer.body, "latin1");
  machine.allowSteps(STEPS_FIXED + STEPS_PER_BYTE * body.length);
  const stream = machine.newStream();
  stream.requestHeaders(
    HeaderMap.from([
      [":method", "POST"],
      [":path", PATHS[api]],
      ["content-type", "application/json"],
    ]),
    false,
  );
  const prompt = `words of ${below(random, 1000)}`;
  const key = api === "chat" || api === "messages" ? "messages" : "prompt";
  const value = key === "prompt" ? prompt : [{ role: "user", content: prompt }];
  stream.requestBody(
    JSON.stringify({ [api === "responses" ? "input" : key]: value, stream: answer.isEvents }),
    true,
  );
  stream.upstreamAddress = isDamaged && random() < 0.2 ? oddAddress(random) : "10.0.0.1:8000";
  stream.attempts = isDamaged ? below(random, 3) : 1;
  stream.responseHeaders(headersOf(random, answer, isDamaged), false);
  sendChunks(stream, random, body);
  stream.done();
  machine.allowSteps(0x7fffffff);
  const charges = machine.takeRecords().filter((record) => record.getUint8(2) === CHARGE);
  return charges.reduce((sum, record) => sum + record.getUint32(12, true), 0);
}

function headersOf(random: Random, { isEvents }: Answer, isDamaged: boolean): HeaderMap {
  const type = isEvents ? "text/event-stream" : "application/json";
  const sound = pick(random, [type, `${type}; charset=utf-8`, type.toUpperCase(), `${type};x`]);
  if (!isDamaged || random() < 0.5) {
    return HeaderMap.from([
      [":status", "200"],
      ["content-type", sound],
    ]);
  }
  const headers: Pair[] = [];
  if (random() < 0.8) headers.push([":status", pick(random, ["200", "2", "999", "", "-1", "20x"])]);
  if (random() < 0.8) headers.push(["content-type", pick(random, [sound, "", "\u0000", "a/b"])]);
  if (random() < 0.3) headers.push(["content-encoding", pick(random, ["gzip", "", "identity"])]);
  if (random() < 0.2) headers.push(["x-warmroute-decision", "pod=6.6.6.6:6"]);
  if (random() < 0.1) headers.push(["content-type", "x".repeat(100_000)]);
  return HeaderMap.from(headers);
}

function oddAddress(random: Random): string | null {
  return pick(random, [null, "", "x", "9.9.9.9:9", "\u0000", "a".repeat(70_000), "envoy://x/y"]);
}

function sendChunks(stream: StreamContext, random: Random, body: Buffer): void {
  const everyByte = random() < 0.1 && body.length < 500;
  const count = everyByte ? body.length : below(random, 6);
  let from = 0;
  for (let left = count; left > 0; left--) {
    const to = everyByte ? from + 1 : from + below(random, body.length - from + 1);
    stream.responseBody(body.subarray(from, to), false);
    from = to;
  }
  stream.responseBody(body.subarray(from), true);
}
