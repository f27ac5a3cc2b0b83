// Endpoint numbers: stable, and not given away too soon.
import assert from "node:assert/strict";
import { test } from "node:test";
import {
  ENDPOINTS_MAX,
  EndpointNumbers,
  REUSE_AFTER_MS,
} from "../../../sidecar-metrics/src/pools/endpoint-numbers.js";

test("an address keeps its number, also when it comes back", () => {
  const numbers = new EndpointNumbers();
  assert.deepEqual([numbers.take("a", 0), numbers.take("b", 0), numbers.take("a", 1)], [0, 1, 0]);
  numbers.release("a", 2);
  assert.equal(numbers.take("c", 3), 2);
  assert.equal(numbers.take("a", 4), 0);
});

test("a number rests for ten minutes before another address gets it", () => {
  const numbers = new EndpointNumbers();
  numbers.take("a", 0);
  numbers.release("a", 1_000);
  assert.equal(numbers.take("b", 1_000 + REUSE_AFTER_MS - 1), 1);
  assert.equal(numbers.take("c", 1_000 + REUSE_AFTER_MS), 0);
  assert.equal(numbers.take("a", 1_000 + REUSE_AFTER_MS), 2);
});

test("beyond 1,024 there is none, until one has rested", () => {
  const numbers = new EndpointNumbers();
  for (let i = 0; i < ENDPOINTS_MAX; i++) assert.equal(numbers.take(`pod-${i}`, 0), i);
  assert.equal(numbers.take("late", 0), null);
  numbers.release("pod-17", 0);
  assert.equal(numbers.take("late", 1), null);
  assert.equal(numbers.take("late", REUSE_AFTER_MS), 17);
});

test("releasing what was never taken does nothing", () => {
  const numbers = new EndpointNumbers();
  numbers.release("a", 0);
  assert.equal(numbers.take("b", 1), 0);
});
