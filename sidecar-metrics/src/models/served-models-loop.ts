// When each pod of a pool is asked for its models: soon after it appears, then now and then.
import type { Clock } from "../clock.js";
import type { PoolConfig } from "../config/schema.js";
import type { Endpoint } from "../pools/endpoint.js";
import { createAgent } from "../scrape/client.js";
import { askServedModels, type ServedAnswer, type ServedModelsContext } from "./served-models.js";

export const REFRESH_MS = 30_000;
/** Spreads the questions to pods that were listed at the same moment. */
const JITTER_SHARE = 0.2;
/** A pod that starts answers metrics before it has loaded its model, or nothing at all. */
const RETRY_MS_MIN = 1_000;
/** Shorter than the pause between two questions: nothing is gained by holding connections. */
const KEEP_ALIVE_MS = 1_000;
/** How often the loop looks for pods that are due. */
export const LOOK_MS = 250;
/** Questions under way at once: slow pods delay only the news about models. */
export const CONCURRENCY = 4;

interface Plan {
  dueMs: number;
  failures: number;
  /** Whose list it is: another one is asked for at once. */
  epoch: number;
  isUnderWay: boolean;
}

export class ServedModelsLoop {
  private plans = new Map<Endpoint, Plan>();
  private active = 0;
  private isStopped = false;
  private timer: NodeJS.Timeout | null = null;

  /** `endpoints` gives the pool's present ones; `ask` never rejects. */
  constructor(
    private readonly endpoints: () => readonly Endpoint[],
    private readonly ask: (endpoint: Endpoint) => Promise<ServedAnswer>,
    private readonly clock: Clock,
  ) {}

  start(): void {
    this.timer ??= setInterval(() => this.look(), LOOK_MS);
  }

  stop(): void {
    this.isStopped = true;
    if (this.timer !== null) clearInterval(this.timer);
    this.timer = null;
  }

  /** Asks pods that are due, as many as there are free places. */
  look(): void {
    const nowMs = this.clock.nowMs();
    const plans = new Map<Endpoint, Plan>();
    for (const endpoint of this.endpoints()) plans.set(endpoint, this.planOf(endpoint, nowMs));
    this.plans = plans;
    this.pump(nowMs);
  }

  private pump(nowMs: number): void {
    if (this.isStopped) return;
    for (const [endpoint, plan] of this.plans) {
      if (this.active >= CONCURRENCY) return;
      // One that takes no connection would hold a place until its deadline.
      if (plan.isUnderWay || plan.dueMs > nowMs || endpoint.isUnreachable) continue;
      void this.run(endpoint, plan);
    }
  }

  private planOf(endpoint: Endpoint, nowMs: number): Plan {
    const plan = this.plans.get(endpoint);
    const { epoch } = endpoint;
    if (plan === undefined) return { dueMs: nowMs, failures: 0, epoch, isUnderWay: false };
    if (plan.epoch !== epoch) {
      // From 0 to the first epoch nothing was restarted.
      if (plan.epoch !== 0) plan.dueMs = nowMs;
      plan.epoch = epoch;
    }
    return plan;
  }

  private async run(endpoint: Endpoint, plan: Plan): Promise<void> {
    const { epoch } = plan;
    plan.isUnderWay = true;
    this.active++;
    const answer = await this.ask(endpoint);
    this.active--;
    plan.isUnderWay = false;
    const nowMs = this.clock.nowMs();
    plan.failures = answer.isKnown ? 0 : plan.failures + 1;
    const pauseMs = answer.isKnown
      ? REFRESH_MS
      : Math.min(REFRESH_MS, RETRY_MS_MIN * 2 ** Math.min(10, plan.failures - 1));
    const jitter = 1 + JITTER_SHARE * (this.clock.random() - 0.5);
    // The answer of a process that is gone by now calls for the next one.
    plan.dueMs = plan.epoch === epoch ? nowMs + pauseMs * jitter : nowMs;
    if (answer.isKnown) endpoint.models.takeServed(answer.models);
    else endpoint.models.failure = answer.detail;
    this.pump(nowMs);
  }
}

type Settings = Pick<PoolConfig, "name" | "tls" | "modelsPath">;
type Context = Pick<ServedModelsContext, "bearerToken" | "timeoutMs"> & { clock: Clock };

/**
 * Starts to ask a pool's pods, if its configuration wants that; what it returns stops it. The
 * connections are its own: a pod that takes long over its list must not keep a scrape waiting.
 */
export async function watchServedModels(
  settings: Settings,
  endpoints: () => readonly Endpoint[],
  { clock, bearerToken, timeoutMs }: Context,
): Promise<() => Promise<void>> {
  if (settings.modelsPath === "") return () => Promise.resolve();
  const dispatcher = await createAgent(settings, timeoutMs, KEEP_ALIVE_MS);
  const ask = ({ pod }: Endpoint): Promise<ServedAnswer> =>
    askServedModels(`${pod.scheme}://${pod.address}${settings.modelsPath}`, {
      dispatcher,
      bearerToken,
      timeoutMs,
    });
  const loop = new ServedModelsLoop(endpoints, ask, clock);
  loop.start();
  return () => {
    loop.stop();
    return dispatcher.destroy();
  };
}
