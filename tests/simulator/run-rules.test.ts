// What holds for every rule on every workload: no request is lost, and a seed repeats its run.
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { RoutedRequest } from "../../simulator/rules/rule.js";
import { RULES } from "../../simulator/rules/index.js";
import { TRAFFIC } from "../../simulator/traffic/index.js";
import { shortRun } from "./run-support.js";

/** Of a run; conversations are whole, and agents' prompts long. */
const REQUESTS = 48;
/** The queue gives up what has waited too long; tests/simulator/overload.test.ts has it. */
const rules = [...RULES.keys()].filter((rule) => rule !== "gateway-queue");

interface Routed {
  number: number;
  pod: number;
  atMs: number;
  conversation: number;
  prompt: string;
}

function collect(into: Routed[]): (request: RoutedRequest, atMs: number) => void {
  return ({ number, pod, traffic }, atMs) =>
    into.push({
      number,
      pod,
      atMs,
      conversation: traffic.conversation,
      prompt: JSON.stringify([traffic.messages, traffic.outputTokens]),
    });
}

for (const [workload, { turns, pods }] of TRAFFIC) {
  const conversations = REQUESTS / turns;
  const promptsOf: string[][] = [];

  describe(workload, () => {
    for (const rule of rules) {
      test(`${rule}: every request goes to a pod and ends, each time the same`, () => {
        const routed: Routed[] = [];
        const onRouted = collect(routed);
        const result = shortRun({ workload, rule, seed: 7, conversations, onRouted });
        assert.equal(result.requests, REQUESTS);
        assert.equal(result.figures.errors, 0);
        assert.equal(result.inFlightAtEnd, 0);
        assert.deepEqual(
          routed.map(({ number }) => number),
          Array.from({ length: REQUESTS }, (_, i) => i),
        );
        assert.ok(routed.every(({ pod }) => Number.isInteger(pod) && pod >= 0 && pod < pods));
        const used = new Set(routed.map(({ pod }) => pod)).size;
        // Three agents may well share the pod that has their tools.
        if (rule === "warmroute" && workload !== "agent") assert.ok(used > 1, "all on one pod");
        assert.deepEqual(shortRun({ workload, rule, seed: 7, conversations }), result);
        promptsOf.push(routed.map(({ prompt }) => prompt).sort());
      });
    }

    test("every rule meets the same prompts, another seed others", () => {
      assert.equal(promptsOf.length, rules.length);
      for (const prompts of promptsOf) assert.deepEqual(prompts, promptsOf[0]);
      const routed: Routed[] = [];
      const onRouted = collect(routed);
      shortRun({ workload, rule: "random", seed: 8, conversations, onRouted });
      assert.notDeepEqual(routed.map(({ prompt }) => prompt).sort(), promptsOf[0]);
    });
  });
}

test("an open loop's arrivals do not depend on the rule", () => {
  const arrivals = ["round-robin", "warmroute"].map((rule) => {
    const routed: Routed[] = [];
    shortRun({ workload: "zipf", rule, conversations: 200, onRouted: collect(routed) });
    return routed.map(({ atMs, prompt }) => [atMs, prompt]);
  });
  assert.deepEqual(arrivals[0], arrivals[1]);
});

test("the filter finds the warm pods: most of a group's prompt is cached", () => {
  const [warm, cold] = ["warmroute", "round-robin"].map((rule) =>
    shortRun({ workload: "groups", rule, conversations: 1500 }),
  );
  assert.ok(warm!.figures.cachedShare > 0.75, `warm: ${warm!.figures.cachedShare}`);
  assert.ok(cold!.figures.cachedShare < 0.35, `round robin: ${cold!.figures.cachedShare}`);
  assert.ok(warm!.figures.ttftMs.mean * 10 < cold!.figures.ttftMs.mean);
});
