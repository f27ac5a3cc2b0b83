// The engine in real time: steps end when due, late timers cause no drift, long pauses no bursts.
import assert from "node:assert/strict";
import { test } from "node:test";
import { Engine } from "../../simulator/engine/engine.js";
import { EngineDriver } from "../../simulator/pods/engine-driver.js";
import { ManualClock, TEN_MS_STEPS } from "./pods-harness.js";

function drive(clock: ManualClock, stepMs = 10) {
  const timing = { ...TEN_MS_STEPS.timing, stepMs };
  const engine = new Engine<null>({ ...TEN_MS_STEPS, timing });
  const endsMs: number[] = [];
  const driver = new EngineDriver(engine, clock, (outcome) => endsMs.push(outcome.endMs));
  const submit = (outputTokens: number) =>
    driver.submit({ id: "r", promptTokens: 10, outputTokens, blockHashes: [], owner: null });
  return { engine, driver, endsMs, submit };
}

test("timers that fire 3 ms late do not slow the engine down", () => {
  const clock = new ManualClock(3);
  const { endsMs, submit } = drive(clock, 12.34);
  const sequence = submit(1000);
  clock.advance(12_343);
  assert.equal(sequence.state, "finished");
  assert.equal(endsMs.length, 1000);
  endsMs.forEach((endMs, i) => assert.ok(Math.abs(endMs - (i + 1) * 12.34) < 1e-6));
});

test("steps shorter than a timer's resolution all happen, several a turn", () => {
  const clock = new ManualClock(1);
  const { endsMs, submit } = drive(clock, 0.05);
  submit(1000);
  clock.advance(60);
  assert.equal(endsMs.length, 1000);
});

test("after a pause of seconds the engine goes on from now", () => {
  const clock = new ManualClock(5000);
  const { endsMs, submit } = drive(clock);
  submit(100);
  clock.advance(5011);
  assert.deepEqual(endsMs, [10]);
  assert.ok(endsMs.length < 65);
});

test("a request that comes late in a late step waits for the next one", () => {
  const clock = new ManualClock(4);
  const { submit, endsMs } = drive(clock);
  submit(3);
  clock.advance(12); // The first step was over at 10, but its timer fires at 14.
  const second = submit(1);
  assert.deepEqual(endsMs, [10]);
  clock.advance(30);
  assert.equal(second.admittedMs, 20);
  assert.equal(second.firstTokenMs, 30);
});

test("an idle engine starts with the next request, and a closed one never again", () => {
  const clock = new ManualClock();
  const { submit, endsMs, driver, engine } = drive(clock);
  submit(1);
  clock.advance(1000);
  submit(2);
  clock.advance(10);
  assert.deepEqual(endsMs, [10, 1010]);
  driver.close();
  clock.advance(1000);
  assert.deepEqual(endsMs, [10, 1010]);
  assert.equal(engine.stats().running, 1);
});

test("a slowed engine takes so many times as long from its next step on", () => {
  const clock = new ManualClock();
  const { submit, endsMs, driver } = drive(clock);
  submit(5);
  clock.advance(15);
  driver.setPace(10);
  clock.advance(205);
  driver.setPace(1);
  clock.advance(1000);
  // The step that was under way at 15 ends as it would have, and so does the one at 220.
  assert.deepEqual(endsMs, [10, 20, 120, 220, 320]);
});

test("an engine that stands still goes on from when it may, with all that came meanwhile", () => {
  const clock = new ManualClock();
  const { submit, endsMs, driver } = drive(clock);
  const first = submit(2);
  clock.advance(12);
  driver.setPace(null);
  clock.advance(5000);
  const second = submit(1);
  clock.advance(5000);
  assert.deepEqual([first.state, second.state, endsMs.length], ["running", "waiting", 1]);
  driver.setPace(1);
  clock.advance(10);
  assert.deepEqual([first.state, second.state], ["finished", "finished"]);
});
