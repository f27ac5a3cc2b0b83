// The sidecar as its own process, and what a filter would see of it.
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { Agent, request } from "undici";
import { freePort } from "../../lab/ports.js";
import { type Child, start } from "../../lab/processes.js";
import { residentMiB } from "../../lab/resident-memory.js";
import { cpuMs } from "../envoy/cpu.js";
import { NAMESPACE, type World } from "./world.js";

const MAIN = fileURLToPath(new URL("../../sidecar-metrics/src/main.js", import.meta.url));
const GIVE_UP_MS = 120_000;
/** Looking more often would slow down what is measured. */
const START_LOOK_MS = 10;
const HEADER_BYTES = 72;
const ROW_BYTES = 128;
const NEVER = 0xffffffff;

export interface Row {
  address: string;
  mayBePicked: boolean;
  isScraped: boolean;
}

export class Sidecar {
  private readonly agent = new Agent({ connections: 4 });

  private constructor(
    readonly child: Child,
    private readonly port: number,
    /** When the process was begun. */
    readonly startedAtMs: number,
  ) {}

  /** `scrapeIntervalMs` null: as the sidecar does by default. */
  static async start(world: World, scrapeIntervalMs: number | null): Promise<Sidecar> {
    const port = await freePort();
    const file = join(world.folder, "sidecar.yaml");
    const scrape = scrapeIntervalMs === null ? {} : { intervalMs: scrapeIntervalMs };
    const { kubeconfigPath: kubeconfig } = world.server;
    const kubernetes = { kubeconfig, namespaces: [NAMESPACE] };
    const config = { listen: { port }, logLevel: "warn", scrape, kubernetes };
    await writeFile(file, JSON.stringify(config));
    const startedAtMs = performance.now();
    const args = [MAIN, "--config", file];
    const child = await start({ name: "sidecar", command: process.execPath, args });
    return new Sidecar(child, port, startedAtMs);
  }

  /** Null while the port is closed or there is no such pool. */
  async rows(pool: string): Promise<Row[] | null> {
    const url = `http://127.0.0.1:${this.port}/v1/sync?pool=${encodeURIComponent(pool)}`;
    const options = { method: "POST", body: emptyReport(), dispatcher: this.agent } as const;
    const answer = await request(url, options).catch(() => null);
    if (answer === null) return null;
    const body = Buffer.from(await answer.body.arrayBuffer());
    return answer.statusCode === 200 ? decode(body) : null;
  }

  /** Looks until `found` holds of every pool; ms since the start of the process. */
  async untilAll(
    pools: readonly string[],
    what: string,
    found: (rows: Row[]) => boolean,
  ): Promise<number> {
    for (const pool of pools) await this.until(pool, what, found, START_LOOK_MS);
    return performance.now() - this.startedAtMs;
  }

  async until(
    pool: string,
    what: string,
    found: (rows: Row[]) => boolean,
    pauseMs: number,
  ): Promise<void> {
    const endMs = performance.now() + GIVE_UP_MS;
    while (performance.now() < endMs) {
      const rows = await this.rows(pool);
      if (rows !== null && found(rows)) return;
      if (!this.child.isRunning) throw new Error(`the sidecar ended: ${this.child.tail()}`);
      await new Promise((resolve) => setTimeout(resolve, pauseMs));
    }
    throw new Error(`${what}: never in pool ${pool}: ${this.child.tail()}`);
  }

  /** What the process has used so far, all threads. */
  get cpuMs(): number {
    return cpuMs(this.child.pid);
  }

  get rssMib(): number {
    return residentMiB(this.child.pid);
  }

  /** Share of one core that the process uses over some seconds in which nobody asks it. */
  async cpuShare(seconds: number): Promise<number> {
    const [fromMs, fromCpuMs] = [performance.now(), cpuMs(this.child.pid)];
    await new Promise((resolve) => setTimeout(resolve, seconds * 1_000));
    return (cpuMs(this.child.pid) - fromCpuMs) / (performance.now() - fromMs);
  }

  async stop(): Promise<void> {
    await this.agent.destroy();
    await this.child.stop();
  }
}

/** A report that says nothing, as docs/table-format.md has it. */
function emptyReport(): Buffer {
  const body = Buffer.alloc(18);
  body.write("WRR1", "latin1");
  body.writeUInt32LE(2, 4);
  body.write("{}", 16, "latin1");
  return body;
}

function decode(answer: Buffer): Row[] {
  const table = answer.subarray(16);
  return Array.from({ length: table.readUInt32LE(16) }, (_, index) => {
    const row = table.subarray(HEADER_BYTES + index * ROW_BYTES);
    return {
      address: row.toString("latin1", 64, 64 + row.readUInt8(3)),
      mayBePicked: (row.readUInt8(2) & 1) === 1,
      isScraped: row.readUInt32LE(8) !== NEVER,
    };
  });
}
