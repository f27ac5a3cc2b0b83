// The pick: scenarios by hand, and random pools against the plain cost of tests/unit/pick/world.ts.
import { Endpoint, MISSING } from "../../../filter/load/endpoint";
import { rendezvous } from "../../../filter/pick/pick";
import { Random } from "../prefix/random";
import { counts, expectNear, NaiveCost, NOW_MS, World } from "./world";

describe("idle pods without a match", () => {
  test("are picked fairly over 1,000 prompts", () => {
    const picked = counts(new World(5), 1000);
    // 200 each; the standard deviation is 12.6.
    for (let i = 0; i < picked.length; i++) {
      expect(picked[i]).toBeGreaterThan(140);
      expect(picked[i]).toBeLessThan(260);
    }
  });

  test("are picked the same for the same prompt", () => {
    const world = new World(5);
    for (let seed: u64 = 1; seed < 200; seed++) {
      world.query.tieSeed = seed * 0x9e3779b97f4a7c15;
      const first = world.pick();
      expect(world.pick()).toBe(first);
    }
  });

  test("keep their prompts when another pod leaves", () => {
    const world = new World(5);
    const before: Array<i32> = [];
    for (let seed: u64 = 0; seed < 500; seed++) {
      world.query.tieSeed = new Random(seed + 1).next();
      before.push(world.pick());
    }
    world.at(3).mayBePicked = false;
    world.endpoints.listPickable();
    for (let seed: u64 = 0; seed < 500; seed++) {
      world.query.tieSeed = new Random(seed + 1).next();
      const after = world.pick();
      if (before[<i32>seed] != 3) expect(after).toBe(before[<i32>seed]);
      else expect(after).not.toBe(3);
    }
  });

  test("rank differently for each prompt: all orders of three occur", () => {
    const seen = new Set<u32>();
    for (let seed: u64 = 1; seed < 100; seed++) {
      const a = rendezvous(seed, 0);
      const b = rendezvous(seed, 1);
      const c = rendezvous(seed, 2);
      seen.add((a > b ? 1 : 0) + (b > c ? 2 : 0) + (a > c ? 4 : 0));
    }
    expect(seen.size).toBe(6);
  });
});

describe("a match", () => {
  test("wins among idle pods, and is told", () => {
    const world = new World(4);
    world.holds(1, 3);
    world.holds(2, 9);
    for (let seed: u64 = 1; seed < 50; seed++) {
      world.query.tieSeed = seed;
      expect(world.pick()).toBe(2);
    }
    expect(world.answer.matchedTokens).toBe(900);
    expect(world.answer.matchedTokensMax).toBe(900);
    // The second holds 300 tokens.
    expect(world.answer.second).toBe(1);
    // 100 tokens of 62 µs.
    expectNear(world.answer.firstDelay, 0.0062);
  });

  test("wins although its pod is busy, while it still answers sooner", () => {
    const world = new World(2);
    world.holds(0, 9);
    world.own(0, 1, 500, 1300);
    world.scrape(0, 0, 1, 0.01);
    // There: 31 ms of backlog, 6.2 ms of prefill. Elsewhere: 62 ms.
    expect(world.pick()).toBe(0);
    expectNear(world.answer.firstDelay, 0.0372);
  });

  test("loses when another pod answers sooner", () => {
    const world = new World(2);
    world.holds(0, 9);
    world.own(0, 1, 20000, 21300);
    world.scrape(0, 0, 1, 0.07);
    // There: 1.24 s of backlog.
    expect(world.pick()).toBe(1);
    expect(world.answer.matchedTokens).toBe(0);
    expect(world.answer.matchedTokensMax).toBe(900);
    expect(world.answer.second).toBe(0);
  });

  test("of a pod whose cache is off is none", () => {
    const world = new World(2);
    world.holds(0, 9);
    world.holds(1, 1);
    world.at(0).isCacheOff = true;
    expect(world.pick()).toBe(1);
    expect(world.answer.matchedTokensMax).toBe(100);
  });

  test("of the whole prompt leaves one token to compute", () => {
    const world = new World(2);
    world.holds(1, 10);
    expect(world.pick()).toBe(1);
    expectNear(world.answer.firstDelay, 62e-6);
    // Tokens are estimated, so a match may even seem longer than the prompt.
    world.holds(1, 12);
    expect(world.pick()).toBe(1);
    expectNear(world.answer.firstDelay, 62e-6);
  });
});

describe("load alone", () => {
  test("prefers the shorter backlog", () => {
    const world = new World(3);
    world.own(0, 2, 4000, 5000);
    world.own(1, 2, 1000, 5000);
    world.own(2, 2, 2000, 5000);
    for (let pod: u32 = 0; pod < 3; pod++) world.scrape(pod, 0, 2, 0.02);
    expect(world.pick()).toBe(1);
    expect(world.answer.second).toBe(2);
  });

  test("counts the other workers' requests like our own", () => {
    const world = new World(2);
    world.at(0).otherInFlight = 3;
    world.at(0).otherBacklogTokens = 3000;
    expect(world.pick()).toBe(1);
  });

  test("lets a pod at 98 % of its KV cache and an empty queue lose to one at 20 %", () => {
    const world = new World(2);
    for (let pod: u32 = 0; pod < 2; pod++) world.at(pod).capacityTokens = 84000;
    for (let turn: u64 = 1; turn < 50; turn++) {
      world.query.tieSeed = turn;
      world.scrape(0, 0, 12, 0.98);
      world.scrape(1, 0, 12, 0.2);
      expect(world.pick()).toBe(1);
      world.scrape(0, 0, 12, 0.2);
      world.scrape(1, 0, 12, 0.98);
      expect(world.pick()).toBe(0);
    }
  });

  test("does so also where the page lacks capacity, or who runs there", () => {
    const world = new World(2);
    for (let turn: u64 = 1; turn < 50; turn++) {
      world.query.tieSeed = turn;
      world.at(0).capacityTokens = world.at(1).capacityTokens = 0;
      world.scrape(0, 0, 12, 0.98);
      world.scrape(1, 0, 12, 0.2);
      expect(world.pick()).toBe(1);
      world.at(0).capacityTokens = world.at(1).capacityTokens = 60000;
      world.scrape(0, 0, MISSING, 0.98);
      world.scrape(1, 0, MISSING, 0.2);
      expect(world.pick()).toBe(1);
      // Room for this one is left, but a pod that is nearly full preempts soon.
      world.at(0).capacityTokens = world.at(1).capacityTokens = 305000;
      world.scrape(0, 0, 5, 0.98);
      world.scrape(1, 0, 8, 0.2);
      expect(world.pick()).toBe(1);
    }
  });

  test("prefers a pod with room for prompt and answer, by our own count without a page", () => {
    const world = new World(2);
    for (let pod: u32 = 0; pod < 2; pod++) {
      world.at(pod).capacityTokens = 50000;
      world.at(pod).scrapedAtMs = 0;
      world.own(pod, 10, 0, 10000);
    }
    world.own(0, 10, 0, 49000);
    expect(world.pick()).toBe(1);
  });

  test("measures the wait for room by others' answers, however short ours is to be", () => {
    const world = new World(2);
    world.query.maxOutputTokens = 1;
    world.at(0).capacityTokens = world.at(1).capacityTokens = 84000;
    world.scrape(0, 0, 12, 1);
    world.scrape(1, 0, 40, 0.2);
    // On the full pod 1,001 + 12 · 150 tokens are missing; 12 answers give back 1,300 each 3.6 s.
    world.pick();
    expect(world.answer.first).toBe(1);
    world.at(1).mayBePicked = false;
    world.endpoints.listPickable();
    expect(world.pick()).toBe(0);
    expectNear(world.answer.firstDelay, (2801 * 3.6) / (12 * 1300) + 0.062);
  });
});

describe("within the slack", () => {
  test("the deeper match wins", () => {
    const world = new World(3);
    world.config.slackMs = 10;
    // 100 tokens of match are 6.2 ms less.
    world.holds(0, 1);
    world.holds(1, 2);
    world.own(1, 1, 50, 60);
    world.scrape(1, 0, 1, 0);
    for (let turn: u64 = 1; turn < 30; turn++) {
      world.query.tieSeed = turn;
      expect(world.pick()).toBe(1);
    }
  });

  test("then the fewest in flight, then the prompt", () => {
    const world = new World(4);
    world.config.slackMs = 1000;
    for (let pod: u32 = 0; pod < 4; pod++) {
      world.own(pod, pod < 2 ? 2 : 1, 0, 0);
      world.scrape(pod, 0, pod < 2 ? 2 : 1, 0);
    }
    const picked = counts(world, 400);
    expect(picked[0] + picked[1]).toBe(0);
    expect(picked[2]).toBeGreaterThan(140);
    expect(picked[3]).toBeGreaterThan(140);
  });

  test("of nothing the least cost wins, whatever it holds", () => {
    const world = new World(2);
    world.config.slackMs = 0;
    world.holds(0, 9);
    // 56.8 ms of backlog against 900 tokens of 62 µs, which are 55.8 ms, and α of the rest.
    world.own(0, 1, 916, 0);
    world.scrape(0, 0, 1, 0);
    expect(world.pick()).toBe(1);
  });
});

describe("the second address", () => {
  test("is the least cost but for the first", () => {
    const world = new World(4);
    const backlogs: i64[] = [3000, 9000, 6000, 12000];
    for (let pod: u32 = 0; pod < 4; pod++) world.own(pod, 1, backlogs[pod], 0);
    expect(world.pick()).toBe(0);
    expect(world.answer.second).toBe(2);
  });

  test("is cheaper than the first where the slack chose a deeper match", () => {
    const world = new World(2);
    world.config.slackMs = 1000;
    world.holds(1, 1);
    world.own(1, 3, 3000, 0);
    world.scrape(1, 0, 3, 0);
    expect(world.pick()).toBe(1);
    expect(world.answer.second).toBe(0);
  });

  test("is none for a pod alone, and nothing is picked from nothing", () => {
    const world = new World(1);
    expect(world.pick()).toBe(0);
    expect(world.answer.second).toBe(-1);
    world.at(0).mayBePicked = false;
    world.endpoints.listPickable();
    expect(world.pick()).toBe(-1);
    expect(world.answer.second).toBe(-1);
  });
});

describe("an overdue first byte", () => {
  test("adds its age to its pod's wait", () => {
    const world = new World(2);
    world.holds(0, 9);
    world.at(0).overdueCount = 1;
    world.at(0).overdueRoutedSumMs = NOW_MS - 1500;
    expect(world.pick()).toBe(1);
    world.at(1).mayBePicked = false;
    world.endpoints.listPickable();
    expect(world.pick()).toBe(0);
    expectNear(world.answer.firstDelay, 1.5 + 0.0062);
    expect(world.answer.isClear).toBe(false);
    world.at(0).overdueCount = 0;
    world.pick();
    expectNear(world.answer.firstDelay, 0.0062);
  });

  test("says nothing of a pod that computes: it is behind, not hung", () => {
    const world = new World(2);
    world.holds(0, 9);
    world.at(0).overdueCount = 1;
    world.at(0).overdueRoutedSumMs = NOW_MS - 60000;
    world.at(0).progressAtMs = NOW_MS - 999;
    expect(world.pick()).toBe(0);
    world.at(0).progressAtMs = NOW_MS - 1000;
    expect(world.pick()).toBe(1);
  });
});

/** A pool with everything drawn at random; every tenth figure is missing or odd. */
function randomWorld(random: Random): World {
  const world = new World(1 + random.below(12));
  const config = world.config;
  config.alpha = random.chance(1, 5) ? 0 : <f64>random.below(1000) / 500;
  config.slackMs = random.chance(1, 3) ? 0 : <f64>random.below(40);
  config.decodeUsPerSequence = <f64>random.below(500);
  config.decodeNsPerKvToken = <f64>random.below(500);
  world.rates.outputTokens = 1 + <f64>random.below(2000);
  world.rates.promptTokens = 1 + <f64>random.below(9000);
  world.rates.prefillSecondsPerToken = (1 + <f64>random.below(900)) * 1e-6;
  world.rates.secondsPerOutputToken = (1 + <f64>random.below(90)) * 1e-3;
  world.query.promptTokens = 1 + <f64>random.below(20000);
  world.query.maxOutputTokens = random.chance(1, 2) ? random.below(500) : 0;
  world.query.tieSeed = random.next();
  for (let number: u32 = 0; number < world.pods; number++) {
    const pod = world.at(number);
    pod.mayBePicked = random.chance(9, 10);
    pod.isCacheOff = random.chance(1, 10);
    pod.capacityTokens = random.chance(1, 10) ? 0 : random.below(300000);
    pod.otherInFlight = random.below(20);
    pod.ownUnprefilled = random.below(8);
    pod.otherUnprefilled = random.below(8);
    pod.otherBacklogTokens = random.below(9000);
    pod.otherKvTokens = random.below(90000);
    if (random.chance(1, 2)) {
      const told = random.below(70);
      world.share(number, told, random.below(9), random.below(9000), random.below(90000));
    }
    pod.overdueCount = random.chance(1, 8) ? 1 : 0;
    pod.overdueRoutedSumMs = NOW_MS - <f64>random.below(5000);
    pod.progressAtMs = NOW_MS - <f64>random.below(3000);
    pod.prefillTokens = <f64>random.below(50000);
    pod.prefillSeconds = pod.prefillTokens * 1e-6 * <f64>random.below(300);
    world.own(number, random.below(20), random.below(9000), random.below(90000));
    const waiting = random.chance(1, 10) ? MISSING : random.below(20);
    const running = random.chance(1, 10) ? MISSING : random.below(60);
    const kvUse = random.chance(1, 10) ? f32.NaN : <f32>random.below(1000) / 999;
    world.scrape(number, waiting, running, kvUse);
    pod.scrapedAtMs -= <f64>random.below(2200);
    world.holds(number, random.chance(1, 2) ? <u16>random.below(40) : 0);
  }
  world.endpoints.listPickable();
  return world;
}

/** Ours, the other VMs', and what other gateways told of. */
function inFlight(pod: Endpoint): i32 {
  return pod.ownInFlight + pod.otherInFlight + <i32>pod.sharedInFlight;
}

/** Costs that differ by less are equal, in seconds; negative where other gateways widen it. */
function slackOf(world: World, costs: Map<u32, NaiveCost>, deepest: f64): f64 {
  let theirs: f64 = 0;
  let all: f64 = 0;
  let soonest = Infinity;
  const numbers = costs.keys();
  for (let i = 0; i < numbers.length; i++) {
    theirs += <f64>world.at(numbers[i]).sharedInFlight;
    all += <f64>inFlight(world.at(numbers[i]));
    soonest = Math.min(soonest, costs.get(numbers[i]).firstToken);
  }
  const tokens = Math.max(world.query.promptTokens - deepest, 1);
  const prefill = tokens * world.rates.prefillSecondsPerToken;
  const own = world.config.slackMs / 1000;
  if (theirs == 0 || soonest >= 2 * prefill) return own;
  return -Math.max(own, (0.5 * prefill * theirs) / all);
}

/** Better within the slack, by the design's order; `counts`: requests in flight matter. */
function isBetter(world: World, a: u32, b: u32, counts: bool): bool {
  const matchedA = world.matched(a);
  const matchedB = world.matched(b);
  if (matchedA != matchedB) return matchedA > matchedB;
  const inFlightA = inFlight(world.at(a));
  const inFlightB = inFlight(world.at(b));
  if (counts && inFlightA != inFlightB) return inFlightA < inFlightB;
  return rendezvous(world.query.tieSeed, a) > rendezvous(world.query.tieSeed, b);
}

/** What the pick does otherwise than the plain arithmetic, or "". */
function fault(world: World): string {
  const costs = new Map<u32, NaiveCost>();
  let least = Infinity;
  let deepest: f64 = 0;
  for (let number: u32 = 0; number < world.pods; number++) {
    if (!world.at(number).mayBePicked) continue;
    const cost = new NaiveCost(world, number);
    costs.set(number, cost);
    least = Math.min(least, cost.cost);
    deepest = Math.max(deepest, world.matched(number));
  }
  const first = world.pick();
  const answer = world.answer;
  const numbers = costs.keys();
  if (numbers.length == 0) return first == -1 ? "" : "picks from nothing";
  let expected = -1;
  const slack = slackOf(world, costs, deepest);
  for (let i = 0; i < numbers.length; i++) {
    if (costs.get(numbers[i]).cost > least + Math.abs(slack) + 1e-12) continue;
    if (expected < 0 || isBetter(world, numbers[i], expected, slack >= 0)) expected = numbers[i];
  }
  if (first != expected) {
    const a = costs.get(expected).cost;
    return `picks ${first}, not ${expected}, which costs ${a}`;
  }
  let second = -1;
  for (let i = 0; i < numbers.length; i++) {
    if (numbers[i] == first) continue;
    const cost = costs.get(numbers[i]).cost;
    if (second < 0 || costs.get(second).cost > cost) second = numbers[i];
  }
  if (answer.second != second) return `second ${answer.second}, not ${second}`;
  const cost = costs.get(first);
  if (Math.abs(answer.firstDelay - cost.firstToken) > 1e-9 * cost.firstToken) {
    return `${answer.firstDelay} s to the first token, not ${cost.firstToken}`;
  }
  if (answer.matchedTokens != world.matched(first)) return `${answer.matchedTokens} matched`;
  if (answer.matchedTokensMax != deepest) return `${answer.matchedTokensMax} matched at most`;
  return "";
}

describe("a request for a LoRA adapter", () => {
  test("goes to a pod that holds it, unless loading it elsewhere is sooner", () => {
    const world = new World(4);
    const held = new Uint8Array(128);
    held[0] = 4;
    world.query.adapterBits = held.dataStart;
    expect(world.pick()).toBe(2);
    expectNear(world.answer.firstDelay, 0.062);
    // 0.5 s of load are 8,065 tokens of backlog, less what one in flight costs in other terms.
    world.own(2, 1, 7000, 7000);
    expect(world.pick()).toBe(2);
    world.own(2, 1, 9000, 9000);
    expect(world.pick()).not.toBe(2);
    expectNear(world.answer.firstDelay, 0.562);
    expect(world.answer.isClear).toBe(false);
    world.query.adapterBits = 0;
    world.pick();
    expectNear(world.answer.firstDelay, 0.062);
  });

  test("avoids pods at their limit that do not hold it", () => {
    const world = new World(3);
    const held = new Uint8Array(128);
    world.query.adapterBits = held.dataStart;
    world.at(0).isAtAdapterLimit = true;
    world.at(2).isAtAdapterLimit = true;
    expect(world.pick()).toBe(1);
    world.at(1).isAtAdapterLimit = true;
    world.pick();
    // An answer of 300 tokens at 12 ms, then the load, then the prefill.
    expectNear(world.answer.firstDelay, 3.6 + 0.5 + 0.062);
    held[0] = 1;
    expect(world.pick()).toBe(0);
  });
});

describe("the least delay", () => {
  test("is that of the pod that answers first, whichever is picked", () => {
    const world = new World(2);
    world.own(0, 1, 1000, 1000);
    world.holds(0, 9);
    world.own(1, 30, 0, 30000);
    // 0 waits 62 ms and computes 100 tokens; 1 computes all at once, but would stall 30 others.
    expect(world.pick()).toBe(0);
    expectNear(world.answer.firstDelay, 0.0682);
    expectNear(world.answer.leastDelay, 0.062);
  });
});

describe("the shortest wait", () => {
  test("leaves the own prefill out, and an adapter that is not held", () => {
    const world = new World(2);
    world.query.promptTokens = 100000;
    world.own(0, 1, 10000, 10000);
    world.own(1, 1, 20000, 20000);
    const held = new StaticArray<u64>(16);
    world.query.adapterBits = changetype<usize>(held);
    world.pick();
    expectNear(world.answer.leastWait, 0.62);
  });

  test("counts as long as such predictions were short of late", () => {
    const world = new World(1);
    world.own(0, 1, 10000, 10000);
    for (let i = 0; i < 200; i++) world.rates.learnDelay(1, 3);
    world.pick();
    const factor = world.rates.delayFactor;
    expect(factor).toBeGreaterThan(2.5);
    expectNear(world.answer.leastWait, 0.62 * factor);
    // Not what is learned from: it would chase itself.
    expectNear(world.answer.firstDelay, 0.682);
    // For a target the wait counts so, and its own prefill as it is.
    world.query.targetSeconds = 1;
    world.pick();
    expectNear(world.answer.leastDelay, 0.62 * factor + 0.062);
  });
});

/** 0 holds the prompt and waits 124 ms; 1 waits for nothing, and serves 40 others. */
function targeted(targetSeconds: f64): World {
  const world = new World(2);
  world.own(0, 1, 2000, 2000);
  world.holds(0, 10);
  world.own(1, 40, 0, 40000);
  world.query.targetSeconds = targetSeconds;
  return world;
}

describe("a first-token target", () => {
  test("leaves the choice to the pods that meet it", () => {
    expect(targeted(0).pick()).toBe(0);
    expect(targeted(0.2).pick()).toBe(0);
    const tight = targeted(0.1);
    expect(tight.pick()).toBe(1);
    expect(tight.answer.second).toBe(0);
    expectNear(tight.answer.firstDelay, 0.062);
  });

  test("changes nothing where no pod meets it", () => {
    expect(targeted(0.05).pick()).toBe(0);
  });
});

describe("random pools", () => {
  test("are picked from as the plain arithmetic says", () => {
    const random = new Random(2026);
    for (let round = 0; round < 1500; round++) expect(fault(randomWorld(random))).toBe("");
  });
});

describe("figures that no pod should show", () => {
  test("still lead to a pick", () => {
    const odd: f32[] = [f32.NaN, Infinity, -Infinity, -5, 7, f32.MAX_VALUE];
    for (let i = 0; i < odd.length; i++) {
      const world = new World(3);
      for (let pod: u32 = 0; pod < 3; pod++) {
        world.scrape(pod, MISSING - 1, MISSING - 1, odd[i]);
        world.at(pod).overdueCount = 1;
        world.at(pod).overdueRoutedSumMs = NaN;
      }
      world.query.promptTokens = NaN;
      expect(world.pick()).toBeGreaterThanOrEqual(0);
      world.query.promptTokens = 1000;
      world.query.nowMs = NaN;
      expect(world.pick()).toBeGreaterThanOrEqual(0);
    }
  });
});
