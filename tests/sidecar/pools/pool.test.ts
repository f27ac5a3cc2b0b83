// A pool: what its table holds as lists change and time passes.
import assert from "node:assert/strict";
import { test } from "node:test";
import type { Endpoint, PodSettings } from "../../../sidecar-metrics/src/pools/endpoint.js";
import { REUSE_AFTER_MS } from "../../../sidecar-metrics/src/pools/endpoint-numbers.js";
import { Pool } from "../../../sidecar-metrics/src/pools/pool.js";
import type { PodLoad } from "../../../sidecar-metrics/src/scrape/pod-load.js";
import { decodeAnswer } from "../support/support.js";

const HEADER = { strategy: null, hashKey: null, incarnation: 1n, sequence: 1, madeAtUnixMs: 0 };
const SETTINGS = { name: "p", engine: "vllm", modelName: null, strategy: null } as const;

function pod(address: string, isDraining = false): PodSettings {
  return {
    address,
    scheme: "http",
    metricsPath: "/metrics",
    metricsPort: null,
    isDraining,
    uid: null,
    podName: null,
  };
}

function load(waiting: number, promptTokens: number): PodLoad {
  return {
    waiting,
    running: null,
    kvUsage: null,
    kvCapacityTokens: 0,
    promptTokens,
    generatedTokens: null,
    prefixQueryTokens: null,
    prefixHitTokens: null,
    hasPrefixCaching: null,
    startTimeSeconds: null,
    lora: null,
    oddNames: [],
  };
}

class World {
  readonly scraped = new Set<Endpoint>();
  readonly pool = new Pool(SETTINGS, {
    added: (endpoint) => this.scraped.add(endpoint),
    removed: (endpoint) => this.scraped.delete(endpoint),
  });

  list(nowMs: number, ...pods: PodSettings[]): void {
    this.pool.setList({ pods }, nowMs);
  }

  rows(nowMs: number) {
    const table = this.pool.encode(HEADER, nowMs, () => null);
    const head = Buffer.alloc(16);
    head.writeUInt32LE(table.length, 4);
    const answer = decodeAnswer(Buffer.concat([head, table]));
    assert.ok(answer.isChecksumRight);
    return answer.rows;
  }
}

const FLAG_MAY_BE_PICKED = 1;

test("rows stand in the order of their numbers; a pod never scraped says so", () => {
  const world = new World();
  world.list(0, pod("10.0.0.2:80"), pod("10.0.0.1:80", true));
  const [first, second] = world.rows(5);
  assert.deepEqual([first?.number, first?.address], [0, "10.0.0.2:80"]);
  assert.deepEqual([first?.flags, second?.flags], [FLAG_MAY_BE_PICKED, 0]);
  assert.deepEqual([first?.ageMs, first?.waiting], [0xffffffff, 0xffffffff]);
});

test("ages grow between scrapes, values stay", () => {
  const world = new World();
  world.list(0, pod("10.0.0.1:80"));
  const endpoint = world.pool.endpoints[0]!;
  endpoint.record({ result: "ok", load: load(3, 10), sentAtMs: 100 });
  assert.deepEqual(
    world.rows(150).map((row) => [row.ageMs, row.waiting]),
    [[50, 3]],
  );
  endpoint.record({ result: "timeout", detail: "", sentAtMs: 150 });
  assert.deepEqual(
    world.rows(900).map((row) => [row.ageMs, row.waiting]),
    [[800, 3]],
  );
});

function fail(endpoint: Endpoint | undefined, result: "unreachable" | "timeout", times = 1): void {
  for (let i = 0; i < times; i++) endpoint?.record({ result, detail: "", sentAtMs: 0 });
}

test("a pod unreachable three times in a row is not picked until a scrape succeeds", () => {
  const world = new World();
  world.list(0, pod("10.0.0.1:80"), pod("10.0.0.2:80"));
  const [first] = world.pool.endpoints;
  const flags = () => world.rows(1).map((row) => row.flags! & FLAG_MAY_BE_PICKED);
  fail(first, "unreachable", 2);
  fail(first, "timeout");
  fail(first, "unreachable", 2);
  assert.deepEqual(flags(), [1, 1]);
  fail(first, "unreachable");
  assert.deepEqual(flags(), [0, 1]);
  fail(first, "timeout");
  assert.deepEqual(flags(), [0, 1]);
  first?.record({ result: "ok", load: load(0, 10), sentAtMs: 0 });
  assert.deepEqual(flags(), [1, 1]);
});

test("more than half of the pods unreachable: all are picked; draining ones do not count", () => {
  const world = new World();
  const listed = [1, 2, 3, 4].map((n) => pod(`10.0.0.${n}:80`));
  world.list(0, ...listed);
  const flags = () => world.rows(1).map((row) => row.flags! & FLAG_MAY_BE_PICKED);
  const [first, second, third] = world.pool.endpoints;
  fail(first, "timeout", 9);
  fail(second, "unreachable", 3);
  fail(third, "unreachable", 3);
  assert.deepEqual(flags(), [1, 0, 0, 1]);
  fail(first, "unreachable", 3);
  assert.deepEqual(flags(), [1, 1, 1, 1]);
  first?.record({ result: "ok", load: load(0, 10), sentAtMs: 0 });
  assert.deepEqual(flags(), [1, 0, 0, 1]);
  world.list(2, pod("10.0.0.1:80", true), ...listed.slice(1));
  assert.deepEqual(flags(), [0, 1, 1, 1]);
  world.list(3, listed[0]!, pod("10.0.0.2:80", true), ...listed.slice(2));
  assert.deepEqual(flags(), [1, 0, 0, 1]);
  fail(world.pool.endpoints[3], "unreachable", 3);
  assert.deepEqual(flags(), [1, 0, 1, 1]);
});

test("a pod that leaves loses its row and its scrapes; others keep number and load", () => {
  const world = new World();
  world.list(0, pod("10.0.0.1:80"), pod("10.0.0.2:80"));
  world.pool.endpoints[1]?.record({ result: "ok", load: load(7, 10), sentAtMs: 0 });
  world.list(1, pod("10.0.0.2:80"), pod("10.0.0.3:80"));
  const rows = world.rows(2);
  assert.deepEqual(
    rows.map(({ number, address }) => [number, address]),
    [
      [1, "10.0.0.2:80"],
      [2, "10.0.0.3:80"],
    ],
  );
  assert.equal(rows[0]?.waiting, 7);
  assert.deepEqual([...world.scraped], world.pool.endpoints);
});

test("one that comes back within ten minutes is the same endpoint, epoch and all", () => {
  const world = new World();
  world.list(0, pod("10.0.0.1:80"));
  const [before] = world.pool.endpoints;
  before?.record({ result: "ok", load: load(0, 10), sentAtMs: 0 });
  const epoch = world.rows(0)[0]?.epoch;
  world.list(1);
  world.list(2, pod("10.0.0.1:80"));
  assert.equal(world.pool.endpoints[0], before);
  before?.record({ result: "ok", load: load(0, 9), sentAtMs: 2 });
  assert.notEqual(world.rows(3)[0]?.epoch, epoch);
});

test("one that comes back later is a new endpoint", () => {
  const world = new World();
  world.list(0, pod("10.0.0.1:80"));
  const [before] = world.pool.endpoints;
  world.list(1);
  world.list(1 + REUSE_AFTER_MS, pod("10.0.0.1:80"));
  assert.notEqual(world.pool.endpoints[0], before);
});

test("pods beyond the numbers are left out, named, and let in when numbers have rested", () => {
  const world = new World();
  const pods = Array.from({ length: 1_030 }, (_, i) => pod(`10.0.${i >> 8}.${i & 255}:80`));
  world.list(0, ...pods);
  assert.equal(world.rows(0).length, 1_024);
  assert.equal(world.pool.unnumbered.length, 6);
  world.list(1, ...pods.slice(10));
  assert.equal(world.pool.unnumbered.length, 6);
  world.pool.retryUnnumbered(1 + REUSE_AFTER_MS);
  assert.equal(world.pool.unnumbered.length, 0);
  assert.equal(world.rows(2 + REUSE_AFTER_MS).length, 1_020);
});

test("a strategy from discovery wins, and goes when discovery has no say any more", () => {
  const pool = new Pool({ ...SETTINGS, strategy: "DEFAULT" }, { added() {}, removed() {} });
  assert.equal(pool.strategy, "DEFAULT");
  pool.setList({ pods: [], strategy: "PREFIX_CACHE" }, 0);
  assert.equal(pool.strategy, "PREFIX_CACHE");
  pool.setList({ pods: [] }, 0);
  assert.equal(pool.strategy, "DEFAULT");
});

test("another pod at the same address has the number and nothing else of the former", () => {
  const world = new World();
  const of = (uid: string): PodSettings => ({ ...pod("10.0.0.1:80"), uid });
  world.list(0, pod("10.0.0.9:80"), of("first"));
  const first = world.pool.endpoints[1]!;
  first.record({ result: "ok", load: load(3, 100), sentAtMs: 0 });
  const { epoch, number } = world.rows(0)[1]!;
  assert.notEqual(epoch, 0);
  world.list(0, pod("10.0.0.9:80"), of("second"));
  const second = world.pool.endpoints[1]!;
  assert.notEqual(second, first);
  assert.deepEqual([world.scraped.has(first), world.scraped.has(second)], [false, true]);
  const unknown = world.rows(0)[1]!;
  assert.deepEqual([unknown.number, unknown.epoch, unknown.waiting], [number, 0, 0xffffffff]);
  second.record({ result: "ok", load: load(3, 100), sentAtMs: 0 });
  assert.notEqual(world.rows(0)[1]!.epoch, epoch);
  // The same goes for one that comes after a while in which there was none.
  world.list(0, pod("10.0.0.9:80"));
  world.list(0, pod("10.0.0.9:80"), of("third"));
  assert.equal(world.rows(0)[1]!.epoch, 0);
  assert.equal(world.rows(0)[1]!.number, number);
});
