// Time that the fullest answers of records take in the VM that polls, and in the tick of its
// neighbour that reads them: the built filter in Node. Argument: answers of each kind.
import { fileURLToPath } from "node:url";
import { Gateway } from "../../tests/host/filter/support/gateway.js";
import { randomFrom } from "../../tests/host/filter/support/random.js";
import {
  ANSWER_RECORD_BYTES_MAX,
  encodeCharge,
  encodeForget,
  encodeInsert,
  encodeWithdraw,
} from "../../tests/host/filter/support/records.js";
import { makePods, type Poll } from "../../tests/host/filter/support/sidecar.js";
import { encodeAnswer } from "../../tests/host/filter/support/wire.js";

const ANSWERS_DEFAULT = 200;
/** Answers before the first that counts: the engine compiles, the index fills. */
const WARM_UP = 40;
const PODS = 64;
/** KV tokens of one pod, as in the policy study; and more than any chain here needs. */
const CAPACITY_TOKENS = 305_000;
const CAPACITY_TOKENS_HUGE = 1_000_000_000;
/** Ticks until a neighbour has read the fullest answer, and one more. */
const TICKS = 4;
const TICK_MS = 10;

/** A prompt's checkpoints: 2 KB of messages, and 220 KB. */
const SHORT = { checkpoints: 12, tokens: 500 };
const LONG = { checkpoints: 110, tokens: 55_000 };
type Prompt = typeof SHORT;

interface Case {
  what: string;
  /** Records of answer `i`, at most as many bytes as an answer holds. */
  make: (i: number) => Buffer[];
  /** Answers given, and not measured, before each that is. */
  before?: (i: number) => Buffer[][];
  capacityTokens?: number;
}

export interface Row {
  what: string;
  records: number;
  bytes: number;
  /** The answer in the VM that polls, in µs; the least is what a busy machine disturbs least. */
  minUs: number;
  p50Us: number;
  p99Us: number;
  maxUs: number;
  recordUs: number;
  /** The neighbour's longest tick after each answer, in µs. */
  tickP50Us: number;
  tickP99Us: number;
  tickMaxUs: number;
  /** Nodes in the index after it all: the same in each run, for the seed is fixed. */
  nodes: number;
}

const random = randomFrom(6);
const word = (): bigint => BigInt(Math.floor(random() * 2 ** 32));

interface Chain {
  number: number;
  hashes: bigint[];
  insert: Buffer;
}

function chain({ checkpoints, tokens }: Prompt, i: number): Chain {
  const hashes = Array.from({ length: checkpoints }, () => (word() << 32n) | word());
  const entries = hashes.map((hash, at) => ({
    hash,
    tokens: Math.round(((at + 1) * tokens) / checkpoints),
  }));
  const number = i % PODS;
  return { number, hashes, insert: encodeInsert({ number }, entries) };
}

/** As many chains as fit an answer. */
function chains(prompt: Prompt): Chain[] {
  const count = Math.floor(ANSWER_RECORD_BYTES_MAX / (12 + 12 * prompt.checkpoints));
  return Array.from({ length: count }, (_, i) => chain(prompt, i));
}

const inserts = (all: Chain[]): Buffer[] => all.map(({ insert }) => insert);

function cases(): Case[] {
  const known = { short: chains(SHORT), long: chains(LONG) };
  let taken: Chain[] = [];
  const take = (prompt: Prompt): Buffer[][] => [inserts((taken = chains(prompt)))];
  const withdraws = (): Buffer[] =>
    taken.map(({ number, hashes }) => encodeWithdraw({ number }, hashes, 30));
  const forgets = (ageMs: number): Buffer[] =>
    Array.from({ length: ANSWER_RECORD_BYTES_MAX / 16 }, (_, i) =>
      encodeForget({ number: i % PODS }, ageMs),
    );
  const charges = (): Buffer[] =>
    Array.from({ length: Math.floor(ANSWER_RECORD_BYTES_MAX / 24) }, (_, i) =>
      encodeCharge({ number: i % PODS }, 300, word()),
    );
  const fill = (): Buffer[][] => Array.from({ length: 10 }, () => inserts(chains(SHORT)));
  const capacityTokens = CAPACITY_TOKENS_HUGE;
  return [
    { what: "no records", make: () => [] },
    { what: "inserts of 12, new", make: () => inserts(chains(SHORT)) },
    { what: "inserts of 12, new, index full", make: () => inserts(chains(SHORT)), capacityTokens },
    { what: "inserts of 12, known", make: () => inserts(known.short) },
    { what: "inserts of 110, new", make: () => inserts(chains(LONG)) },
    { what: "inserts of 110, known", make: () => inserts(known.long), capacityTokens },
    { what: "withdraws of 12", make: withdraws, before: () => take(SHORT) },
    { what: "withdraws of 110", make: withdraws, before: () => take(LONG), capacityTokens },
    { what: "charges", make: charges },
    { what: "forgets of nothing", make: () => forgets(100_000_000) },
    {
      what: "forgets, 25,000 nodes and more",
      make: () => forgets(0),
      before: fill,
      capacityTokens,
    },
  ];
}

class Bench {
  readonly gateway: Gateway;
  private next = 0;
  private poll: Poll | null = null;

  constructor(capacityTokens: number) {
    const pods = makePods(PODS).map((pod) => ({ ...pod, capacityTokens }));
    this.gateway = new Gateway({ vms: 2, pods });
    [0, 1].forEach((vm) => this.gateway.send({ method: "GET", path: "/" }, {}, { vm }));
    this.gateway.advance(100);
    this.gateway.sidecar.answer = (poll) => {
      this.poll = poll;
    };
  }

  /** Gives one answer; how long it took, and the longest of the neighbour's ticks after it. */
  give(records: Buffer[]): { answerUs: number; tickUs: number } {
    const { gateway } = this;
    while (this.poll === null) gateway.advance(TICK_MS);
    const { call, pool, root } = this.poll;
    this.poll = null;
    const { sidecar } = gateway;
    const answer = encodeAnswer(sidecar.table(pool), Buffer.concat(records), ++this.next);
    const answerUs = timeUs(() => sidecar.respondWith(call, 200, answer));
    sidecar.polls.length = 0;
    let tickUs = 0;
    for (let i = 0; i < TICKS; i++) {
      gateway.wait(TICK_MS);
      for (const vm of gateway.vms) {
        const us = timeUs(() => vm.root.tick());
        if (vm.host !== root.host) tickUs = Math.max(tickUs, us);
      }
    }
    return { answerUs, tickUs };
  }
}

function timeUs(work: () => void): number {
  const startNs = process.hrtime.bigint();
  work();
  return Number(process.hrtime.bigint() - startNs) / 1000;
}

function at(sorted: number[], share: number): number {
  return Math.round(sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? 0);
}

function measure(one: Case, answers: number): Row {
  const bench = new Bench(one.capacityTokens ?? CAPACITY_TOKENS);
  const answersUs: number[] = [];
  const ticksUs: number[] = [];
  let records: Buffer[] = [];
  for (let i = -WARM_UP; i < answers; i++) {
    for (const other of one.before?.(i) ?? []) bench.give(other);
    records = one.make(i);
    const { answerUs, tickUs } = bench.give(records);
    if (i < 0) continue;
    answersUs.push(answerUs);
    ticksUs.push(tickUs);
  }
  const { gateway } = bench;
  if (gateway.hasFailed || gateway.counter("bad_records") + gateway.counter("journal_lapped") > 0) {
    throw new Error(`${one.what}: records were not applied`);
  }
  for (const list of [answersUs, ticksUs]) list.sort((a, b) => a - b);
  gateway.sidecar.answer = null;
  const perRecordUs = records.length === 0 ? 0 : at(answersUs, 0.5) / records.length;
  return {
    what: one.what,
    records: records.length,
    bytes: records.reduce((sum, { length }) => sum + length, 0),
    minUs: at(answersUs, 0),
    p50Us: at(answersUs, 0.5),
    p99Us: at(answersUs, 0.99),
    maxUs: at(answersUs, 1),
    recordUs: Math.round(perRecordUs * 100) / 100,
    tickP50Us: at(ticksUs, 0.5),
    tickP99Us: at(ticksUs, 0.99),
    tickMaxUs: at(ticksUs, 1),
    nodes: gateway.report().json.index.nodes,
  };
}

export function main(answers: number): Row[] {
  return cases().map((one) => measure(one, answers));
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  console.table(main(Number(process.argv[2] ?? ANSWERS_DEFAULT)));
}
