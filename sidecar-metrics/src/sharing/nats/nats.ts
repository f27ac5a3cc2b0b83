// Carries the messages of pools between sidecars over NATS: records by a stream, load without.
import { hostname } from "node:os";
import type { Logger } from "pino";
import type { Clock } from "../../clock.js";
import type { SharingConfig } from "../../config/sharing.js";
import type { Carrier, SharedPool } from "../carrier.js";
import { Connector } from "./connector.js";
import { readFiles } from "./files.js";
import { PoolLink } from "./pool-link.js";
import { Problems } from "./problems.js";
import type { Session } from "./session.js";
import { Status } from "./status.js";

export interface NatsParts {
  clock: Clock;
  log: Logger;
  /** How often a stream's settings are looked at again; tests shorten it. */
  judgeMs?: number;
}

const JUDGE_MS = 30_000;

/**
 * `node`: 16 hexadecimal digits that no other sidecar has. Rejects with a ConfigError for files
 * that are not as they must be; a server that is down is only waited for.
 */
export async function startNats(
  config: SharingConfig,
  node: string,
  parts: NatsParts,
): Promise<Carrier> {
  await readFiles(config.nats);
  return new NatsCarrier(config, node, parts);
}

class NatsCarrier implements Carrier {
  readonly status: Status;
  private readonly links = new Map<string, PoolLink>();
  private readonly problems: Problems;
  private readonly connector: Connector;
  private session: Session | null = null;
  private consumers = 0;

  constructor(
    private readonly config: SharingConfig,
    private readonly node: string,
    private readonly parts: NatsParts,
  ) {
    this.problems = new Problems(parts.clock, parts.log);
    this.status = new Status(this.problems, () => this.isStreaming());
    const name = `warmroute ${config.name ?? hostname()} ${node}`;
    this.connector = new Connector(
      config.nats,
      { ...parts, name, problems: this.problems },
      { opened: (session) => this.opened(session), closed: () => this.closed() },
    );
  }

  replaying(): string[] {
    return [...this.links].filter(([, link]) => link.isReplaying).map(([name]) => name);
  }

  follow(pool: SharedPool): void {
    this.unfollow(pool);
    const link = new PoolLink(pool, {
      config: this.config,
      node: this.node,
      clock: this.parts.clock,
      problems: this.problems,
      status: this.status,
      judgeMs: this.parts.judgeMs ?? JUDGE_MS,
      consumerName: () => `warmroute-${this.node}-${++this.consumers}`,
    });
    this.links.set(pool.name, link);
    if (this.session !== null) link.attach(this.session);
  }

  unfollow(pool: SharedPool): void {
    this.links.get(pool.name)?.close();
    this.links.delete(pool.name);
  }

  async stop(): Promise<void> {
    for (const link of this.links.values()) link.close();
    this.links.clear();
    await this.connector.stop();
  }

  private isStreaming(): boolean {
    const links = [...this.links.values()];
    return links.length > 0 && links.every((link) => link.isReady);
  }

  private opened(session: Session): void {
    this.session = session;
    this.status.server = session.server;
    for (const link of this.links.values()) link.attach(session);
  }

  private closed(): void {
    this.session = null;
    this.status.server = null;
    this.status.disconnects++;
    for (const link of this.links.values()) link.detach();
  }
}
