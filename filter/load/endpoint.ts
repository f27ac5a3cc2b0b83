// What is known of each pod: its row of the newest table, our requests there, its learned rates.
import { ADDRESS_BYTES_MAX, ENDPOINTS_MAX, HUNG_MS, UNASKED_MS } from "../constants";

/** A count that the pod's page lacked. */
export const MISSING: u32 = 0xffffffff;

/** In-flight totals are noted at this spacing, to know what they were when a page was scraped. */
const HISTORY_STEP_MS: f64 = 64;
const HISTORY_LENGTH: u32 = 32;
/** A pod that computes shows it in each step, of 100 ms at most, and each scrape. */
const PROGRESS_MAX_AGE_MS: f64 = 1000;

/** One pod. Laid over linear memory; ENDPOINT_BYTES holds the struct and its history. */
@unmanaged
export class Endpoint {
  /** In the newest table. Rows of pods that left stay until their requests have ended. */
  isListed: bool;
  /** In the table before it; only of use while a table is read. */
  wasListed: bool;
  mayBePicked: bool;
  /** The pod's own word, or 200 hits predicted and none seen: its cache matches nothing. */
  isCacheOff: bool;
  /** It holds as many LoRA adapters as it may. */
  isAtAdapterLimit: bool;
  /** Something is held against it (filter/load/health.ts). */
  isTroubled: bool;
  /** Out of the pick, for failures or for its silence. */
  isEjected: bool;
  /** Ejected before the newest look at the troubles; only of use while they are read. */
  wasEjected: bool;
  /** Another process, or another pod, since the troubles were last looked at. */
  isAnew: bool;
  /** Ejected for its silence. */
  isHung: bool;
  addressSize: u8;
  addressHash: u64;
  epoch: u32;
  /** Grows whenever the row's cache is another one: another pod, or one that has started anew. */
  life: u32;
  waiting: u32;
  running: u32;
  kvUse: f32;
  capacityTokens: u32;
  scrapedAtMs: f64;

  /** This VM's requests there. */
  ownInFlight: i32;
  ownUnprefilled: i32;
  ownBacklogTokens: i64;
  ownKvTokens: i64;
  /** The other VMs', as they last told. */
  otherInFlight: i32;
  otherUnprefilled: i32;
  otherBacklogTokens: i64;
  otherKvTokens: i64;

  /** Other gateways' together, as the sidecar knows them; all 0 where gateways do not share. */
  sharedInFlight: u32;
  sharedUnprefilled: u32;
  sharedBacklogTokens: u32;
  sharedKvTokens: u32;

  /** First bytes of ours that are overdue, and the sum of the times they were routed at. */
  overdueCount: i32;
  overdueRoutedSumMs: f64;
  /** When the pod was last seen to compute: a byte of any answer, or counters that moved. */
  progressAtMs: f64;
  /** When a request was last routed there, by this VM. */
  routedAtMs: f64;
  /** Since when nothing came while a first byte was overdue; of no use once it has progressed. */
  silentSinceMs: f64;
  /** Prompt and generated tokens of its last page, added; NaN: it tells neither. */
  computedTokens: f64;

  /** Seconds of prefill and the tokens they took, fading: the pod's own say on its rate. */
  prefillSeconds: f64;
  prefillTokens: f64;
  predictedHits: u32;
  confirmedHits: u32;

  /** Greatest HISTORY_STEP_MS interval that the history holds. */
  historyStep: f64;

  /** Requests of this gateway: our own and the other VMs'. */
  // @ts-ignore: decorator
  @inline
  get inFlight(): i32 {
    return this.ownInFlight + this.otherInFlight;
  }

  // @ts-ignore: decorator
  @inline
  get unprefilled(): i32 {
    return this.ownUnprefilled + this.otherUnprefilled;
  }

  // @ts-ignore: decorator
  @inline
  get backlogTokens(): f64 {
    return <f64>(this.ownBacklogTokens + this.otherBacklogTokens);
  }

  // @ts-ignore: decorator
  @inline
  get kvTokens(): f64 {
    return <f64>(this.ownKvTokens + this.otherKvTokens);
  }

  /** The same with what other gateways told. */
  // @ts-ignore: decorator
  @inline
  get inFlightOfAll(): f64 {
    return <f64>max(this.inFlight, 0) + <f64>this.sharedInFlight;
  }

  // @ts-ignore: decorator
  @inline
  get unprefilledOfAll(): f64 {
    return <f64>max(this.unprefilled, 0) + <f64>this.sharedUnprefilled;
  }

  // @ts-ignore: decorator
  @inline
  get backlogTokensOfAll(): f64 {
    return Math.max(this.backlogTokens, 0) + <f64>this.sharedBacklogTokens;
  }

  // @ts-ignore: decorator
  @inline
  get kvTokensOfAll(): f64 {
    return this.kvTokens + <f64>this.sharedKvTokens;
  }

  /** What other gateways told is too old to count, or they tell nothing. */
  forgetShared(): void {
    this.sharedInFlight = 0;
    this.sharedUnprefilled = 0;
    this.sharedBacklogTokens = 0;
    this.sharedKvTokens = 0;
  }

  /**
   * Mean age of the requests whose first byte is overdue, while the pod shows no progress. A pod
   * that computes is behind, which the other terms of its delay say, and not hung. Where these
   * requests' clients have left, the pod's silence stands for them.
   */
  overdueMs(nowMs: f64): f64 {
    if (nowMs - this.progressAtMs < PROGRESS_MAX_AGE_MS) return 0;
    if (this.overdueCount <= 0) return this.silentMs(nowMs);
    return Math.max(nowMs - this.overdueRoutedSumMs / <f64>this.overdueCount, 0);
  }

  /** Something came from the pod. */
  noteProgress(atMs: f64): void {
    this.progressAtMs = Math.max(this.progressAtMs, atMs);
  }

  /** A request goes there. What was held against an idle pod is not this one's fault. */
  noteRouted(nowMs: f64): void {
    if (this.isUnasked(nowMs)) this.silentSinceMs = 0;
    this.routedAtMs = nowMs;
  }

  /** A first byte of a request routed at `routedAtMs` is overdue. */
  noteOverdue(routedAtMs: f64): void {
    this.overdueCount += 1;
    this.overdueRoutedSumMs += routedAtMs;
    if (this.silentSinceMs > 0 && this.silentSinceMs >= this.progressAtMs) return;
    this.silentSinceMs = Math.max(routedAtMs, this.progressAtMs);
  }

  /** It takes requests and answers none. */
  isSilent(nowMs: f64): bool {
    return this.silentMs(nowMs) >= HUNG_MS;
  }

  private silentMs(nowMs: f64): f64 {
    const isSilent = this.silentSinceMs > 0 && this.silentSinceMs >= this.progressAtMs;
    return isSilent && !this.isUnasked(nowMs) ? nowMs - this.silentSinceMs : 0;
  }

  /** Nothing waits there, and nothing has for a while: who is not asked need not answer. */
  private isUnasked(nowMs: f64): bool {
    return this.inFlight <= 0 && nowMs - this.routedAtMs >= UNASKED_MS;
  }

  // @ts-ignore: decorator
  @inline
  get address(): usize {
    return changetype<usize>(this) + ADDRESS_OFFSET;
  }

  /** Notes the in-flight total for the time step that `nowMs` is in. */
  noteInFlight(nowMs: f64): void {
    const step = Math.floor(nowMs / HISTORY_STEP_MS);
    const before = load<u32>(this.historyCell(this.historyStep));
    // Steps in which nobody looked had the total of the last look, within one tick.
    const skipped = <u32>Math.min(step - this.historyStep, <f64>HISTORY_LENGTH);
    for (let i: u32 = 1; i < skipped; i++) store<u32>(this.historyCell(step - <f64>i), before);
    store<u32>(this.historyCell(step), <u32>max(this.inFlight, 0));
    this.historyStep = step;
  }

  /**
   * Our in-flight total there at `atMs`, or the oldest one that is kept. The greatest of the steps
   * around: a request that has just come or gone must not look like another gateway's.
   */
  inFlightAt(atMs: f64): u32 {
    const step = Math.floor(atMs / HISTORY_STEP_MS);
    return max(this.inFlightIn(step - 1), max(this.inFlightIn(step), this.inFlightIn(step + 1)));
  }

  private inFlightIn(step: f64): u32 {
    const oldest = this.historyStep - <f64>(HISTORY_LENGTH - 1);
    return load<u32>(this.historyCell(Math.max(Math.min(step, this.historyStep), oldest)));
  }

  private historyCell(step: f64): usize {
    const history = changetype<usize>(this) + HISTORY_OFFSET;
    return history + ((<usize>(<u64>Math.max(step, 0) % HISTORY_LENGTH)) << 2);
  }
}

const ADDRESS_OFFSET: usize = (offsetof<Endpoint>() + 7) & ~7;
const HISTORY_OFFSET: usize = (ADDRESS_OFFSET + ADDRESS_BYTES_MAX + 8) & ~7;
const ENDPOINT_BYTES: usize = HISTORY_OFFSET + HISTORY_LENGTH * 4;

/** All endpoints of a pool, addressed by the number that the sidecar gave them. */
export class Endpoints {
  /** One more than the highest number seen. */
  limit: u32 = 0;
  /** Numbers that may be picked now, u16 each, and how many. */
  readonly pickable: usize;
  pickableCount: u32 = 0;
  /** The same as a bitmap of u64 words, for the index. */
  readonly pickableBits: usize;
  private readonly rows: usize;

  constructor() {
    this.rows = heap.alloc(ENDPOINT_BYTES * ENDPOINTS_MAX);
    memory.fill(this.rows, 0, ENDPOINT_BYTES * ENDPOINTS_MAX);
    this.pickable = heap.alloc(ENDPOINTS_MAX * 2);
    this.pickableBits = heap.alloc(ENDPOINTS_MAX / 8);
    memory.fill(this.pickableBits, 0, ENDPOINTS_MAX / 8);
  }

  // @ts-ignore: decorator
  @inline
  at(number: u32): Endpoint {
    return changetype<Endpoint>(this.rows + <usize>number * ENDPOINT_BYTES);
  }

  // @ts-ignore: decorator
  @inline
  pickableAt(i: u32): u32 {
    return load<u16>(this.pickable + ((<usize>i) << 1));
  }

  /** The endpoint with this address, or -1: for answers that another pod than the first gave. */
  find(address: usize, size: u32): i32 {
    for (let number: u32 = 0; number < this.limit; number++) {
      const endpoint = this.at(number);
      if (!endpoint.isListed || endpoint.addressSize != size) continue;
      if (memory.compare(endpoint.address, address, size) == 0) return <i32>number;
    }
    return -1;
  }

  /** Makes the list and the bitmap of the pods that may be picked and are not ejected. */
  listPickable(): void {
    memory.fill(this.pickableBits, 0, ENDPOINTS_MAX / 8);
    let count: u32 = 0;
    for (let number: u32 = 0; number < this.limit; number++) {
      const endpoint = this.at(number);
      if (!endpoint.isListed || !endpoint.mayBePicked || endpoint.isEjected) continue;
      store<u16>(this.pickable + ((<usize>count) << 1), <u16>number);
      count += 1;
      const word = this.pickableBits + (((<usize>number) >> 6) << 3);
      store<u64>(word, load<u64>(word) | ((<u64>1) << (number & 63)));
    }
    this.pickableCount = count;
  }
}
