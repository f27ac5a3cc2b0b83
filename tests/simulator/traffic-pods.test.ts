// Pods that die, drain, restart, join and hold adapters: who may be picked, and what becomes of
// the requests.
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { Engine } from "../../simulator/engine/engine.js";
import type { EngineConfig } from "../../simulator/engine/options.js";
import { RULES } from "../../simulator/rules/index.js";
import type { RoutedRequest } from "../../simulator/rules/rule.js";
import { TRAFFIC } from "../../simulator/traffic/index.js";
import type { PodEvent, Traffic } from "../../simulator/traffic/traffic.js";
import { shortRun } from "./run-support.js";

/** 24 requests a second for 8 s. */
const CONVERSATIONS = 192;
/** The queue gives up what has waited too long; tests/simulator/overload.test.ts has it. */
const rules = [...RULES.keys()].filter((rule) => rule !== "gateway-queue");
const POD = 3;
/** Some 8 s: each pod has some when it dies. */
const LONG_TOKENS = 400;
/** Some 1.5 s: what a draining pod has is done before it restarts. */
const SHORT_TOKENS = 80;

/** zipf on 8 pods to which that happens, all answers streamed or none. */
function traffic(
  podEvents: PodEvent[],
  { isStreamed = true, outputTokens = LONG_TOKENS } = {},
): Traffic {
  const base = TRAFFIC.get("pod-dies")!;
  const source: Traffic["source"] = (seed) => ({
    first: (conversation) => ({
      ...base.source(seed).first(conversation),
      isStreamed,
      outputTokens,
    }),
    next: () => null,
  });
  return { ...base, podEvents: () => podEvents, source };
}

interface Pick {
  request: RoutedRequest;
  picked: number;
  atMs: number;
}

function runWith(workload: Traffic, rule: string) {
  const picks: Pick[] = [];
  const onRouted = (request: RoutedRequest, atMs: number): void => {
    picks.push({ request, picked: request.pod, atMs });
  };
  const result = shortRun({ workload, rule, conversations: CONVERSATIONS, onRouted });
  assert.equal(result.requests, CONVERSATIONS);
  assert.equal(result.inFlightAtEnd, 0);
  const between = (fromMs: number, toMs: number): Pick[] =>
    picks.filter(({ picked, atMs }) => picked === POD && atMs >= fromMs && atMs < toMs);
  return { ...result, picks, between };
}

for (const rule of rules) {
  describe(rule, () => {
    test("a dead pod is picked for a second at most, those requests end elsewhere", () => {
      const { picks, between, figures } = runWith(
        traffic([{ atMs: 3000, pod: POD, kind: "die" }]),
        rule,
      );
      const later = between(4000, Infinity);
      // The filter tries an ejected pod again after 1, 2, 4 s and so on, with a request each.
      assert.ok(later.length <= (rule === "warmroute" ? 4 : 0), `${later.length} picks`);
      assert.ok(later.every(({ request }) => request.pod !== POD && request.attempts === 2));
      for (const { request } of between(3000, 4000)) {
        assert.ok(request.pod !== POD && request.attempts === 2 && request.cachedTokens >= 0);
      }
      // Streams that it was computing have their headers: only those are lost.
      const lost = picks.filter(({ request }) => request.pod === POD && request.attempts === 1);
      assert.ok(figures.errors > 0 && figures.errors <= lost.length, `${figures.errors} errors`);
    });

    test("whole answers that a dead pod was computing come from another pod", () => {
      const { between, figures } = runWith(
        traffic([{ atMs: 3000, pod: POD, kind: "die" }], { isStreamed: false }),
        rule,
      );
      assert.equal(figures.errors, 0);
      assert.ok(between(0, 3000).some(({ request }) => request.pod !== POD));
    });

    test("a draining pod gets nothing new, one that restarts gets requests again", () => {
      const events: PodEvent[] = [
        { atMs: 1000, pod: POD, kind: "drain" },
        { atMs: 4000, pod: POD, kind: "start" },
      ];
      const { between, figures } = runWith(traffic(events, { outputTokens: SHORT_TOKENS }), rule);
      assert.deepEqual(between(1300, 4300), []);
      assert.ok(between(0, 1000).length > 0, "none before");
      assert.ok(between(4300, Infinity).length > 0, "none after");
      // The restart ends the old process: nothing may be left on it by then.
      assert.equal(figures.errors, 0);
    });

    test("a pod that joins is not picked before it is ready", () => {
      const { between } = runWith(traffic([{ atMs: 4000, pod: POD, kind: "start" }]), rule);
      assert.deepEqual(between(0, 4300), []);
      assert.ok(between(4300, Infinity).length > 0);
    });

    test("where no pod is left, every request is an error and none is lost", () => {
      const all = Array.from({ length: 8 }, (_, pod): PodEvent => ({ atMs: 0, pod, kind: "die" }));
      const { figures } = runWith(traffic(all), rule);
      assert.equal(figures.errors, CONVERSATIONS);
    });
  });
}

test("a restarted pod is cold: what it had computed is computed again", () => {
  const one = (podEvents: PodEvent[]): number => {
    const workload = { ...traffic(podEvents), pods: 1, load: { concurrency: 4 } };
    return shortRun({ workload, rule: "warmroute", conversations: 200 }).figures.cachedShare;
  };
  const warm = one([]);
  const cold = one([
    { atMs: 30_000, pod: 0, kind: "die" },
    { atMs: 30_001, pod: 0, kind: "start" },
  ]);
  assert.ok(cold < warm - 0.03, `${cold} with a restart, ${warm} without`);
});

describe("LoRA adapters of an engine", () => {
  const CONFIG: EngineConfig = {
    scheduler: "v1",
    kvTokens: 16_000,
    maxAdapters: 2,
    adapterLoadMs: 500,
    timing: { stepMs: 10, prefillStepMs: 0, prefillTokenMs: 0, sequenceMs: 0, kvTokenMs: 0 },
  };
  const engineWith = (adapters: readonly string[], outputTokens: number): Engine<null> => {
    const engine = new Engine<null>(CONFIG);
    for (const adapter of adapters) submit(engine, adapter, outputTokens);
    return engine;
  };
  const submit = (engine: Engine<null>, adapter: string, outputTokens: number): void => {
    const request = { id: adapter, promptTokens: 20, outputTokens, blockHashes: [], owner: null };
    engine.submit({ ...request, adapter }, 0);
  };

  test("a third adapter waits, requests of those at work overtake it", () => {
    const engine = engineWith(["a", "b", "c", "a"], 2);
    assert.equal(engine.startStep(0), 1010, "two adapters are loaded");
    const ids = engine.running.map(({ request }) => request.id);
    assert.deepEqual([ids, engine.waiting.length], [["a", "b", "a"], 1]);
    engine.endStep();
    assert.equal(engine.startStep(1010), 10);
    engine.endStep();
    assert.equal(engine.startStep(1020), 510, "the third is loaded once a slot is free");
    assert.deepEqual(engine.adapters.held, ["a", "c"], "b was used less recently");
  });

  test("an adapter that is held costs nothing", () => {
    const engine = engineWith(["a"], 1);
    assert.equal(engine.startStep(0), 510);
    engine.endStep();
    submit(engine, "a", 1);
    assert.equal(engine.startStep(510), 10);
  });
});

test("lora: the filter keeps adapters where they are, round robin loads them all the time", () => {
  const [filter, other] = ["warmroute", "round-robin"].map(
    (rule) => shortRun({ workload: "lora", rule, conversations: 400 }).figures.ttftMs.mean,
  );
  assert.ok(filter! * 4 < other!, `${filter} ms, round robin ${other}`);
});

test("mixed-pods: the slow pod gets about half as many requests as another", () => {
  const counts = new Array<number>(8).fill(0);
  shortRun({
    workload: "mixed-pods",
    rule: "marginal-delay",
    conversations: 1200,
    onRouted: ({ pod }) => counts[pod]!++,
  });
  assert.ok(counts[0]! < 150 * 0.75, String(counts));
});
