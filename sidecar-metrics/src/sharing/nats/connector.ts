// Keeps a connection to one of the servers, and never gives up.
import type { Logger } from "pino";
import type { Clock } from "../../clock.js";
import type { NatsConfig } from "../../config/sharing.js";
import { Backoff } from "./backoff.js";
import { explainConnection, explainDenial } from "./explain.js";
import { type Address, addressOf } from "./greeting.js";
import type { Problems } from "./problems.js";
import { Session } from "./session.js";
import { Sleeper } from "./sleeper.js";

const RETRY_FIRST_MS = 200;
const RETRY_MAX_MS = 5_000;
/** A connection that lasts as long was a good one: the next loss is tried again at once. */
const GOOD_AFTER_MS = 5_000;

export interface ConnectorEvents {
  opened(session: Session): void;
  closed(): void;
}

export interface ConnectorParts {
  clock: Clock;
  log: Logger;
  problems: Problems;
  /** What the server shows in its list of clients. */
  name: string;
}

export class Connector {
  private session: Session | null = null;
  private isStopped = false;
  private readonly sleeper = new Sleeper();
  private readonly backoff: Backoff;
  private readonly addresses: Address[];
  private next: number;

  constructor(
    private readonly config: NatsConfig,
    private readonly parts: ConnectorParts,
    private readonly events: ConnectorEvents,
  ) {
    this.backoff = new Backoff(parts.clock, RETRY_FIRST_MS, RETRY_MAX_MS);
    this.addresses = config.servers.map(addressOf);
    // Sidecars with the same list spread over it.
    this.next = Math.floor(parts.clock.random() * this.addresses.length);
    void this.run();
  }

  async stop(): Promise<void> {
    this.isStopped = true;
    this.sleeper.wake();
    await this.session?.close();
  }

  private async run(): Promise<void> {
    while (!this.isStopped) {
      for (let tries = 0; tries < this.addresses.length && !this.isStopped; tries++) {
        const address = this.addresses[this.next++ % this.addresses.length];
        const session = address === undefined ? null : await this.open(address);
        if (session === null) continue;
        await this.hold(session);
        break;
      }
      if (!this.isStopped) await this.sleeper.sleep(this.backoff.nextMs());
    }
  }

  private async open(address: Address): Promise<Session | null> {
    const { problems, name } = this.parts;
    const key = `connection:${address.text}`;
    try {
      return await Session.open(address, this.config, name, {
        error: (error) => this.tellDenial(address.text, error),
      });
    } catch (error) {
      problems.set(key, explainConnection(address.text, this.config, error));
      return null;
    }
  }

  private tellDenial(server: string, error: Error): void {
    const denial = explainDenial(server, error);
    if (denial !== null) this.parts.problems.deny(denial.key, denial.sentence);
  }

  private async hold(session: Session): Promise<void> {
    const { clock, log, problems } = this.parts;
    if (this.isStopped) return session.close();
    this.session = session;
    problems.clear("");
    const sinceMs = clock.nowMs();
    log.info({ server: session.server }, "connected to NATS");
    this.events.opened(session);
    const error = await session.ended();
    this.session = null;
    this.events.closed();
    if (this.isStopped) return;
    const lost = `The connection to NATS at ${session.server} is lost`;
    problems.set(`connection:${session.server}`, `${lost}${error ? `: ${error.message}` : ""}.`);
    if (clock.nowMs() - sinceMs >= GOOD_AFTER_MS) this.backoff.reset();
  }
}
