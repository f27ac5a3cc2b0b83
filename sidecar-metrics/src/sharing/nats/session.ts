// One connection to a server, from its greeting to its end; nothing of it outlives that.
import { isIP } from "node:net";
import { checkServerIdentity } from "node:tls";
import { jetstreamManager, type JetStreamManager } from "@nats-io/jetstream";
import {
  connect,
  createInbox,
  credsAuthenticator,
  type NatsConnection,
  type NodeConnectionOptions,
} from "@nats-io/transport-node";
import type { NatsConfig } from "../../config/sharing.js";
import { type ConnectionFiles, readFiles } from "./files.js";
import { type Address, awaitGreeting } from "./greeting.js";

const CONNECT_TIMEOUT_MS = 4_000;
/** A server that answers none of two pings is left after three of these: 4.5 s. */
const PING_INTERVAL_MS = 1_500;
const PINGS_UNANSWERED_MAX = 2;
/** What of load may be on its way to a server that has not confirmed it; more is left out. */
const LOAD_BYTES_MAX = 1024 * 1024;
/** How long the end of a connection waits for what is on its way. */
const LAST_FLUSH_MS = 500;

export interface SessionEvents {
  /** The server said that something is wrong; the connection goes on. */
  error(error: Error): void;
}

export class Session {
  private loadBytes = 0;
  private isFlushing = false;

  private constructor(
    readonly server: string,
    readonly connection: NatsConnection,
    readonly jsm: JetStreamManager,
  ) {}

  /** Rejects with the reason where there is no connection. */
  static async open(
    address: Address,
    config: NatsConfig,
    name: string,
    events: SessionEvents,
  ): Promise<Session> {
    const files = await readFiles(config);
    await awaitGreeting(address);
    const connection = await connect(optionsOf(address, config, name, files));
    const jsm = await jetstreamManager(connection, { checkAPI: false });
    const session = new Session(address.text, connection, jsm);
    void session.watch(events);
    return session;
  }

  get isOpen(): boolean {
    return !this.connection.isClosed();
  }

  /** Resolves when the connection has ended, with the reason where there is one. */
  async ended(): Promise<Error | null> {
    return (await this.connection.closed()) ?? null;
  }

  inbox(): string {
    return createInbox();
  }

  /** Sends at once or not at all; false: not at all. */
  sendLoad(subject: string, bytes: Uint8Array): boolean {
    const size = subject.length + bytes.length;
    if (!this.isOpen || this.loadBytes + size > LOAD_BYTES_MAX) return false;
    if (bytes.length > this.maxPayload) return false;
    this.connection.publish(subject, bytes);
    this.loadBytes += size;
    this.flush();
    return true;
  }

  get maxPayload(): number {
    return this.connection.info?.max_payload ?? Infinity;
  }

  async close(): Promise<void> {
    if (!this.isOpen) return;
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<void>((resolve) => (timer = setTimeout(resolve, LAST_FLUSH_MS)));
    await Promise.race([this.connection.flush().catch(() => {}), late]);
    clearTimeout(timer);
    await this.connection.close();
  }

  /** One question at a time counts what the server has taken off the connection. */
  private flush(): void {
    if (this.isFlushing) return;
    this.isFlushing = true;
    const asked = this.loadBytes;
    this.connection.flush().then(
      () => {
        this.isFlushing = false;
        this.loadBytes -= asked;
        if (this.loadBytes > 0 && this.isOpen) this.flush();
      },
      () => {},
    );
  }

  private async watch(events: SessionEvents): Promise<void> {
    for await (const status of this.connection.status()) {
      if (status.type === "error") events.error(status.error);
      // By itself the client first waits for what it wrote, which a frozen server never reads.
      if (status.type === "staleConnection") void this.connection.close();
    }
  }
}

function optionsOf(
  { host, port }: Address,
  config: NatsConfig,
  name: string,
  files: ConnectionFiles,
): NodeConnectionOptions {
  const options: NodeConnectionOptions = {
    servers: [isIP(host) === 6 ? `[${host}]:${port}` : `${host}:${port}`],
    name,
    timeout: CONNECT_TIMEOUT_MS,
    pingInterval: PING_INTERVAL_MS,
    maxPingOut: PINGS_UNANSWERED_MAX,
    // A new session is opened instead: with files read anew, and nothing kept in between.
    reconnect: false,
    ignoreClusterUpdates: true,
  };
  if (files.credentials !== null) options.authenticator = credsAuthenticator(files.credentials);
  if (config.user !== undefined) options.user = config.user;
  if (files.password !== null) options.pass = files.password;
  const needsTls = config.tls !== undefined || config.servers.some((one) => one.startsWith("tls:"));
  if (needsTls) options.tls = tlsOptions(host, files);
  return options;
}

/** More than the type says goes on to Node's TLS. */
function tlsOptions(host: string, { ca, cert, key }: ConnectionFiles) {
  return {
    ...(ca === null ? {} : { ca }),
    ...(cert === null || key === null ? {} : { cert, key }),
    // The client hands over an address as no name at all, and `localhost` would be compared.
    checkServerIdentity: (_: string, shown: Parameters<typeof checkServerIdentity>[1]) =>
      checkServerIdentity(host, shown),
  };
}
