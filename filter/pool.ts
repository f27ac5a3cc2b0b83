// What a VM keeps of one pool: endpoints, index, rates, neighbours. It hangs off the pool's name,
// so that an old and a new configuration of the same pool share it, and two pools never do.
import { Config, RoutingStrategy } from "./config";
import {
  DECISIONS_KEPT,
  FORGOTTEN_NODES_MAX,
  JOURNAL_LAG_STEPS,
  RELAY_LAG_MS,
  TICK_PERIOD_MS,
  TOUCH_STEP_MS,
} from "./constants";
import { Bytes, utf8 } from "./host/bytes";
import { random64 } from "./host/calls";
import { Endpoints } from "./load/endpoint";
import { Health } from "./load/health";
import { Rates } from "./load/rates";
import { CacheListener, readTable, TableHead } from "./load/table-reader";
import { Sync } from "./load/sync";
import { count, Counter } from "./metrics";
import { ModelTable } from "./models/model-table";
import { PromptState } from "./request/prompt-parser";
import { PrefixIndex } from "./prefix/prefix-index";
import { OwnHead } from "./share/head";
import { SharedKeys } from "./share/keys";
import { Neighbourhood } from "./share/neighbourhood";
import { readRecords, RecordSink } from "./share/record";

const MIB: u32 = 1024 * 1024;

export class Pool implements CacheListener, RecordSink {
  readonly endpoints: Endpoints;
  readonly health: Health;
  readonly rates: Rates = new Rates();
  readonly table: TableHead = new TableHead();
  readonly models: ModelTable = new ModelTable();
  readonly own: OwnHead;
  readonly neighbourhood: Neighbourhood;
  readonly sync: Sync;
  readonly nameBytes: Bytes;
  index: PrefixIndex;
  config: Config;
  /** Time of the newest table, 0 before the first. */
  tableAtMs: f64 = 0;
  private indexMiB: u32;
  /** Time of the last tick. */
  tickedAtMs: f64 = 0;
  private triedToJoinMs: f64 = 0;
  /** Nodes that others' forgets may still drop in this call. */
  private forgettable: u32 = 0;

  constructor(
    readonly name: string,
    config: Config,
    /** The clock's value that touch times count from, so that they fit 32 bits. */
    readonly startedMs: f64,
  ) {
    this.config = config;
    this.nameBytes = utf8(name);
    this.indexMiB = config.indexMiB;
    this.index = new PrefixIndex(config.indexMiB * MIB);
    const keys = new SharedKeys(name);
    const own = new OwnHead(random64(), startedMs);
    const endpoints = new Endpoints();
    this.own = own;
    this.endpoints = endpoints;
    this.health = new Health(keys, endpoints);
    this.neighbourhood = new Neighbourhood(keys, endpoints, own);
    this.sync = new Sync(keys, own.head.incarnation);
    this.neighbourhood.attach(this);
    this.configure(config);
  }

  /** Takes a newer configuration; what was learned stays, but for an index of another size. */
  configure(config: Config): void {
    this.config = config;
    this.rates.configure(config);
    this.health.ejectAfterFailures = config.ejectAfterFailures;
    this.own.head.configHash = config.hash;
    this.sync.configure(config.sidecarCluster, this.name);
    if (config.indexMiB != this.indexMiB) {
      this.indexMiB = config.indexMiB;
      this.index.dispose();
      this.index = new PrefixIndex(config.indexMiB * MIB);
    }
    this.tellCapacities();
  }

  /** No configuration has it any more: only the index is large, and it is made anew on demand. */
  retire(): void {
    if (this.indexMiB == 0) return;
    const large = this.index;
    this.indexMiB = 0;
    // Before the large one goes, or it would take the start of that one's place.
    this.index = new PrefixIndex(0);
    large.dispose();
  }

  /** The pool's own strategy, set live in the table, wins over the configuration's. */
  strategyFor(config: Config): i32 {
    const live = <i32>this.table.strategy;
    return live != 0 ? live : <i32>config.routingStrategy;
  }

  /** A table has come, and lists a pod that may be picked. */
  get canDecide(): bool {
    return this.tableAtMs != 0 && this.endpoints.pickableCount > 0;
  }

  /** Requests that are held until there is a pod, the other VMs' as they last told. */
  get waitingForPod(): u32 {
    let sum = this.own.head.waitingForPod;
    const others = this.neighbourhood.others;
    for (let i = 0; i < others.length; i++) sum += unchecked(others[i]).head.waitingForPod;
    return sum;
  }

  /** Requests in flight: ours now, and the other VMs' as they last told. */
  get inFlight(): i32 {
    let sum = 0;
    for (let number: u32 = 0; number < this.endpoints.limit; number++) {
      sum += max(this.endpoints.at(number).inFlight, 0);
    }
    return sum;
  }

  /** This VM serves requests: it takes a number among those of the pool. */
  serve(nowMs: f64): void {
    // It may have a number already, from when it passed on what the sidecar had kept.
    this.own.head.isServing = true;
    if (this.neighbourhood.vm >= 0) return;
    // Where all numbers are taken, looking at all of them with each request would cost too much.
    if (nowMs - this.triedToJoinMs < <f64>TICK_PERIOD_MS) return;
    this.triedToJoinMs = nowMs;
    this.neighbourhood.join(nowMs);
  }

  /** Steps of TOUCH_STEP_MS since the pool's state was made, as the index counts; never 0. */
  touchStep(nowMs: f64): u32 {
    return <u32>((nowMs - this.startedMs) / <f64>TOUCH_STEP_MS) + 1;
  }

  /** Two roots of one pool tick each; the second within half a period does nothing. */
  tick(nowMs: f64, periodMs: u32): void {
    if (nowMs - this.tickedAtMs < <f64>periodMs / 2) return;
    this.tickedAtMs = nowMs;
    this.showRates();
    // The table first: a neighbour's records name epochs that it brings.
    this.sync.look(this);
    this.forgettable = FORGOTTEN_NODES_MAX;
    this.neighbourhood.tick(nowMs);
    // After the heads: they tell which pods the other VMs saw compute.
    this.health.tick(nowMs);
    // Last, so that what is new goes up with the report of this tick, and not with the one after.
    this.sync.pollInTurn(this, nowMs);
    const isOld = nowMs - this.tableAtMs > <f64>this.config.metricsMaxAgeMs;
    for (let number: u32 = 0; number < this.endpoints.limit; number++) {
      const endpoint = this.endpoints.at(number);
      endpoint.noteInFlight(nowMs);
      if (isOld) endpoint.forgetShared();
    }
  }

  takeTable(at: usize, receivedAtMs: f64): void {
    const key0 = this.table.key0;
    const key1 = this.table.key1;
    const hadKey = this.table.hasKey;
    readTable(at, receivedAtMs, this.table, this.endpoints, this);
    if (!this.models.take(at, load<u32>(at, 8))) count(Counter.BadModels, 1);
    this.tableAtMs = receivedAtMs;
    const isNewKey = this.table.key0 != key0 || this.table.key1 != key1;
    if (hadKey && isNewKey) this.index.clear();
  }

  onCacheLost(endpoint: u32): void {
    this.index.forgetPod(endpoint);
  }

  onCapacity(endpoint: u32, tokens: u32): void {
    this.index.setCapacity(endpoint, tokens > 0 ? tokens : this.config.defaultCapacityTokens);
  }

  onInsert(endpoint: u32, epoch: u32, hashes: usize, tokenEnds: usize, count: u32): void {
    if (!this.isSameCache(endpoint, epoch)) return;
    this.index.insert(endpoint, hashes, tokenEnds, count, this.touchStep(this.tickedAtMs));
    const vm = this.neighbourhood.vm;
    if (!this.isReplaying || vm < 0) return;
    this.neighbourhood.journal.insert(vm, endpoint, epoch, hashes, tokenEnds, count);
  }

  onWithdraw(
    endpoint: u32,
    epoch: u32,
    hashes: usize,
    count: u32,
    ageMs: u32,
    isPassedOn: bool,
  ): void {
    if (!this.isSameCache(endpoint, epoch)) return;
    const now = this.touchStep(this.tickedAtMs);
    const age = ageMs / TOUCH_STEP_MS;
    // The insert came here some ticks, or two polls and more, after the request was routed there.
    const isRelayed = isPassedOn || this.isReplaying;
    const lag = isRelayed ? relayLagSteps(this.config.pollIntervalMs) : JOURNAL_LAG_STEPS;
    const touchedAtMax = (age < now ? now - age : 0) + lag;
    this.index.forgetChain(endpoint, hashes, 0, count, touchedAtMax);
    const vm = this.neighbourhood.vm;
    if (!this.isReplaying || vm < 0) return;
    this.neighbourhood.journal.withdraw(vm, endpoint, epoch, hashes, count, ageMs);
  }

  onCharge(endpoint: u32, epoch: u32, prompt: u64, tokens: u32): void {
    if (!this.isSameCache(endpoint, epoch)) return;
    this.index.charge(endpoint, prompt, tokens, this.touchStep(this.tickedAtMs));
    const vm = this.neighbourhood.vm;
    if (this.isReplaying && vm >= 0) {
      this.neighbourhood.journal.charge(vm, endpoint, epoch, prompt, tokens);
    }
  }

  onForget(endpoint: u32, epoch: u32, ageMs: u32): void {
    if (!this.isSameCache(endpoint, epoch)) return;
    const now = this.touchStep(this.tickedAtMs);
    const age = ageMs / TOUCH_STEP_MS;
    if (age < now) {
      this.forgettable -= this.index.forgetOlder(endpoint, now - age, this.forgettable);
    }
    const vm = this.neighbourhood.vm;
    if (!this.isReplaying || vm < 0) return;
    this.neighbourhood.journal.forget(vm, endpoint, epoch, ageMs);
  }

  /** The pod holds the prompt from now on, as far as anyone can tell; the neighbours are told. */
  insertChain(
    endpoint: u32,
    prompt: PromptState,
    tokenEnds: usize,
    nowMs: f64,
    isNews: bool,
  ): void {
    const hashes = prompt.hashes();
    const count = prompt.checkpointCount;
    this.index.insert(endpoint, hashes, tokenEnds, count, this.touchStep(nowMs));
    const vm = this.neighbourhood.vm;
    if (vm < 0 || !isNews) return;
    const epoch = this.endpoints.at(endpoint).epoch;
    this.neighbourhood.journal.insert(vm, endpoint, epoch, hashes, tokenEnds, count);
  }

  /** Takes back an insert, from checkpoint `from` on: the pod did not serve the prompt. */
  withdrawChain(endpoint: u32, prompt: PromptState, from: u32, routedAt: u32, nowMs: f64): void {
    const hashes = prompt.hashes();
    const count = prompt.checkpointCount;
    this.index.forgetChain(endpoint, hashes, from, count, routedAt);
    const vm = this.neighbourhood.vm;
    if (vm < 0 || from >= count) return;
    const epoch = this.endpoints.at(endpoint).epoch;
    const tail = hashes + ((<usize>from) << 3);
    const ageMs = (this.touchStep(nowMs) - routedAt) * TOUCH_STEP_MS;
    this.neighbourhood.journal.withdraw(vm, endpoint, epoch, tail, count - from, ageMs);
  }

  /** An answer fills the pod's cache too; the neighbours are told. */
  charge(endpoint: u32, prompt: u64, tokens: u32, nowMs: f64): void {
    this.index.charge(endpoint, prompt, tokens, this.touchStep(nowMs));
    const vm = this.neighbourhood.vm;
    if (vm < 0) return;
    const epoch = this.endpoints.at(endpoint).epoch;
    this.neighbourhood.journal.charge(vm, endpoint, epoch, prompt, tokens);
  }

  /**
   * The pod has evicted something that was last used at `touchedAt`: under LRU all that is as old
   * is gone as well.
   */
  forgetOlder(endpoint: u32, touchedAt: u32, nowMs: f64): void {
    this.index.forgetOlder(endpoint, touchedAt);
    this.own.head.mispredictions += 1;
    count(Counter.Mispredictions, 1);
    const vm = this.neighbourhood.vm;
    if (vm < 0) return;
    const epoch = this.endpoints.at(endpoint).epoch;
    const ageMs = (this.touchStep(nowMs) - touchedAt) * TOUCH_STEP_MS;
    this.neighbourhood.journal.forget(vm, endpoint, epoch, ageMs);
  }

  noteDecision(
    nowMs: f64,
    endpoint: u32,
    reason: u32,
    promptTokens: u32,
    matchedTokens: u32,
    etaMs: f64,
  ): void {
    const head = this.own.head;
    const decision = head.decision(head.decisionCount % DECISIONS_KEPT);
    decision.atMs = nowMs;
    decision.etaMs = <f32>etaMs;
    decision.promptTokens = promptTokens;
    decision.matchedTokens = matchedTokens;
    decision.endpoint = <u16>endpoint;
    decision.reason = <u16>reason;
    head.decisionCount += 1;
    head.promptTokens += promptTokens;
    head.matchedTokens += matchedTokens;
  }

  onRange(at: usize, bytes: u32): void {
    this.sync.passUp(at, bytes);
  }

  /**
   * Applies records that the sidecar gave, and passes them on to the neighbours, marked so. Returns
   * how many bytes of them were whole records.
   */
  replay(at: usize, bytes: u32, nowMs: f64): u32 {
    const neighbourhood = this.neighbourhood;
    neighbourhood.join(nowMs);
    const journal = neighbourhood.journal;
    journal.isPassingOn = true;
    this.forgettable = FORGOTTEN_NODES_MAX;
    const done = readRecords(at, bytes, this);
    journal.isPassingOn = false;
    // At once, not with the next tick: they are late enough.
    if (neighbourhood.vm >= 0) journal.publish(neighbourhood.vm);
    neighbourhood.publishHead(nowMs);
    return done;
  }

  private get isReplaying(): bool {
    return this.neighbourhood.journal.isPassingOn;
  }

  private isSameCache(endpoint: u32, epoch: u32): bool {
    if (endpoint >= this.endpoints.limit) return false;
    const row = this.endpoints.at(endpoint);
    return row.isListed && row.epoch == epoch;
  }

  private tellCapacities(): void {
    for (let number: u32 = 0; number < this.endpoints.limit; number++) {
      if (this.endpoints.at(number).isListed) {
        this.onCapacity(number, this.endpoints.at(number).capacityTokens);
      }
    }
  }

  private showRates(): void {
    const head = this.own.head;
    head.bytesPerToken = this.rates.bytesPerToken;
    head.outputTokens = this.rates.outputTokens;
    head.prefillSecondsPerToken = this.rates.prefillSecondsPerToken;
    head.secondsPerOutputToken = this.rates.secondsPerOutputToken;
    head.indexNodes = this.index.nodeCount;
    head.indexNodesMax = this.index.nodeCountMax;
    head.indexEvicted = this.index.evictedCount;
  }
}

/** How much later an insert may come by way of the sidecar than what takes it back, in steps. */
function relayLagSteps(pollIntervalMs: u32): u32 {
  return (RELAY_LAG_MS + 2 * pollIntervalMs) / TOUCH_STEP_MS;
}
