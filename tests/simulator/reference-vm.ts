// What one VM of the filter should hold, by docs/decisions/0002 to 0005 and as plainly as can be:
// the table in force, the index, its requests' loads, and what it tells its neighbours.
import assert from "node:assert/strict";
import type { PodRow } from "../host/filter/support/wire.js";
import { ReferenceRate } from "./reference-rate.js";
import { type ChainLink, ReferenceIndex } from "./reference-index.js";
import { checkpointsOf, type PromptShape } from "./reference-checkpoints.js";
import { Kind, type Told } from "./reference-journal.js";
import type { AnyReason, Reason, Routed, Row, Table, UsageSaid } from "./reference-types.js";

const STEP_MS = 16;
/** What its pod held whole is told again only after so long. */
const REPEAT_STEPS = Math.floor(1000 / STEP_MS);
/** An insert reaches a neighbour this much later than the request was routed. */
const LAG_STEPS = 4;
const CONFIRMABLE_TOKENS = 64;
const MISPREDICTION_AGE_STEPS = 10_000 / STEP_MS;
const SHORTFALL_TOKENS = 512;
const UNCONFIRMED_HITS_MAX = 200;

export class ReferenceVm {
  readonly index: ReferenceIndex;
  readonly rows: (Row | undefined)[] = [];
  readonly told: Told[] = [];
  table: Table | null = null;
  readonly rate = new ReferenceRate();

  constructor(
    podCountMax: number,
    private readonly defaultCapacityTokens: number,
    nodesMax: number,
    private readonly startedMs: number,
  ) {
    this.index = new ReferenceIndex(podCountMax, defaultCapacityTokens, nodesMax);
  }

  step(nowMs: number): number {
    return Math.floor((nowMs - this.startedMs) / STEP_MS) + 1;
  }

  mayBePicked(number: number): boolean {
    const row = this.rows[number];
    return row !== undefined && row.isListed && row.mayBePicked;
  }

  get pickable(): number[] {
    return [...this.rows.keys()].filter((number) => this.mayBePicked(number));
  }

  takeTable(table: Table): void {
    const before = this.rows.map((row) => row?.isListed === true);
    for (const row of this.rows) if (row !== undefined) row.isListed = false;
    for (const row of table.rows) this.takeRow(row, before[row.number] === true);
    before.forEach((wasListed, number) => {
      if (wasListed && !this.rows[number]!.isListed) this.index.forgetPod(number);
    });
    if (this.table !== null && this.table.keyNumber !== table.keyNumber) this.index.clear();
    this.table = table;
  }

  private takeRow(given: PodRow, wasListed: boolean): void {
    const { number, address, epoch = 1, capacityTokens = 0 } = given;
    const known = this.rows[number];
    const isSamePod = known?.address === address;
    const isSameLife = epoch === 0 || known?.epoch === 0 || known?.epoch === epoch;
    const isSameCache = wasListed && isSamePod && isSameLife;
    if (wasListed && !isSameCache) this.index.forgetPod(number);
    const capacity = isSameCache && capacityTokens === 0 ? known.capacityTokens : capacityTokens;
    this.index.setCapacity(number, capacity > 0 ? capacity : this.defaultCapacityTokens);
    const predictedHits = isSameCache ? known.predictedHits : 0;
    const confirmedHits = isSameCache ? known.confirmedHits : 0;
    this.rows[number] = {
      address,
      isListed: true,
      mayBePicked: given.mayBePicked ?? true,
      isCacheOff:
        given.isCacheOff === true || (predictedHits >= UNCONFIRMED_HITS_MAX && confirmedHits === 0),
      epoch: epoch === 0 && isSamePod ? known.epoch : epoch,
      capacityTokens: capacity,
      predictedHits,
      confirmedHits,
      life: (known?.life ?? 0) + (isSameCache ? 0 : 1),
    };
  }

  /** Whether the prompt decides, or why not. */
  reasonBefore(prompt: PromptShape | null, isBad: boolean, keyNumber: number): AnyReason | null {
    if (isBad) return "fallback-json";
    if (prompt === null) return "no-prompt";
    if (this.table!.isDefaultStrategy) return "default";
    return keyNumber === this.table!.keyNumber ? null : "fallback-no-key";
  }

  /** Checkpoints with their tokens, by the rate that is known now. */
  chainOf(prompt: PromptShape, keyNumber: number): ChainLink[] {
    const perByte = 1 / this.rate.bytesPerToken;
    return checkpointsOf(prompt).map(({ key, endBytes }) => ({
      key: nameOf(key, keyNumber),
      tokenEnd: Math.floor(endBytes * perByte),
    }));
  }

  tokensOf(bytes: number): number {
    return bytes === 0 ? 0 : Math.max(1, Math.floor(bytes * (1 / this.rate.bytesPerToken)));
  }

  /** Tokens of the chain that the pod holds. */
  matched(number: number, chain: readonly ChainLink[]): number {
    const depth = this.index.depth(number, chain);
    return depth === 0 || this.rows[number]!.isCacheOff ? 0 : chain[depth - 1]!.tokenEnd;
  }

  reasonAfter(number: number, chain: readonly ChainLink[]): Reason {
    const most = Math.max(...this.pickable.map((each) => this.matched(each, chain)));
    if (most === 0) return "cold";
    return this.matched(number, chain) === most ? "prefix" : "load";
  }

  /** The prompt went to that pod, which holds it from now on. */
  route(routed: Routed, holds: boolean, nowMs: number): void {
    const { number, chain } = routed;
    routed.life = this.rows[number]!.life;
    routed.routedStep = this.step(nowMs);
    if (!holds) return;
    const depth = this.index.depth(number, chain);
    routed.matchedDepth = depth;
    routed.priorTouch = depth > 0 ? this.index.touchedAt(number, chain[depth - 1]!.key) : 0;
    routed.hasPrediction = true;
    const isNews = depth < chain.length || routed.routedStep - routed.priorTouch >= REPEAT_STEPS;
    this.insert(number, chain, nowMs, isNews);
  }

  private insert(number: number, chain: ChainLink[], nowMs: number, isNews: boolean): void {
    this.index.insert(number, chain, this.step(nowMs));
    if (!isNews) return;
    const keys = chain.map(({ key }) => key);
    const ends = chain.map(({ tokenEnd }) => tokenEnd);
    this.tell(Kind.Insert, number, keys, ends);
  }

  /** The answer's headers: who has served, if any pod has. */
  answered(routed: Routed, status: number, address: string | null, nowMs: number): void {
    if (routed.number < 0) return;
    if (address === null) return this.withdraw(routed, nowMs);
    routed.status = status;
    if (this.rows[routed.number]!.address === address) return;
    const server = this.rows.findIndex((row) => row?.isListed === true && row.address === address);
    const { hasPrediction } = routed;
    this.withdraw(routed, nowMs);
    routed.matchedTokens = 0;
    routed.number = server;
    if (server < 0) return;
    routed.life = this.rows[server]!.life;
    if (!hasPrediction || status >= 400) return;
    routed.chain = this.chainOf(routed.prompt!, routed.keyNumber);
    this.insert(server, routed.chain, nowMs, true);
  }

  /** The prompt was not served there: what it alone has put there goes. */
  withdraw(routed: Routed, nowMs: number): void {
    const { number, chain, matchedDepth, routedStep } = routed;
    if (!routed.hasPrediction) return;
    routed.hasPrediction = false;
    const keys = chain.slice(matchedDepth).map(({ key }) => key);
    this.index.withdraw(number, keys, routedStep);
    if (keys.length === 0) return;
    const ageMs = (this.step(nowMs) - routedStep) * STEP_MS;
    this.tell(
      Kind.Withdraw,
      number,
      keys,
      keys.map(() => ageMs),
    );
  }

  /** The answer has come whole, and could be read. */
  learn(routed: Routed, usage: UsageSaid, nowMs: number): void {
    const { number, promptBytes, matchedTokens } = routed;
    const { promptTokens = 0, cachedTokens, outputTokens = 0 } = usage;
    if (promptTokens > 0) this.rate.learn(promptBytes, promptTokens);
    const row = this.rows[number]!;
    // Another cache by now: what this one came to says nothing of it.
    if (!row.isListed || row.life !== routed.life) return;
    if (outputTokens > 0) {
      const prompt = promptName(routed);
      this.index.charge(number, prompt, outputTokens, this.step(nowMs));
      this.tell(Kind.Charge, number, prompt === null ? [] : [prompt], [outputTokens]);
    }
    if (cachedTokens === undefined) return;
    if (cachedTokens > 0) row.confirmedHits++;
    if (!routed.hasPrediction || matchedTokens < CONFIRMABLE_TOKENS) return;
    row.predictedHits++;
    const { priorTouch, routedStep } = routed;
    if (priorTouch === 0 || routedStep - priorTouch < MISPREDICTION_AGE_STEPS) return;
    const shortfall = Math.max(SHORTFALL_TOKENS, Math.floor(matchedTokens / 4));
    if (matchedTokens - cachedTokens <= shortfall) return;
    this.index.forgetOlder(number, priorTouch);
    this.tell(Kind.Forget, number, [], [(this.step(nowMs) - priorTouch) * STEP_MS]);
  }

  /** A neighbour's record, read in a tick. */
  hear({ kind, number, epoch, keys, values }: Told, nowMs: number): void {
    const row = this.rows[number];
    if (row === undefined || !row.isListed || row.epoch !== epoch) return;
    const now = this.step(nowMs);
    const value = values[0] ?? 0;
    if (kind === Kind.Insert) {
      const chain = keys.map((key, i) => ({ key, tokenEnd: values[i]! }));
      this.index.insert(number, chain, now);
    } else if (kind === Kind.Withdraw) {
      this.index.withdraw(number, keys, Math.max(now - value / STEP_MS, 0) + LAG_STEPS);
    } else if (kind === Kind.Charge) {
      this.index.charge(number, keys[0] ?? null, value, now);
    } else if (value / STEP_MS < now) {
      this.index.forgetOlder(number, now - value / STEP_MS);
    }
  }

  private tell(kind: Kind, number: number, keys: string[], values: number[]): void {
    assert.ok(this.rows[number] !== undefined);
    this.told.push({ kind, number, epoch: this.rows[number].epoch, keys, values });
  }
}

/** A checkpoint's name: under another hash key it is another. */
function nameOf(key: string, keyNumber: number): string {
  return `${keyNumber} ${key}`;
}

/** Of the prompt's end, whether or not it has decided where the request went. */
function promptName({ prompt, keyNumber }: Routed): string | null {
  return prompt === null ? null : nameOf(checkpointsOf(prompt).at(-1)!.key, keyNumber);
}
