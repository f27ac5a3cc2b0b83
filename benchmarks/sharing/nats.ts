// Starts a real nats-server with JetStream.
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { freePort, LOOPBACK } from "../../lab/ports.js";
import { start, type Child } from "../../lab/processes.js";

export type FoundNats = { program: string } | { reason: string };

/** `$NATS_SERVER_BIN`; the reason where it is not set. */
export async function findNats(): Promise<FoundNats> {
  const program = process.env["NATS_SERVER_BIN"];
  return program === undefined ? { reason: "NATS_SERVER_BIN is not set" } : { program };
}

export class NatsServer {
  private constructor(
    readonly url: string,
    private readonly child: Child,
    private readonly folder: string,
  ) {}

  static async start({ program }: { program: string }): Promise<NatsServer> {
    const port = await freePort();
    const folder = mkdtempSync(join(tmpdir(), "warmroute-nats-"));
    const where = ["--addr", LOOPBACK, "--port", String(port)];
    const child = await start({
      name: "nats-server",
      command: program,
      args: [...where, "--jetstream", "--store_dir", folder],
      readyLine: /Server is ready/,
    });
    return new NatsServer(`nats://${LOOPBACK}:${port}`, child, folder);
  }

  get pid(): number | null {
    return this.child.pid;
  }

  async remove(): Promise<void> {
    await this.child.stop();
    rmSync(this.folder, { recursive: true, force: true });
  }
}
