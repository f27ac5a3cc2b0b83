// The cadence of scrapes in virtual time: jitter, slots, budget, pods that hang, backoff.
import assert from "node:assert/strict";
import { mock, type TestContext, test } from "node:test";
import { type LoopLimits, ScrapeLoop } from "../../../sidecar-metrics/src/scrape/scrape-loop.js";

interface World {
  loop: ScrapeLoop;
  nowMs: () => number;
  /** Lets time pass one millisecond at a time. */
  pass: (ms: number) => Promise<void>;
}

function world(t: TestContext, limits: Partial<LoopLimits>, seed = 1): World {
  mock.timers.enable({ apis: ["setTimeout"] });
  let nowMs = 0;
  let state = seed;
  const random = (): number => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 32;
  };
  const clock = { nowMs: () => nowMs, unixMs: () => nowMs, random };
  const all = { intervalMs: 50, concurrency: 64, budgetPerSecond: 100_000, ...limits };
  const loop = new ScrapeLoop(all, clock);
  t.after(() => {
    loop.stop();
    mock.timers.reset();
  });
  const pass = async (ms: number): Promise<void> => {
    for (let i = 0; i < ms; i++) {
      nowMs++;
      mock.timers.tick(1);
      // A scrape that ends at once has a few promises behind it.
      for (let turn = 0; turn < 5; turn++) await Promise.resolve();
    }
  };
  return { loop, nowMs: () => nowMs, pass };
}

test("a pod is scraped once an interval, and two pods do not march in step", async (t) => {
  const { loop, nowMs, pass } = world(t, {});
  const times: number[][] = [[], []];
  for (const pod of times) {
    loop.add(pod, async () => {
      pod.push(nowMs());
      return true;
    });
  }
  await pass(5_000);
  for (const pod of times) {
    assert.ok(pod.length >= 90 && pod.length <= 110, `${pod.length} scrapes`);
    const gaps = pod.slice(1).map((at, index) => at - (pod[index] ?? 0));
    assert.ok(
      gaps.every((gap) => gap >= 44 && gap <= 57),
      gaps.join(" "),
    );
    assert.ok(new Set(gaps).size > 3, "the gaps vary");
  }
  assert.notDeepEqual(times[0], times[1]);
});

test("never more scrapes at once than slots, and every pod gets its turn", async (t) => {
  const { loop, pass } = world(t, { concurrency: 4 });
  let active = 0;
  let activeMax = 0;
  const counts = Array.from({ length: 20 }, () => 0);
  counts.forEach((_, pod) => {
    loop.add({}, async () => {
      activeMax = Math.max(activeMax, ++active);
      await new Promise((resolve) => setTimeout(resolve, 20));
      active--;
      counts[pod] = (counts[pod] ?? 0) + 1;
      return true;
    });
  });
  await pass(3_000);
  assert.equal(activeMax, 4);
  assert.ok(Math.min(...counts) >= 25, counts.join(" "));
});

test("the budget holds over all pods, and is shared evenly", async (t) => {
  const { loop, pass } = world(t, { budgetPerSecond: 100 });
  const counts = Array.from({ length: 50 }, () => 0);
  counts.forEach((_, pod) => {
    loop.add({}, async () => {
      counts[pod] = (counts[pod] ?? 0) + 1;
      return true;
    });
  });
  await pass(10_000);
  const total = counts.reduce((sum, count) => sum + count);
  assert.ok(total >= 980 && total <= 1_020, `${total} scrapes in 10 s`);
  assert.ok(Math.min(...counts) >= 18 && Math.max(...counts) <= 22, counts.join(" "));
});

test("pods that hang do not slow the others down", async (t) => {
  const { loop, pass } = world(t, { concurrency: 8 });
  for (let pod = 0; pod < 50; pod++) {
    loop.add({}, async () => {
      await new Promise((resolve) => setTimeout(resolve, 500));
      return false;
    });
  }
  let healthy = 0;
  loop.add({}, async () => {
    healthy++;
    return true;
  });
  // Until the hanging ones have failed often enough to be known, they hold every slot.
  await pass(15_000);
  healthy = 0;
  await pass(5_000);
  assert.ok(healthy >= 90, `${healthy} scrapes of the healthy pod in 5 s`);
});

test("a failing pod is asked ever less often, but each second, until it is back", async (t) => {
  const { loop, nowMs, pass } = world(t, {});
  let isUp = false;
  const times: number[] = [];
  loop.add({}, async () => {
    times.push(nowMs());
    return isUp;
  });
  await pass(10_000);
  const gaps = times.slice(1).map((at, index) => at - (times[index] ?? 0));
  assert.ok((gaps[0] ?? 0) <= 57 && (gaps[1] ?? 0) <= 57, "two failures change nothing");
  const last = gaps.at(-1) ?? 0;
  assert.ok(last >= 890 && last <= 1_110, `${last} ms`);
  isUp = true;
  await pass(1_200);
  const before = times.length;
  await pass(1_000);
  assert.ok(times.length - before >= 17, "the full cadence again");
});

test("a removed pod is not scraped again; it may come back during its last scrape", async (t) => {
  const { loop, pass } = world(t, {});
  const key = {};
  let count = 0;
  loop.add(key, async () => {
    count++;
    await new Promise((resolve) => setTimeout(resolve, 30));
    return true;
  });
  await pass(60);
  loop.remove(key);
  const atRemoval = count;
  await pass(500);
  assert.equal(count, atRemoval);
  loop.add(key, async () => {
    count += 100;
    return true;
  });
  await pass(200);
  assert.ok(count >= 300);
});
