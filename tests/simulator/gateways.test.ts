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

/** A gateway's report by docs/table-format.md, with one record of hash `hash`; 0: none. */
function report(gateway: number, next: number, hash: number, pods: object[] = []): Buffer {
  const id = `${gateway}`.repeat(16);
  const records = { sidecar: `${gateway + 1}`.padStart(16, "0"), next };
  const json = Buffer.from(JSON.stringify({ incarnation: id, records, pods }));
  const head = Buffer.alloc(16);
  head.write("WRR1", "latin1");
  head.writeUInt32LE(json.length, 4);
  const record = Buffer.alloc(hash === 0 ? 0 : 24);
  head.writeUInt32LE(record.length, 8);
  if (hash === 0) return Buffer.concat([head, json]);
  record.writeUInt16LE(24, 0);
  record.writeUInt8(1, 2);
  record.writeUInt16LE(7, 8);
  record.writeUInt16LE(1, 10);
  record.writeBigUInt64LE(BigInt(hash), 12);
  return Buffer.concat([head, json, record]);
}

function hashesIn(records: Buffer[]): number[] {
  const all = Buffer.concat(records);
  return Array.from({ length: all.length / 24 }, (_, i) =>
    Number(all.readBigUInt64LE(i * 24 + 12)),
  );
}

const ADDRESSES = Array.from({ length: 8 }, (_, pod) => `10.0.0.${pod}:80`);

test("the exchange brings each record to each other gateway once, so late as it is told to", () => {
  const exchange = new Exchange(3, 50, ADDRESSES);
  const cursors = [0, 0, 0];
  const say = (gateway: number, nowMs: number, hash = 0): number[] => {
    const answer = exchange.answer(gateway, nowMs, report(gateway, cursors[gateway]!, hash));
    cursors[gateway] = answer.nextBatch;
    return hashesIn(answer.records);
  };
  say(0, 100, 11);
  say(1, 120, 12);
  assert.deepEqual([say(2, 149), say(2, 150), say(2, 169)], [[], [11], []]);
  assert.deepEqual(say(2, 180, 13), [12]);
  assert.deepEqual([say(0, 500), say(1, 500), say(2, 500)], [[12, 13], [11, 13], []]);
  for (let i = 0; i < 3000; i++) {
    say(0, 1000 + i, 100 + i);
    assert.deepEqual(say(1, 1000 + i), i < 50 ? [] : [50 + i]);
    if (i % 100 === 99) assert.equal(say(2, 1000 + i).length, i === 99 ? 50 : 100);
  }
});

test("the exchange adds up the others' newest load that is old enough", () => {
  const exchange = new Exchange(3, 50, ADDRESSES);
  const say = (gateway: number, nowMs: number, pods: object[] = []) =>
    exchange.answer(gateway, nowMs, report(gateway, 0, 0, pods));
  say(0, 0, [{ n: 7, ...LOAD }]);
  say(1, 10, [{ n: 7, ...LOAD }]);
  say(0, 40, [{ n: 6, ...LOAD }]);
  const twice = { inFlight: 6, unprefilled: 4, backlogTokens: 1000, kvTokens: 1800 };
  assert.deepEqual(say(2, 49).load(7), NOTHING);
  assert.deepEqual(say(2, 50).load(7), LOAD);
  assert.deepEqual(say(2, 60).load(7), twice);
  // The first gateway has none there any more.
  const late = say(2, 90);
  assert.deepEqual([late.load(7), late.load(6)], [LOAD, LOAD]);
  // One that has been silent for longer than 3 s is gone.
  const later = say(2, 3100);
  assert.deepEqual([later.load(7), later.load(6)], [NOTHING, NOTHING]);
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
