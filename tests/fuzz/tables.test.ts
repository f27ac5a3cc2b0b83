// The sidecar's answers, damaged in every field with checksums that fit: no trap, no hang, no
// growth, and a sound table is taken again as if nothing had been.
import assert from "node:assert/strict";
import { test } from "node:test";
import type { HttpCall } from "../../simulator/host/index.js";
import { randomFrom } from "../host/filter/support/random.js";
import { encodeAnswer, encodeTable } from "../host/filter/support/wire.js";
import { HASH_KEY, Machine, PATHS, sendBody } from "./support/machine.js";
import { makeAnswer } from "./support/tables.js";

const ANSWERS = 10_000;
const SEED = 7;
/** A poll's answer and a tick: 4,096 nodes are forgotten, 1,024 rows are read. */
const STEPS_MAX = 30_000_000;
const POLL_MS = 60;
const BODY = Buffer.from(JSON.stringify({ model: "m", prompt: "some words ".repeat(100) }));
const DESTINATION = /^[!-+\--~]{1,47}(,[!-+\--~]{1,47})?$/;

test(`${ANSWERS} damaged tables, models sections and records leave the filter sound`, (context) => {
  const random = randomFrom(SEED);
  let answer: Buffer | null = null;
  const onHttpCall = (call: HttpCall): void => {
    call.respond(200, [["content-type", "application/octet-stream"]], answer ?? sound());
  };
  const machine = new Machine({ onHttpCall, config: { indexMiB: 1 } });
  let warmBytes = 0;
  let routed = 0;
  let polls = 0;
  for (let i = 0; i < ANSWERS; i++) {
    answer = makeAnswer(random);
    machine.allowSteps(STEPS_MAX);
    machine.tick(POLL_MS);
    const shown = answer.toString("base64");
    assert.equal(machine.host.error, null, `answer ${i}: ${shown}`);
    const { reason, destination } = ask(machine);
    assert.equal(machine.host.error, null, `a request after answer ${i}: ${shown}`);
    if (destination !== null) {
      routed++;
      assert.match(destination, DESTINATION, `answer ${i}: ${shown}`);
    }
    if (i % 100 === 99) {
      answer = null;
      machine.tick(POLL_MS);
      const { destination: first } = ask(machine);
      assert.equal(first, "10.9.9.9:8000", `after a sound table: ${reason}`);
      polls++;
    }
    if (i === ANSWERS / 10) warmBytes = machine.host.memoryBytes;
  }
  machine.tick(POLL_MS);
  assert.equal(machine.host.memoryBytes, warmBytes);
  assert.equal(machine.stats.gauge("warmroute_in_flight"), 0);
  assert.ok(polls === ANSWERS / 100 && routed > ANSWERS / 2, `${routed} routed`);
  const refused = machine.stats.counter("warmroute_sync_failures");
  assert.ok(refused > ANSWERS / 20 && refused < ANSWERS / 2, `${refused} refused`);
  context.diagnostic(
    `figure: ${ANSWERS} damaged answers of the sidecar, seed ${SEED}: ${refused} refused whole, ` +
      `${machine.stats.counter("warmroute_bad_models")} models sections refused, ` +
      `${routed} requests routed by what was taken`,
  );
});

function sound(): Buffer {
  return encodeAnswer(
    encodeTable({ rows: [{ number: 5, address: "10.9.9.9:8000" }], hashKey: HASH_KEY }),
  );
}

function ask(machine: Machine): { reason: string; destination: string | null } {
  machine.allowSteps(STEPS_MAX);
  const outcome = sendBody(machine, PATHS.completions, BODY, []);
  return { reason: outcome.reason, destination: outcome.destination };
}
