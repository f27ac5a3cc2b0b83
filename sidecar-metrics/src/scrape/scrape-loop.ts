// When each pod is scraped: an even cadence with jitter, under a limit of slots and a budget.
import type { Clock } from "../clock.js";

/** Spreads the scrapes of pods that were listed at the same moment. */
const JITTER_SHARE = 0.2;
/** From this failure on in a row the pod is asked less and less often. */
const BACKOFF_AFTER_FAILURES = 3;
/** A pod that comes back is seen after this at the latest. */
export const BACKOFF_MS_MAX = 1_000;
/** Pods that fail may hold this share of the slots, so that pods that hang starve nobody. */
const FAILING_SLOTS_SHARE = 0.25;
/** How far the budget may be drawn ahead, as time. */
const BURST_MS = 100;

export interface LoopLimits {
  intervalMs: number;
  concurrency: number;
  /** Scrapes per second over all pods of all pools. */
  budgetPerSecond: number;
}

interface Target {
  /** One scrape; resolves to whether it succeeded, never rejects. */
  scrape: () => Promise<boolean>;
  failures: number;
  timer: NodeJS.Timeout | null;
  isStopped: boolean;
}

export class ScrapeLoop {
  private readonly targets = new Map<object, Target>();
  private readonly waiting: Target[] = [];
  private readonly waitingFailing: Target[] = [];
  private active = 0;
  private activeFailing = 0;
  /** The budget as a meter: the time at which all scrapes started so far are paid for. */
  private paidUntilMs = -Infinity;
  private wakeTimer: NodeJS.Timeout | null = null;
  private readonly failingSlots: number;

  constructor(
    private readonly limits: LoopLimits,
    private readonly clock: Clock,
  ) {
    this.failingSlots = Math.max(1, Math.floor(limits.concurrency * FAILING_SLOTS_SHARE));
  }

  /** Starts to scrape what `key` stands for, at once but for a jitter. */
  add(key: object, scrape: () => Promise<boolean>): void {
    if (this.targets.has(key)) return;
    const target: Target = { scrape, failures: 0, timer: null, isStopped: false };
    this.targets.set(key, target);
    this.schedule(target, this.clock.random() * this.limits.intervalMs);
  }

  /** A scrape under way goes on to its end; no other follows. */
  remove(key: object): void {
    const target = this.targets.get(key);
    if (target === undefined) return;
    this.targets.delete(key);
    target.isStopped = true;
    if (target.timer !== null) clearTimeout(target.timer);
  }

  stop(): void {
    for (const key of [...this.targets.keys()]) this.remove(key);
    if (this.wakeTimer !== null) clearTimeout(this.wakeTimer);
    this.wakeTimer = null;
  }

  private schedule(target: Target, delayMs: number): void {
    target.timer = setTimeout(() => {
      target.timer = null;
      (isFailing(target) ? this.waitingFailing : this.waiting).push(target);
      this.pump();
    }, delayMs);
  }

  private pump(): void {
    for (;;) {
      const target = this.next();
      if (target === undefined) return;
      if (target.isStopped) continue;
      const nowMs = this.clock.nowMs();
      const costMs = 1_000 / this.limits.budgetPerSecond;
      if (this.paidUntilMs > nowMs + BURST_MS) {
        (isFailing(target) ? this.waitingFailing : this.waiting).unshift(target);
        return this.wakeIn(this.paidUntilMs - nowMs - BURST_MS);
      }
      this.paidUntilMs = Math.max(this.paidUntilMs, nowMs) + costMs;
      void this.run(target, nowMs);
    }
  }

  /** Pods that answer go first; those that fail have their own, fewer slots. */
  private next(): Target | undefined {
    if (this.active >= this.limits.concurrency) return undefined;
    const healthy = this.waiting.shift();
    if (healthy !== undefined) return healthy;
    return this.activeFailing < this.failingSlots ? this.waitingFailing.shift() : undefined;
  }

  private async run(target: Target, startedMs: number): Promise<void> {
    const wasFailing = isFailing(target);
    this.active++;
    if (wasFailing) this.activeFailing++;
    const isSuccess = await target.scrape();
    this.active--;
    if (wasFailing) this.activeFailing--;
    target.failures = isSuccess ? 0 : target.failures + 1;
    if (!target.isStopped) {
      const tookMs = this.clock.nowMs() - startedMs;
      this.schedule(target, Math.max(0, this.pauseMs(target) - tookMs));
    }
    this.pump();
  }

  private pauseMs(target: Target): number {
    const { intervalMs } = this.limits;
    const doublings = Math.min(10, Math.max(0, target.failures - BACKOFF_AFTER_FAILURES + 1));
    const pauseMs = Math.min(intervalMs * 2 ** doublings, Math.max(BACKOFF_MS_MAX, intervalMs));
    return pauseMs * (1 + JITTER_SHARE * (this.clock.random() - 0.5));
  }

  private wakeIn(delayMs: number): void {
    this.wakeTimer ??= setTimeout(() => {
      this.wakeTimer = null;
      this.pump();
    }, delayMs);
  }
}

function isFailing(target: Target): boolean {
  return target.failures >= BACKOFF_AFTER_FAILURES;
}
