// When pods are asked for their models, at times that the test sets.
import assert from "node:assert/strict";
import { test } from "node:test";
import type { ServedAnswer } from "../../../sidecar-metrics/src/models/served-models.js";
import {
  CONCURRENCY,
  REFRESH_MS,
  ServedModelsLoop,
} from "../../../sidecar-metrics/src/models/served-models-loop.js";
import { Endpoint } from "../../../sidecar-metrics/src/pools/endpoint.js";

const KNOWN: ServedAnswer = { isKnown: true, models: [] };
const UNKNOWN: ServedAnswer = { isKnown: false, detail: "HTTP status 503" };

class World {
  nowMs = 0;
  asked: number[] = [];
  endpoints: Endpoint[] = [];
  private readonly waiting: ((answer: ServedAnswer) => void)[] = [];
  // Without a jitter, which is 0 at one half.
  private readonly clock = { nowMs: () => this.nowMs, unixMs: () => 0, random: () => 0.5 };
  readonly loop = new ServedModelsLoop(
    () => this.endpoints,
    (endpoint) => {
      this.asked.push(endpoint.number);
      return new Promise((resolve) => this.waiting.push(resolve));
    },
    this.clock,
  );

  constructor(count: number) {
    this.endpoints = Array.from({ length: count }, (_, number) => endpoint(number));
  }

  /** Looks at that time; the numbers of the pods asked since the last call. */
  look(nowMs: number): number[] {
    this.nowMs = nowMs;
    this.loop.look();
    return this.take();
  }

  /** Lets the oldest question have its answer; the numbers of the pods asked thereupon. */
  async answer(answer: ServedAnswer): Promise<number[]> {
    this.waiting.shift()?.(answer);
    await new Promise((resolve) => setImmediate(resolve));
    return this.take();
  }

  private take(): number[] {
    return this.asked.splice(0);
  }
}

function endpoint(number: number): Endpoint {
  const metrics = { scheme: "http", metricsPath: "/metrics", metricsPort: null } as const;
  const identity = { address: `10.0.0.${number}:80`, uid: null, podName: null };
  const pod = { ...identity, isDraining: false, ...metrics };
  return new Endpoint(pod, number);
}

test("a pod is asked when it appears, and again every 30 s", async () => {
  const world = new World(1);
  assert.deepEqual(world.look(100), [0]);
  assert.deepEqual(world.look(200), [], "not while a question is under way");
  assert.deepEqual(await world.answer(KNOWN), []);
  assert.deepEqual(world.endpoints[0]?.models.served, []);
  assert.deepEqual(world.look(200 + REFRESH_MS - 1), []);
  assert.deepEqual(world.look(200 + REFRESH_MS), [0]);
});

test("four at a time; the next one follows when one has its answer", async () => {
  const world = new World(CONCURRENCY + 2);
  assert.deepEqual(world.look(0), [0, 1, 2, 3]);
  assert.deepEqual(await world.answer(KNOWN), [4]);
  assert.deepEqual(await world.answer(UNKNOWN), [5]);
  assert.deepEqual(await world.answer(KNOWN), []);
});

test("failures are tried again after 1 s, then less often, and cost nothing else", async () => {
  const world = new World(1);
  world.look(0);
  let atMs = 0;
  for (const pauseMs of [1_000, 2_000, 4_000, 8_000, 16_000, 30_000, 30_000]) {
    await world.answer(UNKNOWN);
    assert.deepEqual(world.look(atMs + pauseMs - 1), [], `${pauseMs}`);
    atMs += pauseMs;
    assert.deepEqual(world.look(atMs), [0], `${pauseMs}`);
  }
  const { models, failure } = world.endpoints[0]!;
  assert.deepEqual([models.served, models.failure, failure], [null, "HTTP status 503", null]);
  await world.answer(KNOWN);
  assert.equal(models.failure, null);
});

test("what a pod told stays when it does not answer any more", async () => {
  const world = new World(1);
  world.look(0);
  await world.answer(KNOWN);
  world.look(REFRESH_MS);
  await world.answer(UNKNOWN);
  assert.deepEqual(world.endpoints[0]?.models.served, []);
});

test("a pod that restarted is asked at once, one that takes no connection is not", async () => {
  const world = new World(1);
  const [pod] = world.endpoints;
  assert.ok(pod);
  let epoch = 0;
  Object.defineProperty(pod, "epoch", { get: () => epoch });
  world.look(0);
  await world.answer(KNOWN);
  epoch = 5;
  assert.deepEqual(world.look(1_000), [], "the first epoch is no restart");
  epoch = 6;
  assert.deepEqual(world.look(2_000), [0]);
  epoch = 7;
  world.look(2_100);
  assert.deepEqual(await world.answer(KNOWN), [0], "that was the process before");
  await world.answer(KNOWN);
  pod.isUnreachable = true;
  assert.deepEqual(world.look(100_000), []);
  pod.isUnreachable = false;
  assert.deepEqual(world.look(100_100), [0]);
});

test("a pod that left is not asked any more, nor is any after the stop", async () => {
  const world = new World(CONCURRENCY + 1);
  world.look(0);
  world.endpoints = world.endpoints.slice(0, 1);
  world.look(1);
  assert.deepEqual(await world.answer(KNOWN), []);
  world.loop.stop();
  assert.deepEqual(world.look(10 * REFRESH_MS), []);
});
