// Several gateways and several workers before the same pods: what each sees, and what sharing is
// worth. The exchange between gateways is tested by a timetable worked out by hand.
import assert from "node:assert/strict";
import { test } from "node:test";
import { Exchange } from "../../simulator/rules/exchange.js";
import { leastInFlight } from "../../simulator/rules/least-in-flight.js";
import { RULES } from "../../simulator/rules/index.js";
import type { RoutedRequest, Rule, RuleView } from "../../simulator/rules/rule.js";
import { run } from "../../simulator/run/run.js";
import type { RunOptions, RunResult } from "../../simulator/run/run-options.js";
import { TRAFFIC } from "../../simulator/traffic/index.js";

interface Options extends Partial<RunOptions> {
  workload: string;
}

function shortRun({ workload, ...more }: Options): RunResult {
  const traffic = TRAFFIC.get(workload)!;
  return run({
    traffic,
    load: traffic.load,
    pods: traffic.pods,
    conversations: 60,
    seed: 3,
    metricsAgeMs: 50,
    rule: RULES.get("warmroute")!,
    ...more,
  });
}

const LOAD = { inFlight: 3, unprefilled: 2, backlogTokens: 500, kvTokens: 900 };
const NOTHING = { inFlight: 0, unprefilled: 0, backlogTokens: 0, kvTokens: 0 };

test("the exchange brings each batch to each other gateway once, so late as it is told to", () => {
  const exchange = new Exchange(3, 50);
  const batch = (text: string): Buffer => Buffer.from(text);
  const texts = (gateway: number, nowMs: number): string =>
    Buffer.concat(exchange.records(gateway, nowMs)).toString();
  exchange.publish(0, 100, batch("a"), new Map());
  exchange.publish(1, 120, batch("b"), new Map());
  exchange.publish(0, 130, batch(""), new Map());
  assert.deepEqual([texts(2, 149), texts(2, 150), texts(2, 169)], ["", "a", ""]);
  exchange.publish(2, 180, batch("c"), new Map());
  assert.deepEqual([texts(0, 500), texts(1, 500), texts(2, 500)], ["bc", "ac", "b"]);
  for (let i = 0; i < 1000; i++) {
    exchange.publish(0, 1000 + i, batch(`${i} `), new Map());
    assert.equal(texts(1, 1000 + i), i < 50 ? "" : `${i - 50} `);
    if (i % 100 === 99) assert.equal(texts(2, 1000 + i).split(" ").length, i === 99 ? 51 : 101);
  }
});

test("the exchange keeps an answer within 1 MiB and brings the rest with the next", () => {
  const exchange = new Exchange(2, 0);
  for (let i = 0; i < 5; i++) exchange.publish(0, i, Buffer.alloc(300 * 1024, i), new Map());
  const sizes = Array.from({ length: 3 }, () => exchange.records(1, 10).length);
  assert.deepEqual(sizes, [3, 2, 0]);
});

test("the exchange adds up the others' newest load that is old enough", () => {
  const exchange = new Exchange(3, 50);
  exchange.publish(0, 0, Buffer.alloc(0), new Map([[7, LOAD]]));
  exchange.publish(1, 10, Buffer.alloc(0), new Map([[7, LOAD]]));
  exchange.publish(0, 40, Buffer.alloc(0), new Map([[6, LOAD]]));
  const twice = { inFlight: 6, unprefilled: 4, backlogTokens: 1000, kvTokens: 1800 };
  assert.deepEqual(exchange.load(2, 7, 49), NOTHING);
  assert.deepEqual(exchange.load(2, 7, 50), LOAD);
  assert.deepEqual(exchange.load(2, 7, 60), twice);
  assert.deepEqual(exchange.load(1, 7, 60), LOAD);
  // The first gateway has none there any more.
  assert.deepEqual([exchange.load(2, 7, 90), exchange.load(2, 6, 90)], [LOAD, LOAD]);
});

test("each gateway has a rule of its own, which sees its own requests in flight", () => {
  const open = new Map<RuleView, number[]>();
  const requests: number[] = [];
  const counting = (view: RuleView): Rule => {
    const counts = view.addresses.map(() => 0);
    open.set(view, counts);
    const inner = leastInFlight(view);
    const check = (): void =>
      counts.forEach((count, pod) => assert.equal(view.inFlight(pod), count));
    return {
      pick: (request: RoutedRequest, nowMs: number) => {
        check();
        requests[view.gateway] = (requests[view.gateway] ?? 0) + 1;
        const pod = inner.pick(request, nowMs);
        counts[pod]!++;
        return pod;
      },
      onFinish: (request: RoutedRequest) => {
        counts[request.pod]!--;
        check();
      },
    };
  };
  const result = shortRun({ workload: "zipf", conversations: 800, gateways: 4, rule: counting });
  assert.equal(result.requests, 800);
  assert.equal(open.size, 4);
  for (const counts of open.values()) assert.ok(counts.every((count) => count === 0));
  // 200 each on average; 4 standard deviations of a binomial are 49.
  for (const count of requests) assert.ok(Math.abs(count - 200) < 49, `${count}`);
});

test("several workers and gateways lose no request, and a seed repeats its run", () => {
  const options = { workload: "zipf", workers: 3, gateways: 2, shareLagMs: 20, conversations: 200 };
  const one = shortRun(options);
  assert.deepEqual(shortRun(options), one);
  assert.equal(one.requests, 200);
  assert.deepEqual([one.inFlightAtEnd, one.figures.errors], [0, 0]);
  assert.notDeepEqual(shortRun({ ...options, seed: 4 }), one);
  assert.notDeepEqual(shortRun({ ...options, workers: 2 }), one);
  assert.notDeepEqual(shortRun({ ...options, shareLagMs: 500 }), one);
});

test("gateways that share find conversations like one gateway, those alone do not", () => {
  const cached = (more: Partial<RunOptions>): number =>
    shortRun({ workload: "chat", ...more }).figures.cachedShare;
  const one = cached({});
  // The first turn of a chat and each new question are cold; the turns before are not.
  assert.ok(one > 0.75, `${one}`);
  for (const more of [{ workers: 4 }, { gateways: 4, shareLagMs: 50 }]) {
    const shared = cached(more);
    assert.ok(shared > one - 0.03, `${JSON.stringify(more)}: ${shared} of ${one}`);
  }
  const alone = cached({ gateways: 4 });
  assert.ok(alone < one - 0.2, `alone: ${alone} of ${one}`);
});
