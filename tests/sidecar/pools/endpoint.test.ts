// An endpoint: when its cache counts as lost, and what a failed scrape leaves alone.
import assert from "node:assert/strict";
import { test } from "node:test";
import { Endpoint, type PodSettings } from "../../../sidecar-metrics/src/pools/endpoint.js";
import type { PodLoad } from "../../../sidecar-metrics/src/scrape/pod-load.js";

const POD: PodSettings = {
  address: "[fd00::7]:8000",
  scheme: "http",
  metricsPath: "/metrics",
  metricsPort: null,
  isDraining: false,
  uid: null,
  podName: null,
};

const LOAD: PodLoad = {
  waiting: 0,
  running: 0,
  kvUsage: 0,
  kvCapacityTokens: 0,
  promptTokens: 1_000,
  generatedTokens: 100,
  prefixQueryTokens: 900,
  prefixHitTokens: 500,
  hasPrefixCaching: true,
  startTimeSeconds: 1_700_000_000.25,
  lora: null,
  oddNames: [],
};

/** The epochs that a pod had, one after the other, without those that stayed the same. */
function epochsOf(...loads: Partial<PodLoad>[]): number[] {
  const endpoint = new Endpoint(POD, 0);
  const epochs: number[] = [];
  for (const load of loads) {
    endpoint.record({ result: "ok", load: { ...LOAD, ...load }, sentAtMs: 0 });
    if (epochs.at(-1) !== endpoint.epoch) epochs.push(endpoint.epoch);
  }
  return epochs;
}

const EPOCHS: [string, Partial<PodLoad>[], number][] = [
  ["the first scrape", [{}], 1],
  ["nothing changed", [{}, {}], 1],
  ["counters grew", [{}, { promptTokens: 2_000 }], 1],
  ["the start time differs by its rounding", [{}, { startTimeSeconds: 1_700_000_000.75 }], 1],
  ["another start time", [{}, { startTimeSeconds: 1_700_000_500 }], 2],
  ["prompt tokens fell", [{}, { promptTokens: 999 }], 2],
  ["prefix hits fell", [{}, { prefixHitTokens: 0 }], 2],
  ["several fell at once", [{}, { promptTokens: 0, generatedTokens: 0 }], 2],
  ["two restarts", [{}, { promptTokens: 5 }, { promptTokens: 4 }], 3],
  ["figures missing", [{}, { promptTokens: null, startTimeSeconds: null }], 1],
  [
    "a restart between two pages that lack the figure",
    [{}, { promptTokens: null }, { promptTokens: 1 }],
    2,
  ],
];

for (const [name, loads, count] of EPOCHS) {
  test(`epochs seen, ${count}: ${name}`, () => {
    const epochs = epochsOf(...loads);
    assert.equal(new Set(epochs).size, count);
    assert.equal(epochs.length, count);
    assert.ok(!epochs.includes(0));
  });
}

test("before the first scrape the epoch is 0, which says nothing", () => {
  assert.equal(new Endpoint(POD, 0).epoch, 0);
});

test("two sidecars name the same life alike, and another life differently", () => {
  const later = { promptTokens: 90_000, generatedTokens: 9_000 };
  assert.deepEqual(epochsOf({}), epochsOf(later));
  assert.notDeepEqual(epochsOf({}), epochsOf({ startTimeSeconds: 1_700_000_500 }));
});

test("a failed scrape leaves the load and its time, and counts", () => {
  const endpoint = new Endpoint(POD, 0);
  endpoint.record({ result: "ok", load: LOAD, sentAtMs: 10 });
  endpoint.record({ result: "timeout", detail: "no answer", sentAtMs: 60 });
  endpoint.record({ result: "bad_status", detail: "HTTP status 503", sentAtMs: 110 });
  assert.equal(endpoint.load, LOAD);
  assert.equal(endpoint.loadSentAtMs, 10);
  assert.equal(endpoint.isFailing, false);
  endpoint.record({ result: "bad_status", detail: "HTTP status 503", sentAtMs: 160 });
  assert.equal(endpoint.isFailing, true);
  assert.deepEqual(endpoint.failure, {
    reason: "bad_status",
    detail: "HTTP status 503",
    inRow: 3,
    sinceMs: 60,
  });
  endpoint.record({ result: "ok", load: LOAD, sentAtMs: 210 });
  assert.equal(endpoint.failure, null);
  assert.deepEqual(Object.fromEntries(endpoint.results), { ok: 2, timeout: 1, bad_status: 2 });
});

test("the URL of the metrics", () => {
  const url = (settings: Partial<PodSettings>): string =>
    new Endpoint({ ...POD, ...settings }, 0).url;
  assert.equal(url({}), "http://[fd00::7]:8000/metrics");
  assert.equal(
    url({ address: "10.0.0.7:8000", scheme: "https", metricsPort: 9_400, metricsPath: "/m?x=1" }),
    "https://10.0.0.7:9400/m?x=1",
  );
});
