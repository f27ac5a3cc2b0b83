// A run of the body fuzzer: makes bodies, sends them cut anywhere, and compares what the filter saw
// with JSON.parse and with the reference reading. One seed gives one run.
import { randomFrom } from "../../host/filter/support/random.js";
import { APIS, makeBody } from "./bodies.js";
import { expectedOf, type Expected, mismatch } from "./expected.js";
import { entryCount, HASH_KEY, Machine, type Outcome, PATHS, sendBody } from "./machine.js";
import { mutate } from "./mutate.js";
import { REAL_REQUESTS } from "./real-requests.js";
import type { Api } from "./reading.js";
import { setKey } from "./siphash.js";
import { below, pick, type Random } from "./spelling.js";

export interface CampaignOptions {
  bodies: number;
  seed: number;
  /** Called after so many bodies each. */
  every?: { bodies: number; call: (totals: Totals) => void };
  /** Ends the run early; looked at once in BATCH bodies. */
  isOver?: () => boolean;
}

export interface Disagreement {
  api: Api;
  /** Binary. */
  body: string;
  cuts: number[];
  what: string;
}

export interface Totals {
  bodies: number;
  bytes: number;
  /** What JSON.parse takes, and what the filter read to its end. */
  parsed: number;
  whole: number;
  /** Whose chain of checkpoints was compared; checkpoints in them. */
  chains: number;
  checkpoints: number;
  rewritten: number;
  reasons: Map<string, number>;
  /** Bodies with what the filter takes and JSON.parse refuses, and the other way round. */
  lenient: number;
  strict: Map<string, number>;
  disagreements: Disagreement[];
  disagreementCount: number;
  /** Most steps of one request, less what any request takes, for one byte of its body. */
  stepsPerByteMax: number;
  hostCallsMax: number;
  memoryBytesWarm: number;
  memoryBytesEnd: number;
  inFlight: number;
  /** Contexts that the host still has, beside the VM's own and the root's. */
  contextsLeft: number;
}

/** Steps of a request without a body, its answer and its end: some 1,500. */
export const STEPS_FIXED = 20_000;
/** The scan takes less than 3 steps for a byte; the rest is for checkpoints and chunks. */
export const STEPS_PER_BYTE = 20;
/** Host calls of one request; each chunk, and each page of 64 KiB, may bring two more. */
export const HOST_CALLS_FIXED = 100;
/** Between two bodies, so that the second of two equal ones is news for the journal again. */
const STEP_MS = 1_100;
const BATCH = 32;
const KEPT = 256;
const DISAGREEMENTS_KEPT = 20;

interface Sent {
  api: Api;
  body: Buffer;
  cuts: number[];
  expected: Expected;
  outcome: Outcome;
}

export function newTotals(): Totals {
  return {
    ...{ bodies: 0, bytes: 0, parsed: 0, whole: 0, chains: 0, checkpoints: 0, rewritten: 0 },
    ...{ lenient: 0, disagreementCount: 0, stepsPerByteMax: 0, hostCallsMax: 0 },
    ...{ memoryBytesWarm: 0, memoryBytesEnd: 0, inFlight: 0, contextsLeft: 0 },
    reasons: new Map<string, number>(),
    strict: new Map<string, number>(),
    disagreements: [],
  };
}

/** Runs it; throws what the VM trapped with, and names the body in the message. */
export function campaign(options: CampaignOptions): Totals {
  const { stackTraceLimit } = Error;
  // A trace for each body that JSON.parse refuses would take as long as all the rest.
  Error.stackTraceLimit = 0;
  try {
    return run(options);
  } finally {
    Error.stackTraceLimit = stackTraceLimit;
  }
}

function run({ bodies, seed, every, isOver }: CampaignOptions): Totals {
  const runner = new Runner();
  const random = randomFrom(seed);
  const maker = new BodySource(random);
  for (let sent = 0; sent < bodies && isOver?.() !== true; sent += BATCH) {
    for (let i = Math.min(BATCH, bodies - sent); i > 0; i--) {
      const { api, body } = maker.next();
      runner.send(api, Buffer.from(body, "latin1"), cutsOf(random, body.length));
    }
    runner.compareChains();
    if (sent < bodies / 10) runner.totals.memoryBytesWarm = runner.memoryBytes;
    const after = sent + BATCH;
    if (every !== undefined && Math.floor(sent / every.bodies) < Math.floor(after / every.bodies)) {
      every.call(runner.totals);
    }
  }
  return runner.finish();
}

/** Sends bodies one by one and keeps count; for the campaign, and for cases by hand. */
export class Runner {
  readonly totals = newTotals();
  private readonly machine = new Machine();
  private sent: Sent[] = [];

  constructor() {
    setKey(HASH_KEY);
    // The first request takes a number among the VMs, which takes more calls than any other.
    sendBody(this.machine, PATHS.chat, Buffer.from("{}"), []);
    this.machine.takeRecords();
  }

  get memoryBytes(): number {
    return this.machine.host.memoryBytes;
  }

  send(api: Api, body: Buffer, cuts: number[]): Outcome {
    const { machine, totals } = this;
    const text = body.toString("latin1");
    const expected = expectedOf(api, body, text);
    machine.pass(STEP_MS);
    const allowed = STEPS_FIXED + STEPS_PER_BYTE * (body.length + cuts.length);
    machine.allowSteps(allowed);
    const callsBefore = machine.host.importCallsTotal;
    const outcome = sendBody(machine, PATHS[api], body, cuts);
    const { error } = machine.host;
    if (error !== null) {
      throw new Error(`${error.message} with ${describe({ api, body: text, cuts })}`);
    }
    const steps = allowed - machine.stepsLeft;
    machine.allowSteps(0x7fffffff);
    const calls = machine.host.importCallsTotal - callsBefore;
    const callsAllowed = HOST_CALLS_FIXED + 2 * (cuts.length + (body.length >> 16));
    this.count(body, expected, outcome, steps, calls - 2 * cuts.length);
    const what = calls > callsAllowed ? `${calls} host calls` : mismatch(expected, outcome, body);
    if (what !== null) this.disagree({ api, body: text, cuts, what });
    this.sent.push({ api, body, cuts, expected, outcome });
    totals.bodies++;
    return outcome;
  }

  /** Compares what the VM told its neighbours since the last call with the reading. */
  compareChains(): void {
    const inserts = this.machine.takeRecords().filter((record) => entryCount(record) >= 0);
    let next = 0;
    for (const { api, body, cuts, expected, outcome } of this.sent) {
      if (!isInserted(api, outcome)) continue;
      const record = inserts[next++];
      const what = expected.compareChain(record);
      this.totals.chains++;
      this.totals.checkpoints += expected.checkpointCount;
      if (what !== null) this.disagree({ api, body: body.toString("latin1"), cuts, what });
    }
    if (next !== inserts.length) {
      const { api, body, cuts } = this.sent[0]!;
      const what = `${inserts.length} inserts where ${next} were due`;
      this.disagree({ api, body: body.toString("latin1"), cuts, what });
    }
    this.sent = [];
  }

  finish(): Totals {
    const { machine, totals } = this;
    machine.tick();
    machine.tick(1_000);
    totals.inFlight = machine.stats.gauge("warmroute_in_flight");
    totals.memoryBytesEnd = this.memoryBytes;
    totals.contextsLeft = machine.host.contextCount - 2;
    return totals;
  }

  private count(
    body: Buffer,
    expected: Expected,
    outcome: Outcome,
    steps: number,
    calls: number,
  ): void {
    const { totals } = this;
    totals.bytes += body.length;
    totals.reasons.set(outcome.reason, (totals.reasons.get(outcome.reason) ?? 0) + 1);
    if (expected.isParsed) totals.parsed++;
    if (expected.isWhole) totals.whole++;
    if (expected.isWhole && !expected.isParsed) totals.lenient++;
    if (expected.strict !== null) {
      totals.strict.set(expected.strict, (totals.strict.get(expected.strict) ?? 0) + 1);
    }
    if (expected.isRewritten) totals.rewritten++;
    const perByte = (steps - STEPS_FIXED / 10) / Math.max(body.length, 1);
    totals.stepsPerByteMax = Math.max(totals.stepsPerByteMax, perByte);
    totals.hostCallsMax = Math.max(totals.hostCallsMax, calls);
  }

  private disagree(one: Disagreement): void {
    const { totals } = this;
    totals.disagreementCount++;
    if (totals.disagreements.length < DISAGREEMENTS_KEPT) totals.disagreements.push(one);
  }
}

/** Prompts of which the filter notes that the pod holds them. */
function isInserted(api: Api, { reason }: Outcome): boolean {
  return api !== "embeddings" && ["prefix", "load", "cold"].includes(reason);
}

/** A case as it can be kept in found-cases.ts. */
export function describe({ api, body, cuts }: Omit<Disagreement, "what">): string {
  const shown = body.length > 4_000 ? `${body.slice(0, 4_000)}… (${body.length} bytes)` : body;
  return `${api}, cut at [${cuts.join(", ")}]: ${JSON.stringify(shown)}`;
}

class BodySource {
  private readonly kept: { api: Api; body: string }[] = [];

  constructor(private readonly random: Random) {}

  /** Half of the bodies are made whole; the other half are real or made ones with damages. */
  next(): { api: Api; body: string } {
    const { random, kept } = this;
    const chance = random();
    if (chance < 0.5 || kept.length < KEPT) {
      const api = pick(random, APIS);
      const one = { api, body: makeBody(random, api) };
      kept[kept.length < KEPT ? kept.length : below(random, KEPT)] = one;
      return one;
    }
    const from = chance < 0.7 ? pick(random, REAL_REQUESTS) : pick(random, kept);
    // A body of one API sent to another is read by other rules.
    const api = random() < 0.9 ? from.api : pick(random, APIS);
    return { api, body: mutate(random, from.body, pick(random, kept).body) };
  }
}

/** Offsets at which a body is cut: mostly nowhere, sometimes after every byte or at any places. */
function cutsOf(random: Random, bytes: number): number[] {
  const chance = random();
  if (chance < 0.5 || bytes === 0) return [];
  if (chance < 0.55 && bytes < 500) return Array.from({ length: bytes - 1 }, (_, i) => i + 1);
  const count = chance < 0.8 ? 1 : 2 + below(random, 12);
  return Array.from({ length: count }, () => below(random, bytes + 1)).sort((a, b) => a - b);
}
