// The pick where several gateways lead to the same pods, and tell each other of their load.
import { MISSING } from "../../../filter/load/endpoint";
import { counts, expectNear, NaiveCost, NOW_MS, World } from "./world";

describe("what other gateways tell", () => {
  test("and what a scrape shows beyond ours: the larger counts, not the sum", () => {
    // 10 others by the scrape, of which so many told of themselves: up to 10 changes nothing.
    const told: u32[] = [0, 4, 10, 13];
    const counted: u32[] = [10, 10, 10, 13];
    for (let i = 0; i < told.length; i++) {
      const world = new World(2);
      world.config.slackMs = 0;
      world.own(0, 2, 2000, 0);
      world.scrape(0, 0, 12, 0);
      world.share(0, told[i], 0, 0, 0);
      // The same in flight on the other, all of it ours, breaks the tie by one more or less.
      world.own(1, 2 + counted[i] + 1, 2000, 0);
      expect(world.pick()).toBe(0);
      world.own(1, 2 + counted[i] - 1, 2000, 0);
      expect(world.pick()).toBe(1);
    }
  });

  test("of their backlog is waited for, and teaches a rate when nothing queues", () => {
    const world = new World(1);
    world.own(0, 1, 500, 800);
    world.share(0, 3, 2, 2000, 0);
    world.scrape(0, 2, 2, 0.05);
    world.pick();
    // 2,500 tokens ahead and 1,000 of ours, at 62 µs; those that wait are in the backlog.
    expectNear(world.answer.firstDelay, 0.217);
    // Where requests queue, a first byte would teach the pace of the queue.
    expect(world.answer.isClear).toBe(false);
    world.scrape(0, 0, 4, 0.05);
    world.pick();
    expectNear(world.answer.firstDelay, 0.217);
    expect(world.answer.isClear).toBe(true);
    world.scrape(0, 3, 4, 0.05);
    world.pick();
    // Three more than were told of, of which one waits, with a prompt of the usual 1,000 tokens.
    expectNear(world.answer.firstDelay, 0.279);
    expect(world.answer.isClear).toBe(false);
  });

  test("of their KV tokens takes room on a pod that does not tell its own use", () => {
    const world = new World(2);
    world.scrape(0, 0, 0, f32.NaN);
    world.scrape(1, 0, 0, f32.NaN);
    world.share(0, 1, 0, 0, 305008);
    world.share(1, 1, 0, 0, 0);
    expect(world.pick()).toBe(1);
    world.share(0, 1, 0, 0, 0);
    world.share(1, 1, 0, 0, 305008);
    expect(world.pick()).toBe(0);
  });
});

describe("requests that other gateways may have sent just now", () => {
  test("spread the pick over pods that differ by less than half of our prefill", () => {
    const world = new World(4);
    for (let pod: u32 = 0; pod < 4; pod++) world.share(pod, pod == 0 ? 2 : 3, 0, 0, 0);
    // Our prefill takes 62 ms; 400 tokens more ahead are 25 ms, 600 are 37.
    world.own(2, 0, 400, 0);
    world.own(3, 0, 600, 0);
    const picked = counts(world, 300);
    // 100 each; the standard deviation is 8.2.
    for (let pod = 0; pod < 3; pod++) {
      expect(picked[pod]).toBeGreaterThan(60);
      expect(picked[pod]).toBeLessThan(140);
    }
    expect(picked[3]).toBe(0);
  });

  test("spread it by their share of all requests", () => {
    const world = new World(2);
    // One in flight of four is theirs: an eighth of 62 ms is 7.75 ms, and 100 tokens are 6.2.
    world.own(0, 3, 0, 0);
    world.own(1, 3, 100, 0);
    world.share(0, 1, 0, 0, 0);
    world.share(1, 1, 0, 0, 0);
    expect(counts(world, 200)[1]).toBeGreaterThan(60);
    world.own(1, 3, 150, 0);
    expect(counts(world, 200)[1]).toBe(0);
  });

  test("do not matter behind a queue, and not where nobody shares", () => {
    const world = new World(2);
    for (let pod: u32 = 0; pod < 2; pod++) world.share(pod, 3, 0, 0, 0);
    world.own(0, 0, 1000, 0);
    world.own(1, 0, 1200, 0);
    expect(counts(world, 100)[1]).toBe(0);
    const alone = new World(2);
    alone.own(0, 3, 0, 0);
    alone.own(1, 3, 200, 0);
    expect(counts(alone, 100)[1]).toBe(0);
  });

  test("let the deeper match win among them", () => {
    const world = new World(3);
    for (let pod: u32 = 0; pod < 3; pod++) world.share(pod, 3, 0, 0, 0);
    world.holds(1, 2);
    expect(counts(world, 100)[1]).toBe(100);
  });
});

test("a long backlog teaches no rate: decode steps in between would count as prefill", () => {
  const world = new World(1);
  world.own(0, 3, 16384, 0);
  world.scrape(0, 0, 3, 0.05);
  world.pick();
  expect(world.answer.isClear).toBe(true);
  world.own(0, 3, 16385, 0);
  world.pick();
  expect(world.answer.isClear).toBe(false);
});

describe("what other gateways send", () => {
  test("counts only beyond what we have there ourselves", () => {
    const world = new World(2);
    // Both show 5 waiting and 3 running; on pod 0 all of them are ours.
    world.own(0, 8, 0, 0);
    world.scrape(0, 5, 3, 0.05);
    world.scrape(1, 5, 3, 0.05);
    const ours = new NaiveCost(world, 0);
    const theirs = new NaiveCost(world, 1);
    expect(ours.unseen).toBe(0);
    expect(theirs.unseen).toBe(8);
    expect(world.pick()).toBe(0);
    expectNear(world.answer.firstDelay, 0.062);
    expect(world.answer.isClear).toBe(false);
    world.scrape(0, 0, 8, 0.05);
    world.pick();
    expect(world.answer.isClear).toBe(true);
    world.at(0).mayBePicked = false;
    world.endpoints.listPickable();
    expect(world.pick()).toBe(1);
    // 5 prompts of 1,000 tokens before ours.
    expectNear(world.answer.firstDelay, 6 * 0.062);
    expect(world.answer.isClear).toBe(false);
  });

  test("is not more than what waits", () => {
    const world = new World(1);
    world.own(0, 2, 0, 0);
    world.scrape(0, 1, 9, 0.05);
    world.pick();
    // 8 are not ours, but only one waits.
    expectNear(world.answer.firstDelay, 2 * 0.062);
  });

  test("waits only beyond ours that wait for their prefill", () => {
    const world = new World(1);
    world.own(0, 2, 0, 0);
    world.at(0).ownUnprefilled = 2;
    world.scrape(0, 3, 9, 0.05);
    world.pick();
    // 10 are not ours; of the 3 that wait 2 are.
    expectNear(world.answer.firstDelay, 2 * 0.062);
  });

  test("loses its say when it is old", () => {
    const world = new World(2);
    world.scrape(0, 50, 100, 0.999);
    world.at(0).scrapedAtMs = NOW_MS - 2000;
    for (let turn: u64 = 1; turn < 30; turn++) {
      world.query.tieSeed = turn;
      expect(world.pick()).toBe(1);
    }
    world.at(0).scrapedAtMs = NOW_MS - 2001;
    const picked = counts(world, 200);
    expect(picked[0]).toBeGreaterThan(60);
    expect(picked[1]).toBeGreaterThan(60);
  });

  test("that is missing is not zero's opposite: the rest still counts", () => {
    const world = new World(2);
    world.scrape(0, MISSING, MISSING, f32.NaN);
    world.scrape(1, 4, MISSING, f32.NaN);
    expect(world.pick()).toBe(0);
    world.own(0, 9, 9000, 0);
    world.scrape(0, MISSING, MISSING, f32.NaN);
    expect(world.pick()).toBe(1);
  });
});
