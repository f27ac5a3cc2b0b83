// One pool: its endpoints as discovery lists them, and the load table made from them.
import type { EngineName } from "../engines/index.js";
import { Catalog } from "../models/catalog.js";
import { type ModelPolicy, OPEN_POLICY } from "../models/model-policy.js";
import { type SharedLoad, type Strategy, TableBuffer, type TableRow } from "../sync/table.js";
import { Endpoint, type PodSettings } from "./endpoint.js";
import { EndpointNumbers } from "./endpoint-numbers.js";

/** When more than this share of the pods is unreachable, the fault is likely on our side. */
const PASSED_OVER_SHARE_MAX = 0.5;

export interface PoolListener {
  added(endpoint: Endpoint): void;
  removed(endpoint: Endpoint): void;
}

/** What discovery says about a pool at one moment. */
export interface PodList {
  pods: PodSettings[];
  /** Undefined: discovery has no say, the configured strategy stays. */
  strategy?: Strategy | undefined;
  /** Undefined: discovery has no say, the configured ones stay. */
  models?: ModelPolicy | undefined;
}

export interface PoolSettings {
  name: string;
  engine: EngineName;
  modelName: string | null;
  strategy: Strategy | null;
  /** Absent: nothing is declared. */
  models?: ModelPolicy;
}

export class Pool {
  /** In the order of their numbers, which is the order of the rows. */
  endpoints: Endpoint[] = [];
  strategy: Strategy | null;
  /** Its models, and the section of the table made from them. */
  readonly catalog = new Catalog();
  /** Discovery has given a list, be it an empty one. */
  isListed = false;
  /** Addresses beyond the 1,024 numbers there are: not in the table. */
  unnumbered: string[] = [];
  /** What is wrong with the pool's files, by subject; their last good state counts. */
  readonly problems = new Map<string, string>();
  readonly numbers = new EndpointNumbers();
  /** Endpoints gone lately, so that one that comes back keeps its epoch and its last load. */
  private readonly gone = new Map<string, Endpoint>();
  private readonly waiting: (() => void)[] = [];
  private wasScraped = false;
  private list: PodList = { pods: [] };
  private table = new TableBuffer(0);
  /** Those that the table says are passed over. */
  private passedOver: ReadonlySet<Endpoint> = new Set();

  constructor(
    readonly settings: PoolSettings,
    private readonly listener: PoolListener,
  ) {
    this.strategy = settings.strategy;
    this.catalog.setPolicy(settings.models ?? OPEN_POLICY);
  }

  get name(): string {
    return this.settings.name;
  }

  /** The policy in force. */
  get models(): ModelPolicy {
    return this.catalog.policy;
  }

  setList(list: PodList, nowMs: number): void {
    this.list = list;
    this.isListed = true;
    this.strategy = list.strategy ?? this.settings.strategy;
    this.catalog.setPolicy(list.models ?? this.settings.models ?? OPEN_POLICY);
    for (const address of this.numbers.forgetOld(nowMs)) this.gone.delete(address);
    const known = new Map(this.endpoints.map((endpoint) => [endpoint.pod.address, endpoint]));
    const wanted = new Map(list.pods.map((pod) => [pod.address, pod.uid]));
    // Those that leave go first: nothing may hold two rows while the list changes.
    for (const endpoint of this.endpoints) {
      const { address, uid } = endpoint.pod;
      if (wanted.get(address) === uid) continue;
      known.delete(address);
      this.leave(endpoint, nowMs);
    }
    this.unnumbered = [];
    const endpoints: Endpoint[] = [];
    for (const pod of list.pods) {
      const endpoint = known.get(pod.address) ?? this.enter(pod, nowMs);
      if (endpoint === null) continue;
      endpoint.pod = pod;
      endpoint.isDirty = true;
      endpoints.push(endpoint);
    }
    this.endpoints = endpoints.sort((a, b) => a.number - b.number);
    this.table = new TableBuffer(endpoints.length);
    for (const call of this.waiting.splice(0)) call();
  }

  /** Tries again for pods that found no number; call it now and then. */
  retryUnnumbered(nowMs: number): void {
    if (this.unnumbered.length > 0) this.setList(this.list, nowMs);
  }

  /** Unreachable endpoints, of those that could be picked otherwise. */
  unreachable(): ReadonlySet<Endpoint> {
    return new Set(this.endpoints.filter((one) => one.isUnreachable && !one.pod.isDraining));
  }

  /** Endpoints not to be picked until a scrape succeeds: the unreachable ones, or none at all. */
  findPassedOver(): ReadonlySet<Endpoint> {
    const unreachable = this.unreachable();
    const pickable = this.endpoints.filter(({ pod }) => !pod.isDraining).length;
    return unreachable.size <= pickable * PASSED_OVER_SHARE_MAX ? unreachable : new Set();
  }

  /**
   * The table as of now, with what other gateways than the one that asks have on each pod; the
   * bytes stay valid until the next call only.
   */
  encode(
    header: Parameters<TableBuffer["seal"]>[0],
    nowMs: number,
    loadOf: (number: number) => SharedLoad | null,
  ): Buffer {
    const was = this.passedOver;
    this.passedOver = this.findPassedOver();
    this.endpoints.forEach((endpoint, index) => {
      const isPassedOver = this.passedOver.has(endpoint);
      if (endpoint.isDirty || isPassedOver !== was.has(endpoint)) {
        this.table.writeRow(index, toRow(endpoint, isPassedOver));
      }
      endpoint.isDirty = false;
      const sentAtMs = endpoint.loadSentAtMs;
      this.table.writeAge(index, sentAtMs === null ? null : Math.floor(nowMs - sentAtMs));
      this.table.writeShared(index, loadOf(endpoint.number));
    });
    this.table.setSection(this.catalog.refresh(this.endpoints, header.madeAtUnixMs));
    this.table.seal(header);
    return this.table.bytes;
  }

  /** Calls once there is a list, at once where there is one. */
  whenListed(call: () => void): void {
    if (this.isListed) call();
    else this.waiting.push(call);
  }

  /** Each pod of the first lists was asked once, so that the lives of their caches are known. */
  get hasBeenScraped(): boolean {
    this.wasScraped ||= this.isListed && this.endpoints.every((one) => one.hasBeenTried);
    return this.wasScraped;
  }

  private enter(pod: PodSettings, nowMs: number): Endpoint | null {
    const number = this.numbers.take(pod.address, nowMs);
    if (number === null) {
      this.unnumbered.push(pod.address);
      return null;
    }
    const former = this.gone.get(pod.address);
    // Another pod at the same address has the number, and nothing else, of the former one.
    const endpoint = former?.pod.uid === pod.uid ? former : new Endpoint(pod, number);
    this.gone.delete(pod.address);
    endpoint.pod = pod;
    this.listener.added(endpoint);
    return endpoint;
  }

  private leave(endpoint: Endpoint, nowMs: number): void {
    this.numbers.release(endpoint.pod.address, nowMs);
    this.gone.set(endpoint.pod.address, endpoint);
    this.listener.removed(endpoint);
  }
}

function toRow(endpoint: Endpoint, isPassedOver: boolean): TableRow {
  const { pod, number, epoch, load } = endpoint;
  return {
    number,
    mayBePicked: !pod.isDraining && !isPassedOver,
    prefixCachingOff: load?.hasPrefixCaching === false,
    isAtAdapterLimit: endpoint.models.isAtAdapterLimit,
    address: pod.address,
    epoch,
    waiting: load?.waiting ?? null,
    running: load?.running ?? null,
    kvUsage: load?.kvUsage ?? null,
    kvCapacityTokens: load?.kvCapacityTokens ?? 0,
    promptTokens: load?.promptTokens ?? null,
    generatedTokens: load?.generatedTokens ?? null,
    prefixQueryTokens: load?.prefixQueryTokens ?? null,
    prefixHitTokens: load?.prefixHitTokens ?? null,
  };
}
