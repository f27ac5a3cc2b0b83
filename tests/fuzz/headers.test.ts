// Hostile request headers: no trap, no hang, and neither a pod nor a model that the client named.
import assert from "node:assert/strict";
import { test } from "node:test";
import { DESTINATION_HEADER, HeaderMap, type Pair } from "../../simulator/host/index.js";
import { randomFrom } from "../host/filter/support/random.js";
import { Machine, MODEL_HEADER, PATHS } from "./support/machine.js";
import { below, pick, type Random } from "./support/spelling.js";

const REQUESTS = 10_000;
const SEED = 13;
const STEPS_MAX = 1_000_000;
const EVIL = "6.6.6.6:6";
const LONG = "v".repeat(60_000);
const VALUES = ["", " ", "0", "-1", "\u0000", "\u00ff", "a,b", "gzip", "identity", LONG, EVIL];
const NAMES = [
  ...["content-type", "content-encoding", "content-length", "upgrade", "transfer-encoding"],
  ...["x-warmroute-decision", "x-request-id", "host", "te", "expect", "", "x".repeat(1000)],
  ...["x-objective", ":scheme", ":authority", ":protocol", ":status"],
];

test(`${REQUESTS} requests with hostile headers`, (context) => {
  const random = randomFrom(SEED);
  const machine = new Machine({ config: { objectiveHeader: "x-objective" } });
  let warmBytes = 0;
  let named = 0;
  for (let i = 0; i < REQUESTS; i++) {
    const pairs = headersFrom(random);
    const shown = `request ${i}: ${JSON.stringify(pairs).slice(0, 2000)}`;
    machine.pass(1);
    machine.allowSteps(STEPS_MAX);
    const stream = machine.newStream();
    const hasBody = random() < 0.8;
    stream.requestHeaders(HeaderMap.from(pairs), !hasBody);
    if (hasBody) stream.requestBody('{"model":"m","prompt":"hi"}', random() < 0.8);
    if (hasBody && random() < 0.3) stream.requestTrailers([["x", "y"]]);
    assert.equal(machine.host.error, null, shown);
    const { headers } = stream.upstream;
    if (headers !== null) {
      const destination = headers.get(DESTINATION_HEADER);
      if (destination !== undefined) named++;
      assert.ok(destination === undefined || destination === "10.0.0.1:8000", shown);
      assert.ok([undefined, "m"].includes(headers.get(MODEL_HEADER)), shown);
    }
    stream.done();
    assert.equal(machine.host.error, null, shown);
    if (i === REQUESTS / 10) warmBytes = machine.host.memoryBytes;
  }
  machine.tick();
  assert.equal(machine.stats.gauge("warmroute_in_flight"), 0);
  assert.equal(machine.host.contextCount, 2);
  assert.equal(machine.host.memoryBytes, warmBytes);
  assert.ok(named > REQUESTS / 2, `${named} with a destination`);
  context.diagnostic(
    `figure: ${REQUESTS} requests with hostile headers, seed ${SEED}: 0 to a pod of the client's`,
  );
});

function headersFrom(random: Random): Pair[] {
  const pairs: Pair[] = [];
  if (random() < 0.9)
    pairs.push([":method", pick(random, ["POST", "POST", "GET", "PUT", "", "P"])]);
  if (random() < 0.9) pairs.push([":path", pathFrom(random)]);
  if (random() < 0.7) {
    const type = pick(random, ["application/json", "APPLICATION/JSON; x", "application/jsonp"]);
    pairs.push(["content-type", type]);
  }
  for (let left = below(random, 5); left > 0; left--) {
    pairs.push([pick(random, NAMES), pick(random, VALUES)]);
  }
  // Once, or many times.
  for (let left = random() < 0.3 ? 1 + below(random, 4) : 0; left > 0; left--) {
    pairs.push([pick(random, [DESTINATION_HEADER, MODEL_HEADER]), EVIL]);
  }
  if (random() < 0.3) pairs.reverse();
  if (random() < 0.01) {
    for (let i = 0; i < 500; i++) pairs.push([`x-${i}`, pick(random, VALUES.slice(0, 5))]);
  }
  return pairs;
}

function pathFrom(random: Random): string {
  const path = pick(random, [...Object.values(PATHS), "/v1/models", "/tokenize", "*", "", "/"]);
  const chance = random();
  if (chance < 0.6) return path;
  if (chance < 0.8) return `${path}?${pick(random, ["a=b", "", "?", LONG, "\u0000"])}`;
  return pick(random, [`/${path}`, `${path}/`, path.toUpperCase(), `${path}\u0000`, path + LONG]);
}
