// Starts a real nats-server with JetStream.
import { join } from "node:path";
import { freePort, LOOPBACK } from "../../lab/ports.js";
import { start, type Child } from "../../lab/processes.js";

export interface NatsServer {
  child: Child;
  /** `nats://host:port`. */
  url: string;
  stop(): Promise<void>;
}

/** `$NATS_SERVER_BIN`, else nats-server on PATH; its files go below `folder`. */
export async function startNatsServer({ folder }: { folder: string }): Promise<NatsServer> {
  const port = await freePort();
  const where = ["--addr", LOOPBACK, "--port", String(port)];
  const child = await start({
    name: "nats-server",
    command: process.env["NATS_SERVER_BIN"] ?? "nats-server",
    args: [...where, "--jetstream", "--store_dir", join(folder, "jetstream")],
    readyLine: /Server is ready/,
  });
  return { child, url: `nats://${LOOPBACK}:${port}`, stop: () => child.stop() };
}
