// The filter behind a bounded queue in the gateway: requests are held while every pod's own queue
// is long enough, and go on by urgency; one queue for each worker, which sees no other's.
import { CRITICALITIES } from "../../sidecar-metrics/src/models/model-policy.js";
import {
  HELD,
  type Release,
  type RoutedRequest,
  type Rule,
  type RuleView,
  type Ticker,
} from "./rule.js";
import { warmroute } from "./warmroute.js";

/** A pod with fewer requests that wait for their first token has room: it never runs dry. */
const UNPREFILLED_MAX = 4;
/**
 * Held for longer, a request would be late, as it waits in the pod, too: it is refused, or where it
 * is critical goes on behind the critical ones that can still be in time.
 */
const HOLD_MS_MAX = 2500;
const QUEUE_LENGTH_MAX = 1024;
const TICK_MS = 10;
/** The filter behind it refuses nothing. */
const NO_ADMISSION = { saturationMs: 3_600_000, standardSaturationMs: 0 };

interface Held {
  request: RoutedRequest;
  sinceMs: number;
}

export function gatewayQueue(view: RuleView): Rule {
  const filterConfig = { ...view.filterConfig, ...NO_ADMISSION };
  return new HoldingRule(view, warmroute({ ...view, filterConfig }));
}

class HoldingRule implements Rule {
  readonly tickers: Ticker[];
  private readonly queues: Queue[];
  /** By pod: requests of this gateway's workers without a first token, which they all know. */
  private readonly unprefilled: number[];
  private readonly waiting = new Set<number>();
  private release: Release = () => undefined;
  /** Whose queue is looked at first: no worker's requests are preferred. */
  private turn = 0;

  constructor(
    private readonly view: RuleView,
    private readonly inner: Rule,
  ) {
    this.queues = Array.from({ length: view.workers }, () => new Queue());
    this.unprefilled = view.addresses.map(() => 0);
    const own = { firstMs: 0, periodMs: TICK_MS, tick: (nowMs: number) => this.tick(nowMs) };
    this.tickers = [...(inner.tickers ?? []), own];
  }

  onRelease(release: Release): void {
    this.release = release;
  }

  pick(request: RoutedRequest, nowMs: number): number {
    const queue = this.queues[this.view.random.integer(0, this.queues.length - 1)]!;
    if (queue.length === 0 && this.hasRoom()) return this.route(request, nowMs);
    const refused = queue.add({ request, sinceMs: nowMs });
    if (refused === request) return -1;
    if (refused !== null) this.release(refused, -1, nowMs);
    return HELD;
  }

  second(request: RoutedRequest): number {
    return this.inner.second?.(request) ?? -1;
  }

  onAccepted(request: RoutedRequest, nowMs: number): void {
    this.unprefilled[request.pod]!++;
    this.waiting.add(request.number);
    this.inner.onAccepted?.(request, nowMs);
  }

  onFirstToken(request: RoutedRequest, nowMs: number): void {
    this.inner.onFirstToken?.(request, nowMs);
    this.prefilled(request);
    this.dispatch(nowMs);
  }

  onFinish(request: RoutedRequest, nowMs: number): void {
    this.inner.onFinish?.(request, nowMs);
    this.dispatch(nowMs);
  }

  onFail(request: RoutedRequest, nowMs: number): void {
    this.inner.onFail?.(request, nowMs);
    this.prefilled(request);
  }

  private prefilled({ number, pod }: RoutedRequest): void {
    if (this.waiting.delete(number)) this.unprefilled[pod]!--;
  }

  private route(request: RoutedRequest, nowMs: number): number {
    return this.inner.pick(request, nowMs);
  }

  private tick(nowMs: number): void {
    for (const queue of this.queues) {
      for (const late of queue.takeLate(nowMs)) {
        if (classOf(late) === 0) queue.addLate(late);
        else this.release(late, -1, nowMs);
      }
    }
    this.dispatch(nowMs);
  }

  private dispatch(nowMs: number): void {
    for (let empty = 0; empty < this.queues.length && this.hasRoom();) {
      const next = this.queues[this.turn++ % this.queues.length]!.take();
      if (next === null) empty++;
      else this.release(next, this.route(next, nowMs), nowMs);
    }
  }

  /** Some pod's queue is short, as far as this gateway knows of its own and of what was scraped. */
  private hasRoom(): boolean {
    return this.unprefilled.some(
      (own, pod) =>
        this.view.mayBePicked(pod) &&
        Math.max(own, this.view.scraped(pod).waiting) < UNPREFILLED_MAX,
    );
  }
}

/** By criticality; within one the tenants in turn, and the requests of each as they came. */
class Queue {
  length = 0;
  private readonly late: RoutedRequest[] = [];
  private readonly classes = CRITICALITIES.map(() => new Map<number, Held[]>());

  /** The request that is refused for it, perhaps the new one; null: there was room. */
  add(held: Held): RoutedRequest | null {
    const refused = this.length < QUEUE_LENGTH_MAX ? null : this.takeLeastUrgent(held.request);
    if (refused === held.request) return refused;
    const tenants = this.classes[classOf(held.request)]!;
    const tenant = held.request.traffic.tenant ?? 0;
    const list = tenants.get(tenant);
    if (list) list.push(held);
    else tenants.set(tenant, [held]);
    this.length++;
    return refused;
  }

  addLate(request: RoutedRequest): void {
    this.late.push(request);
    this.length++;
  }

  /** The most urgent one; null: there is none. */
  take(): RoutedRequest | null {
    for (const [urgency, tenants] of this.classes.entries()) {
      if (urgency > 0 && this.late.length > 0) {
        this.length--;
        return this.late.shift()!;
      }
      for (const [tenant, list] of tenants) {
        // To the end of the turn.
        tenants.delete(tenant);
        const { request } = list.shift()!;
        if (list.length > 0) tenants.set(tenant, list);
        this.length--;
        return request;
      }
    }
    return null;
  }

  /** Takes out those that have been held too long. */
  takeLate(nowMs: number): RoutedRequest[] {
    const late: RoutedRequest[] = [];
    for (const tenants of this.classes) {
      for (const [tenant, list] of tenants) {
        while (list.length > 0 && nowMs - list[0]!.sinceMs >= HOLD_MS_MAX) {
          late.push(list.shift()!.request);
        }
        if (list.length === 0) tenants.delete(tenant);
      }
    }
    this.length -= late.length;
    return late;
  }

  private takeLeastUrgent(newcomer: RoutedRequest): RoutedRequest {
    for (let urgency = this.classes.length - 1; urgency > classOf(newcomer); urgency--) {
      for (const [tenant, list] of this.classes[urgency]!) {
        const { request } = list.pop()!;
        if (list.length === 0) this.classes[urgency]!.delete(tenant);
        this.length--;
        return request;
      }
    }
    return newcomer;
  }
}

/** Requests without a criticality are Standard ones. */
function classOf({ traffic }: RoutedRequest): number {
  return CRITICALITIES.indexOf(traffic.criticality ?? "Standard");
}
