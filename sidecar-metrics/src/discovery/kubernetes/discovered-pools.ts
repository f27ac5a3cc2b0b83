// Keeps a pool running for each InferencePool of this gateway, from its first list to its end.
import type { KubernetesConfig } from "../../config/schema.js";
import { ConfigError } from "../../config/explain.js";
import { REUSE_AFTER_MS } from "../../pools/endpoint-numbers.js";
import { PoolRunner, type RunnerParts } from "../../pools/pool-runner.js";
import type { SyncService } from "../../sync/sync.js";
import type { OwnGateway } from "./annotations.js";
import { assemble, type Assembly, type DiscoveredPool, type Remembered } from "./assemble.js";
import type { Cluster } from "./cluster.js";

export interface DiscoveredParts extends RunnerParts {
  sync: SyncService;
  cluster: Cluster;
}

interface Running {
  runner: PoolRunner;
  /** What it was told last, to tell it only what differs. */
  told: string;
  isServed: boolean;
  /** Since when there is no such pool any more, where it is not served. */
  goneAtMs: number;
}

export class DiscoveredPools {
  /** What people may wonder about although nothing is wrong. */
  notes: readonly string[] = [];
  /** All pools of the first lists are served. */
  isWhole = false;
  private readonly running = new Map<string, Running>();
  private readonly own: OwnGateway;
  private readonly configured: ReadonlySet<string>;
  private readonly endListening: () => void;
  private ownerless: readonly string[] = [];
  /** Pools that could not be started, with the reason. */
  private readonly failures = new Map<string, string>();
  private memory: ReadonlyMap<string, Remembered> = new Map();
  /** The newest state that has not been applied; applying takes turns. */
  private next: { assembly: Assembly; isWhole: boolean } | null = null;
  private applying: Promise<void> | null = null;

  constructor(
    private readonly settings: KubernetesConfig,
    private readonly parts: DiscoveredParts,
  ) {
    const [name = null, namespace = null] = settings.gateway?.split("/").reverse() ?? [];
    this.own = { name, namespace, port: settings.port };
    this.configured = new Set(parts.config.pools.map((pool) => pool.name));
    this.endListening = parts.cluster.listen(() => this.look());
  }

  /** About objects that belong to no pool here, in whole sentences. */
  get problems(): readonly string[] {
    return [...this.ownerless, ...this.failures.values()];
  }

  async stop(): Promise<void> {
    this.endListening();
    this.next = null;
    await this.applying;
    await Promise.all([...this.running.values()].map(({ runner }) => runner.stop()));
  }

  /** Gives up pools that are long gone, and tries again for pods without number. */
  tidy(nowMs: number): void {
    for (const [name, { runner, isServed, goneAtMs }] of this.running) {
      if (isServed) runner.pool.retryUnnumbered(nowMs);
      else if (nowMs - goneAtMs >= REUSE_AFTER_MS) {
        this.running.delete(name);
        void runner.stop();
      }
    }
  }

  private look(): void {
    const { own, configured, settings } = this;
    const known = { own, configured, defaults: settings };
    const assembly = assemble(this.parts.cluster.poolObjects(), known, this.memory);
    this.memory = assembly.memory;
    this.tellNew("warn", this.ownerless, assembly.problems);
    this.tellNew("info", this.notes, assembly.notes);
    this.ownerless = assembly.problems;
    this.notes = assembly.notes;
    this.next = { assembly, isWhole: this.parts.cluster.pending().length === 0 };
    this.applying ??= this.applyAll()
      .catch((error: unknown) => this.parts.log.error({ err: error }, "a pool did not start"))
      .finally(() => (this.applying = null));
  }

  private async applyAll(): Promise<void> {
    while (this.next !== null) {
      const { assembly, isWhole } = this.next;
      this.next = null;
      for (const [name, running] of this.running) {
        if (!assembly.pools.has(name) && running.isServed) this.retire(name, running);
      }
      for (const pool of assembly.pools.values()) await this.apply(pool);
      this.isWhole ||= isWhole;
    }
  }

  private async apply(pool: DiscoveredPool): Promise<void> {
    const told = JSON.stringify(pool);
    let running = this.running.get(pool.name);
    if (running?.told === told && running.isServed) return;
    if (running === undefined) {
      const runner = await this.create(pool.name);
      if (runner === null) return;
      running = { runner, told, isServed: false, goneAtMs: 0 };
      this.running.set(pool.name, running);
    }
    if (!running.isServed) {
      this.parts.sync.add(running.runner.pool);
      this.parts.log.info({ pool: pool.name }, "InferencePool found");
    }
    running.isServed = true;
    running.told = told;
    running.runner.setProblems(pool.problems);
    if (pool.list !== null) running.runner.setList(pool.list);
  }

  private async create(name: string): Promise<PoolRunner | null> {
    const settings = { ...this.settings, name, models: [], objectives: [], pods: {} };
    try {
      const runner = await PoolRunner.create(settings, this.parts);
      await runner.start();
      this.failures.delete(name);
      return runner;
    } catch (error) {
      if (!(error instanceof ConfigError)) throw error;
      const text = `${error.message}; the pool is not served.`;
      this.tellNew("warn", this.problems, [text]);
      this.failures.set(name, text);
      return null;
    }
  }

  /** Its endpoint numbers rest with it, in case it comes back: filters may still use them. */
  private retire(name: string, running: Running): void {
    running.isServed = false;
    running.goneAtMs = this.parts.clock.nowMs();
    running.runner.setProblems([]);
    running.runner.setList({ pods: [] });
    this.parts.sync.remove(name);
    this.parts.log.info({ pool: name }, "InferencePool gone, or not for this gateway any more");
  }

  private tellNew(level: "warn" | "info", was: readonly string[], is: readonly string[]): void {
    for (const text of is) if (!was.includes(text)) this.parts.log[level](text);
  }
}
