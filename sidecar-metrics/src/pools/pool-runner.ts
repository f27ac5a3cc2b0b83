// Keeps one pool up to date: starts its discovery and has each of its endpoints scraped.
import type { Logger } from "pino";
import type { Agent } from "undici";
import type { Clock } from "../clock.js";
import { policyOf } from "../config/models.js";
import type { Config, PoolConfig } from "../config/schema.js";
import { type Discovery, DISCOVERY_MODULES } from "../discovery/discovery.js";
import type { Cluster } from "../discovery/kubernetes/cluster.js";
import { completePods } from "../discovery/pod-list.js";
import { ENGINES } from "../engines/index.js";
import { watchServedModels } from "../models/served-models-loop.js";
import { createAgent, type TokenFile, watchToken } from "../scrape/client.js";
import { LoadCollector } from "../scrape/pod-load.js";
import { scrape, type ScrapeContext } from "../scrape/scrape.js";
import type { ScrapeLoop } from "../scrape/scrape-loop.js";
import type { Endpoint } from "./endpoint.js";
import { Pool, type PodList } from "./pool.js";

/** Begins the subject of each problem with the pool's objects. */
const OBJECT_PROBLEM = "object: ";

export interface RunnerParts {
  config: Config;
  clock: Clock;
  loop: ScrapeLoop;
  log: Logger;
  /** Null where the configuration needs none. */
  cluster: Cluster | null;
}

export class PoolRunner {
  readonly pool: Pool;
  private discovery: Discovery | null = null;
  private stopServedModels: (() => Promise<void>) | null = null;
  private readonly tokenFile: TokenFile | null;
  private readonly context: ScrapeContext;
  private readonly log: Logger;

  /** Throws a ConfigError when a file that the pool's settings name cannot be read. */
  static async create(settings: PoolConfig, parts: RunnerParts): Promise<PoolRunner> {
    const agent = await createAgent(settings, parts.config.scrape.timeoutMs);
    return new PoolRunner(settings, parts, agent);
  }

  private constructor(
    private readonly settings: PoolConfig,
    private readonly parts: RunnerParts,
    private readonly agent: Agent,
  ) {
    const { name, engine, modelName = null, routingStrategy: strategy = null } = settings;
    this.log = parts.log.child({ pool: name });
    this.pool = new Pool(
      { name, engine, modelName, strategy, models: policyOf(settings) },
      {
        added: (endpoint) => this.watch(endpoint),
        removed: (endpoint) => this.unwatch(endpoint),
      },
    );
    this.pool.catalog.asksPods = settings.modelsPath !== "";
    const path = settings.bearerTokenFile;
    this.tokenFile =
      path === undefined ? null : watchToken(path, (text) => this.note("token", text));
    this.context = this.createContext();
  }

  async start(): Promise<void> {
    const endpoints = () => this.pool.endpoints;
    const asking = { ...this.context, clock: this.parts.clock };
    this.stopServedModels = await watchServedModels(this.settings, endpoints, asking);
    const { static: listed, file, kubernetes } = this.settings.pods;
    const events = {
      list: (list: PodList) => this.setList(list),
      problem: (text: string | null) => this.note("discovery", text),
    };
    const { cluster } = this.parts;
    if (listed !== undefined) this.setList({ pods: completePods(listed, this.settings) });
    if (file !== undefined) {
      this.discovery = (await DISCOVERY_MODULES.file())(file, this.settings, events);
    } else if (kubernetes !== undefined && cluster !== null) {
      const watchSelectedPods = await DISCOVERY_MODULES.selected();
      this.discovery = watchSelectedPods({ cluster, from: kubernetes }, this.settings, events);
    }
  }

  async stop(): Promise<void> {
    this.discovery?.stop();
    this.tokenFile?.watch.stop();
    await Promise.all([this.agent.destroy(), this.stopServedModels?.()]);
  }

  private createContext(): ScrapeContext {
    const { config, clock } = this.parts;
    const mapping = ENGINES[this.settings.engine];
    return {
      dispatcher: this.agent,
      mapping,
      names: LoadCollector.names(mapping),
      modelName: this.settings.modelName ?? null,
      bearerToken: () => this.tokenFile?.token() ?? null,
      timeoutMs: config.scrape.timeoutMs,
      bodyBytesMax: config.scrape.maxBytes,
      nowMs: () => clock.nowMs(),
    };
  }

  setList(list: PodList): void {
    this.pool.setList(list, this.parts.clock.nowMs());
    this.log.info({ pods: this.pool.endpoints.length }, "list of pods");
  }

  /** All that discovery finds wrong with the pool's objects, in whole sentences. */
  setProblems(texts: readonly string[]): void {
    const { problems } = this.pool;
    const wanted = new Set(texts.map((text) => OBJECT_PROBLEM + text));
    for (const about of problems.keys()) {
      if (about.startsWith(OBJECT_PROBLEM) && !wanted.has(about)) problems.delete(about);
    }
    for (const text of texts) {
      if (!problems.has(OBJECT_PROBLEM + text)) this.note(OBJECT_PROBLEM + text, text);
    }
  }

  private watch(endpoint: Endpoint): void {
    this.parts.loop.add(endpoint, async () => {
      const wasFailing = endpoint.isFailing;
      const outcome = await scrape(endpoint.url, this.context);
      endpoint.record(outcome);
      if (endpoint.isFailing !== wasFailing) this.logChange(endpoint);
      return outcome.result === "ok";
    });
  }

  private unwatch(endpoint: Endpoint): void {
    this.parts.loop.remove(endpoint);
  }

  private logChange(endpoint: Endpoint): void {
    const pod = endpoint.pod.address;
    const { failure } = endpoint;
    if (failure === null) this.log.info({ pod }, "scrapes succeed again");
    else this.log.warn({ pod, reason: failure.reason, detail: failure.detail }, "scrapes fail");
  }

  private note(about: string, text: string | null): void {
    if (text !== null) this.log.warn(text);
    if (text === null) this.pool.problems.delete(about);
    else this.pool.problems.set(about, text);
  }
}
