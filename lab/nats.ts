// Finds and starts a real nats-server with JetStream, and treats it as badly as machines do.
import { execFile } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { projectPath } from "../scripts/config/project.js";
import { freePort, LOOPBACK } from "./ports.js";
import { start, type Child } from "./processes.js";

const INSTALL_TIMEOUT_MS = 10 * 60_000;
/** Exit status of the script where no nats-server can be had. */
const STATUS_CANNOT = 3;
const STORE_BYTES_MAX = 2 ** 30;
const READY_LINE = /Server is ready/;

export type FoundNats = { program: string } | { reason: string };

/** Installs it if need be; the reason where this machine can have none. */
export async function findNats(): Promise<FoundNats> {
  const script = projectPath("scripts", "install-nats.sh");
  try {
    const { stdout } = await promisify(execFile)(script, { timeout: INSTALL_TIMEOUT_MS });
    return { program: /^export NATS_SERVER_BIN=(.*)$/m.exec(stdout)![1]! };
  } catch (error) {
    const { code, stderr } = error as { code?: unknown; stderr?: string };
    if (code !== STATUS_CANNOT) throw error;
    return { reason: (stderr ?? "").trim().split("\n").at(-1) ?? "no nats-server" };
  }
}

export interface NatsOptions {
  program: string;
  /** Absent: any free one. */
  port?: number;
  /** False: a server without JetStream. */
  jetStream?: boolean;
  /** What else its configuration holds: accounts, authorization, tls, max_payload... */
  config?: Record<string, unknown>;
}

/** One server with a folder of its own, on one port for as long as it lives, however often. */
export class NatsServer {
  private child: Child | null = null;

  private constructor(
    private readonly options: NatsOptions,
    readonly port: number,
    readonly folder: string,
  ) {}

  /** A server that is not started yet. */
  static async prepare(options: NatsOptions): Promise<NatsServer> {
    const folder = mkdtempSync(join(tmpdir(), "warmroute-nats-"));
    return new NatsServer(options, options.port ?? (await freePort()), folder);
  }

  static async start(options: NatsOptions): Promise<NatsServer> {
    const server = await NatsServer.prepare(options);
    await server.start();
    return server;
  }

  get url(): string {
    return `nats://${LOOPBACK}:${this.port}`;
  }

  get pid(): number | null {
    return this.child?.pid ?? null;
  }

  /** On the same port and the same store, whatever ended it before. */
  async start(config: Record<string, unknown> = this.options.config ?? {}): Promise<void> {
    const path = join(this.folder, "nats.conf");
    const store = join(this.folder, "store");
    mkdirSync(store, { recursive: true });
    const jetStream = { store_dir: store, max_mem: STORE_BYTES_MAX, max_file: STORE_BYTES_MAX };
    const content = {
      host: LOOPBACK,
      port: this.port,
      ...(this.options.jetStream === false ? {} : { jetstream: jetStream }),
      ...config,
    };
    // JSON is what its configuration understands.
    writeFileSync(path, JSON.stringify(content, null, 1));
    this.child = await start({
      name: "nats-server",
      command: this.options.program,
      args: ["-c", path],
      logPath: join(this.folder, "nats.log"),
      readyLine: READY_LINE,
    });
  }

  /** Ends it in order. */
  async stop(): Promise<void> {
    await this.child?.stop();
    this.child = null;
  }

  /** Ends it as a machine that fails. */
  async kill(): Promise<void> {
    this.child?.signal("SIGKILL");
    await this.child?.ended();
    this.child = null;
  }

  /** It answers no more, and its connections stay. */
  pause(): void {
    this.child?.signal("SIGSTOP");
  }

  resume(): void {
    this.child?.signal("SIGCONT");
  }

  /** Ends it and removes its folder. */
  async remove(): Promise<void> {
    this.resume();
    await this.stop();
    rmSync(this.folder, { recursive: true, force: true });
  }
}
