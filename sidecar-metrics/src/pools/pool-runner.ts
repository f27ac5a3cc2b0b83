// Keeps one pool up to date: starts its discovery and has each of its endpoints scraped.
import type { Logger } from "pino";
import type { Agent } from "undici";
import type { Clock } from "../clock.js";
import type { Config, PoolConfig } from "../config/schema.js";
import { type Discovery, DISCOVERY_MODULES } from "../discovery/discovery.js";
import { completePods } from "../discovery/pod-list.js";
import { ENGINES } from "../engines/index.js";
import { createAgent, type TokenFile, watchToken } from "../scrape/client.js";
import { LoadCollector } from "../scrape/pod-load.js";
import { scrape, type ScrapeContext } from "../scrape/scrape.js";
import type { ScrapeLoop } from "../scrape/scrape-loop.js";
import type { Endpoint } from "./endpoint.js";
import { Pool, type PodList } from "./pool.js";

export interface RunnerParts {
  config: Config;
  clock: Clock;
  loop: ScrapeLoop;
  log: Logger;
}

export class PoolRunner {
  readonly pool: Pool;
  private discovery: Discovery | null = null;
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
    const { name, engine, modelName, routingStrategy } = settings;
    this.log = parts.log.child({ pool: name });
    this.pool = new Pool(
      { name, engine, modelName: modelName ?? null, strategy: routingStrategy ?? null },
      {
        added: (endpoint) => this.watch(endpoint),
        removed: (endpoint) => this.unwatch(endpoint),
      },
    );
    const path = settings.bearerTokenFile;
    this.tokenFile =
      path === undefined ? null : watchToken(path, (text) => this.note("token", text));
    this.context = this.createContext();
  }

  async start(): Promise<void> {
    const { static: listed, file } = this.settings.pods;
    if (listed !== undefined) this.setList({ pods: completePods(listed, this.settings) });
    if (file === undefined) return;
    const startDiscovery = await DISCOVERY_MODULES.file();
    this.discovery = startDiscovery(file, this.settings, {
      list: (list) => this.setList(list),
      problem: (text) => this.note("discovery", text),
    });
  }

  async stop(): Promise<void> {
    this.discovery?.stop();
    this.tokenFile?.watch.stop();
    await this.agent.destroy();
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

  private setList(list: PodList): void {
    this.pool.setList(list, this.parts.clock.nowMs());
    this.log.info({ pods: this.pool.endpoints.length }, "list of pods");
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
