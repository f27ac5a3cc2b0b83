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
      world.own(0, 2, 0, 0);
      world.scrape(0, 0, 12, 0);
      world.share(0, told[i], 0, 0, 0);
      // The same in flight on the other, all of it ours, breaks the tie by one more or less.
      world.own(1, 2 + counted[i] + 1, 0, 0);
      expect(world.pick()).toBe(0);
      world.own(1, 2 + counted[i] - 1, 0, 0);
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
