// Criticality in the simulator: who is drawn, what counts as goodput, and rules under overload.
import assert from "node:assert/strict";
import { test } from "node:test";
import { Engine } from "../../simulator/engine/engine.js";
import { profile } from "../../simulator/engine/profiles.js";
import type { EngineRequest } from "../../simulator/engine/sequence.js";
import { RULES } from "../../simulator/rules/index.js";
import type { Flight } from "../../simulator/run/flight.js";
import { GoodputCounter } from "../../simulator/run/goodput.js";
import { run } from "../../simulator/run/run.js";
import type { RunResult } from "../../simulator/run/run-options.js";
import { withCriticalities } from "../../simulator/traffic/criticalities.js";
import { TRAFFIC } from "../../simulator/traffic/index.js";

const ZIPF = TRAFFIC.get("zipf")!;
const CHAT = TRAFFIC.get("chat")!;

test("a third of the conversations each, whose content stays as it is", () => {
  const counts = new Map<string, number>();
  const plain = ZIPF.source(1);
  const mixed = withCriticalities(ZIPF).source(1);
  for (let i = 0; i < 3000; i++) {
    const { criticality, tenant, ...rest } = mixed.first(i);
    assert.deepEqual(rest, plain.first(i));
    for (const key of [criticality!, tenant === 0 ? "large" : "small"]) {
      counts.set(key, (counts.get(key) ?? 0) + 1);
    }
  }
  for (const name of ["Critical", "Standard", "Sheddable"]) {
    assert.ok(Math.abs(counts.get(name)! - 1000) < 100, `${name} ${counts.get(name)}`);
  }
  assert.ok(Math.abs(counts.get("large")! - 1500) < 100);
});

test("a conversation keeps its criticality", () => {
  const source = withCriticalities(CHAT).source(1);
  for (let i = 0; i < 20; i++) {
    const first = source.first(i);
    assert.equal(source.next(first)!.request.criticality, first.criticality);
  }
});

test("goodput is what began within 5 s, of what came after the first minute", () => {
  const counter = new GoodputCounter();
  const flight = (arrivalMs: number, ttftMs: number): Flight => {
    const traffic = { criticality: "Critical", tenant: 0 };
    return { arrivalMs, firstTokenMs: arrivalMs + ttftMs, traffic } as unknown as Flight;
  };
  counter.answered(flight(59_999, 1));
  counter.answered(flight(61_000, 5000));
  counter.answered(flight(62_000, 5001));
  counter.failed(flight(64_000, 0));
  const { all, Critical, Standard, smallTenants } = counter.figures();
  assert.deepEqual(all, Critical);
  assert.deepEqual([all.requestsPerS, all.goodPerS], [3 / 4, 1 / 4]);
  assert.deepEqual([all.inTimeShare, all.refusedShare], [1 / 3, 1 / 3]);
  assert.deepEqual([all.ttftMs.mean, all.ttftMs.p99], [5000.5, 5001]);
  assert.deepEqual([Standard.requestsPerS, smallTenants.inTimeShare], [0, 0]);
});

function request(id: string, priority: number): EngineRequest<string> {
  return { id, promptTokens: 100, outputTokens: 1, blockHashes: [], priority, owner: id };
}

test("an engine that schedules by priority serves the urgent first, then as they came", () => {
  for (const [priorityScheduling, expected] of [
    [false, "abcd"],
    [true, "bdca"],
  ] as const) {
    const base = profile("qwen3-32b-2xh100-v1");
    const engine = new Engine<string>({ ...base, maxRunning: 1, priorityScheduling });
    const priorities = { a: 2, b: 0, c: 1, d: 0 };
    Object.entries(priorities).forEach(([id, priority], at) => {
      engine.submit(request(id, priority), at);
    });
    let order = "";
    for (let step = engine.step(10); step !== null; step = engine.step(10)) {
      order += step.first.map(({ owner }) => owner).join("");
    }
    assert.equal(order, expected);
  }
});

/** One pod that gets twice what it can do, for two minutes. */
function overload(rule: string, filterConfig: Record<string, unknown> = {}): RunResult {
  return run({
    traffic: withCriticalities(ZIPF),
    load: { ratePerS: 8 },
    pods: 1,
    conversations: 960,
    seed: 1,
    metricsAgeMs: 50,
    filterConfig,
    rule: RULES.get(rule)!,
  });
}

for (const rule of ["warmroute", "gateway-queue"]) {
  test(`${rule} refuses by urgency, and loses no request`, () => {
    const { figures, requests, inFlightAtEnd } = overload(rule);
    assert.equal(inFlightAtEnd, 0);
    assert.equal(figures.answers + figures.errors, requests);
    const { Critical, Standard, Sheddable } = figures.goodput!;
    assert.equal(Critical.refusedShare, 0);
    assert.ok(Sheddable.refusedShare > Standard.refusedShare);
    assert.ok(Standard.refusedShare > 0);
  });
}

test("without admission goodput falls", () => {
  const graded = overload("warmroute").figures.goodput!.all.goodPerS;
  const none = { saturationMs: 3_600_000, standardSaturationMs: 0 };
  const { figures } = overload("warmroute", none);
  assert.equal(figures.errors, 0);
  assert.ok(figures.goodput!.all.goodPerS < graded / 2);
});
