// A pool to pick from, and the cost of decision 0007 a second time, as plain arithmetic.
import { Config } from "../../../filter/config";
import { Endpoint, Endpoints, MISSING } from "../../../filter/load/endpoint";
import { Rates } from "../../../filter/load/rates";
import { pick, PickAnswer, PickQuery } from "../../../filter/pick/pick";
import { Random } from "../prefix/random";

export const NOW_MS: f64 = 1767225600000;
/** Tokens of evidence that the pool's rate weighs in a pod's own. */
const PRIOR: f64 = 200000;

export class World {
  readonly endpoints: Endpoints = new Endpoints();
  readonly rates: Rates = new Rates();
  readonly config: Config = new Config();
  readonly query: PickQuery = new PickQuery();
  readonly answer: PickAnswer = new PickAnswer();
  readonly ends: StaticArray<u32> = new StaticArray<u32>(512);

  /** `pods` idle pods of 305,008 tokens, scraped just now, and a prompt of 1,000 tokens. */
  constructor(readonly pods: u32) {
    this.rates.configure(this.config);
    for (let number: u32 = 0; number < pods; number++) {
      const endpoint = this.endpoints.at(number);
      endpoint.isListed = true;
      endpoint.mayBePicked = true;
      endpoint.capacityTokens = 305008;
      this.scrape(number, 0, 0, 0);
    }
    this.endpoints.limit = pods;
    this.endpoints.listPickable();
    this.query.nowMs = NOW_MS;
    this.query.promptTokens = 1000;
    this.query.tokenEnds = changetype<usize>(this.ends);
    for (let i = 0; i < this.ends.length; i++) this.ends[i] = 100 * (i + 1);
    memory.fill(this.query.depths, 0, 2048);
  }

  at(number: u32): Endpoint {
    return this.endpoints.at(number);
  }

  /** What the pod's page says now. */
  scrape(number: u32, waiting: u32, running: u32, kvUse: f32): void {
    const endpoint = this.at(number);
    endpoint.waiting = waiting;
    endpoint.running = running;
    endpoint.kvUse = kvUse;
    endpoint.scrapedAtMs = NOW_MS;
  }

  /** Our own load on the pod, also at the time of the last scrape. */
  own(number: u32, inFlight: i32, backlogTokens: i64, kvTokens: i64): void {
    const endpoint = this.at(number);
    endpoint.ownInFlight = inFlight;
    endpoint.ownBacklogTokens = backlogTokens;
    endpoint.ownKvTokens = kvTokens;
    endpoint.noteInFlight(NOW_MS);
  }

  /** What other gateways told of their load on the pod. */
  share(number: u32, inFlight: u32, unprefilled: u32, backlogTokens: u32, kvTokens: u32): void {
    const endpoint = this.at(number);
    endpoint.sharedInFlight = inFlight;
    endpoint.sharedUnprefilled = unprefilled;
    endpoint.sharedBacklogTokens = backlogTokens;
    endpoint.sharedKvTokens = kvTokens;
  }

  /** The pod holds the first `depth` checkpoints, of 100 tokens each. */
  holds(number: u32, depth: u16): void {
    store<u16>(this.query.depths + ((<usize>number) << 1), depth);
  }

  pick(): i32 {
    pick(this.query, this.endpoints, this.rates, this.config, this.answer);
    return this.answer.first;
  }

  matched(number: u32): f64 {
    const depth = <i32>load<u16>(this.query.depths + ((<usize>number) << 1));
    return depth == 0 || this.at(number).isCacheOff ? 0 : <f64>this.ends[depth - 1];
  }
}

/** How often each pod is picked over `seeds` prompts. */
export function counts(world: World, seeds: u32): Array<u32> {
  const picked = new Array<u32>(world.pods).fill(0);
  const random = new Random(77);
  for (let i: u32 = 0; i < seeds; i++) {
    world.query.tieSeed = random.next();
    picked[world.pick()] += 1;
  }
  return picked;
}

export function expectNear(actual: f64, expected: f64): void {
  expect(Math.abs(actual - expected)).toBeLessThan(1e-9 + Math.abs(expected) * 1e-9);
}

/** One pod's cost, term by term as the design lists them. All times in seconds. */
export class NaiveCost {
  readonly wait: f64;
  readonly firstToken: f64;
  readonly cost: f64;
  readonly unseen: f64;

  constructor(world: World, number: u32) {
    const pod = world.at(number);
    const rates = world.rates;
    const config = world.config;
    const query = world.query;
    const isFresh = query.nowMs <= pod.scrapedAtMs + config.metricsMaxAgeMs;
    const scrapedWaiting = isFresh && pod.waiting != MISSING ? <f64>pod.waiting : 0;
    const scrapedRunning = isFresh && pod.running != MISSING ? <f64>pod.running : 0;
    const ours = <f64>(pod.ownInFlight + pod.otherInFlight);
    let foreign = scrapedWaiting + scrapedRunning - <f64>pod.inFlightAt(pod.scrapedAtMs);
    if (!isFresh || foreign < 0) foreign = 0;
    const told = <f64>pod.sharedInFlight;
    let notOurs = scrapedWaiting - <f64>(pod.ownUnprefilled + pod.otherUnprefilled);
    notOurs -= <f64>pod.sharedUnprefilled;
    if (notOurs < 0) notOurs = 0;
    // Never the sum of what is scraped and what is told: the larger.
    const n = foreign > told ? ours + foreign : ours + told;
    const untold = foreign > told ? foreign - told : 0;
    const foreignWaiting = untold < notOurs ? untold : notOurs;

    const podRate = PRIOR * rates.prefillSecondsPerToken + pod.prefillSeconds;
    const tp = podRate / (PRIOR + pod.prefillTokens);
    const mean = rates.outputTokens;
    const asked = <f64>query.maxOutputTokens;
    const output = asked > 0 && asked < mean ? asked : mean;

    let wait = <f64>(pod.ownBacklogTokens + pod.otherBacklogTokens + pod.sharedBacklogTokens) * tp;
    wait += foreignWaiting * rates.promptTokens * tp;
    wait += this.spaceWait(world, pod, isFresh, n, output);
    if (pod.overdueCount > 0 && query.nowMs - pod.progressAtMs >= 1000) {
      const meanRoutedMs = pod.overdueRoutedSumMs / pod.overdueCount;
      wait += (query.nowMs - meanRoutedMs) / 1000;
    }

    const uncached = Math.max(query.promptTokens - world.matched(number), 1);
    const step =
      (config.decodeUsPerSequence + (config.decodeNsPerKvToken * query.promptTokens) / 1000) / 1e6;
    this.unseen = untold;
    this.wait = wait;
    this.firstToken = wait + uncached * tp;
    let deepest: f64 = 0;
    for (let other: u32 = 0; other < world.pods; other++) {
      if (world.at(other).mayBePicked) deepest = Math.max(deepest, world.matched(other));
    }
    const lost = (deepest - world.matched(number)) * tp;
    this.cost = wait + uncached * tp + config.alpha * lost * n + config.alpha * output * step * n;
    // Of the last tenth of the cache, the share that is used, times what a preempted answer waits.
    if (isFresh && !isNaN(pod.kvUse) && pod.kvUse > 0.9) {
      const full = Math.min(10 * (<f64>pod.kvUse - 0.9), 1);
      const untilOneEnds = (mean * rates.secondsPerOutputToken) / (n < 1 ? 1 : n);
      this.cost += config.alpha * full * untilOneEnds;
    }
  }

  /** Answers of `mean` tokens end at a steady rate, and each gives prompt and answer back. */
  private spaceWait(world: World, pod: Endpoint, isFresh: bool, n: f64, output: f64): f64 {
    const rates = world.rates;
    const mean = rates.outputTokens;
    const knowsUse = isFresh && !isNaN(pod.kvUse);
    if (pod.capacityTokens == 0 && !knowsUse) return 0;
    let capacity: f64 = pod.capacityTokens;
    if (capacity == 0) capacity = world.config.defaultCapacityTokens;
    const backlog = <f64>(pod.ownBacklogTokens + pod.otherBacklogTokens + pod.sharedBacklogTokens);
    const held = knowsUse
      ? <f64>pod.kvUse * capacity + backlog
      : <f64>(pod.ownKvTokens + pod.otherKvTokens + pod.sharedKvTokens);
    const free = held > capacity ? 0 : capacity - held;
    const needed = world.query.promptTokens + output + (n * mean) / 2;
    let busy = n;
    if (knowsUse && pod.kvUse > 0 && n < 1) busy = 1;
    if (needed <= free || busy == 0) return 0;
    const endsPerSecond = busy / (mean * rates.secondsPerOutputToken);
    return (needed - free) / (endsPerSecond * (rates.promptTokens + mean));
  }
}
