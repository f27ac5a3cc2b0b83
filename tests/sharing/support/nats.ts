// Servers, carriers and pools for the tests of sharing/nats; all of them end with their test.
import { randomBytes } from "node:crypto";
import type { TestContext } from "node:test";
import { connect, type NatsConnection } from "@nats-io/transport-node";
import { jetstreamManager, type JetStreamManager } from "@nats-io/jetstream";
import { pino } from "pino";
import { findNats, type NatsOptions, NatsServer } from "../../../lab/nats.js";
import { freePorts } from "../../../lab/ports.js";
import { until } from "../../../lab/processes.js";
import { TcpProxy } from "../../../lab/tcp-proxy.js";
import { sharing, type SharingConfig } from "../../../sidecar-metrics/src/config/sharing.js";
import type { Carrier } from "../../../sidecar-metrics/src/sharing/carrier.js";
import { startNats } from "../../../sidecar-metrics/src/sharing/nats/nats.js";
import { FakePool } from "./fake-pool.js";

const found = await findNats();
/** What a test needs that starts a server. */
export const options = "reason" in found ? { skip: found.reason } : {};

const clock = {
  nowMs: () => performance.now(),
  unixMs: () => Date.now(),
  random: () => Math.random(),
};

export type ServerOptions = Omit<NatsOptions, "program">;

/** A server that is not started; it is removed when the test ends. */
export async function prepareServer(t: TestContext, with_: ServerOptions = {}) {
  if ("reason" in found) throw new Error(found.reason);
  const server = await NatsServer.prepare({ ...with_, program: found.program });
  t.after(() => server.remove());
  return server;
}

export async function startServer(t: TestContext, with_: ServerOptions = {}): Promise<NatsServer> {
  const server = await prepareServer(t, with_);
  await server.start();
  return server;
}

/** What can stand between a server and who uses it; it ends with the test. */
export async function startProxy(t: TestContext, server: NatsServer): Promise<TcpProxy> {
  const proxy = await TcpProxy.start(server.port);
  t.after(() => proxy.stop());
  return proxy;
}

export function urlOf({ port }: { port: number }): string {
  return `nats://127.0.0.1:${port}`;
}

/** Three servers that know each other, started; a stream may have replicas on them. */
export async function startCluster(t: TestContext): Promise<NatsServer[]> {
  const [a = 0, b = 0, c = 0] = await freePorts(3);
  const ports = [a, b, c];
  const routes = ports.map((port) => `nats://127.0.0.1:${port}`);
  const servers = await Promise.all(
    ports.map((port) => {
      const cluster = { name: "lab", listen: `127.0.0.1:${port}`, routes };
      return prepareServer(t, { config: { server_name: `lab-${port}`, cluster } });
    }),
  );
  await Promise.all(servers.map((server) => server.start()));
  return servers;
}

/** The configuration as the schema fills it, for one server or several. */
export function configOf(
  url: string | string[],
  nats: object = {},
  rest: object = {},
): SharingConfig {
  return sharing.parse({ ...rest, nats: { servers: [url].flat(), ...nats } });
}

export interface Gateway {
  node: string;
  carrier: Carrier;
  pool: FakePool;
  /** Resolves when the stream takes and gives the pool's records and all that was kept has come. */
  ready(): Promise<void>;
}

/** A carrier with one pool that it follows. */
export async function startGateway(
  t: TestContext,
  config: SharingConfig,
  poolName = "default",
): Promise<Gateway> {
  const node = randomBytes(8).toString("hex");
  const log = pino({ level: process.env["SHARING_LOG"] ?? "silent" });
  const carrier = await startNats(config, node, { clock, log, judgeMs: 500 });
  t.after(() => carrier.stop());
  const pool = new FakePool(poolName, node);
  carrier.follow(pool);
  const isReady = (): boolean => carrier.status.hasStream && carrier.replaying().length === 0;
  return { node, carrier, pool, ready: () => eventually(carrier, "ready", isReady) };
}

/** As `until`, with the carrier's problems in the error. */
export async function eventually(
  carrier: Carrier,
  what: string,
  probe: () => boolean,
  timeoutMs?: number,
): Promise<void> {
  await until(what, probe, timeoutMs).catch((error: Error) => {
    throw new Error(`${error.message}; ${JSON.stringify(carrier.status.problems)}`);
  });
}

/** Waits until a problem matches, and returns it. */
export async function problemOf(carrier: Carrier, pattern: RegExp): Promise<string> {
  const find = (): string | undefined => carrier.status.problems.find((one) => pattern.test(one));
  await eventually(carrier, `a problem like ${pattern}`, () => find() !== undefined);
  return find() ?? "";
}

export function numbered(from: number, to: number): string[] {
  return Array.from({ length: to - from + 1 }, (_, index) => `message ${from + index}`);
}

export interface Operator {
  connection: NatsConnection;
  jsm: JetStreamManager;
}

/** What an operator does with the server by its own tools. */
export async function operate(t: TestContext, server: NatsServer, auth: object = {}) {
  const connection = await connect({ servers: [`127.0.0.1:${server.port}`], ...auth });
  t.after(() => connection.close());
  return { connection, jsm: await jetstreamManager(connection) };
}
