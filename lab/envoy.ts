// Starts and asks a real Envoy; its listeners and its process can be changed while traffic flows.
import { mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Bootstrap, Listener } from "./envoy-config.js";
import { listenersFile } from "./envoy-config.js";
import { findEnvoy } from "./find-envoy.js";
import { start, until, type Child } from "./processes.js";

const ADMIN_TIMEOUT_MS = 10_000;

export interface EnvoyOptions {
  /** Without `static_resources.listeners` when `listeners` is given. */
  bootstrap: Bootstrap;
  /** These listeners come from a file that `pushListeners` replaces. */
  listeners?: Listener[];
  /** Worker threads. */
  concurrency?: number;
  logLevel?: string;
  /** Where its files go; a new temporary folder, removed at the end, when absent. */
  folder?: string;
  /** A hot restart: this one gets the listening sockets of that Envoy, which drains and ends. */
  takesOver?: Envoy;
  /** How long one that is taken over tells its clients to go elsewhere, and when it ends. */
  drainSeconds?: number;
  parentShutdownSeconds?: number;
}

/** What makes processes one Envoy to the kernel, and how many there were before this one. */
interface RestartId {
  baseId: number;
  epoch: number;
}

/**
 * Starts an Envoy and waits until it serves. Call it on the main thread: Envoy asks the kernel to
 * end it with the thread that started it.
 */
export async function startEnvoy(options: EnvoyOptions): Promise<Envoy> {
  const folder = options.folder ?? mkdtempSync(join(tmpdir(), "warmroute-envoy-"));
  mkdirSync(folder, { recursive: true });
  const bootstrap = structuredClone(options.bootstrap);
  const ldsPath = join(folder, "lds.json");
  if (options.listeners !== undefined) {
    writeFileSync(ldsPath, listenersFile(options.listeners, 0));
    bootstrap.dynamic_resources = {
      lds_config: { path_config_source: { path: ldsPath }, resource_api_version: "V3" },
    };
  }
  const configPath = join(folder, "envoy.json");
  writeFileSync(configPath, JSON.stringify(bootstrap, null, 1));
  const adminPort = bootstrap.admin.address.socket_address.port_value;
  const adminUrl = `http://127.0.0.1:${adminPort}`;
  const args = ["--config-path", configPath, "--concurrency", String(options.concurrency ?? 2)];
  const baseIdPath = join(folder, "base-id");
  const parent = options.takesOver?.restartId;
  if (parent === undefined) {
    // Another Envoy on the machine holds the shared memory and the sockets of base id 0.
    args.push("--use-dynamic-base-id", "--base-id-path", baseIdPath);
  } else {
    args.push("--base-id", String(parent.baseId), "--restart-epoch", String(parent.epoch + 1));
  }
  args.push("--log-level", options.logLevel ?? "info");
  args.push("--drain-time-s", String(options.drainSeconds ?? 1));
  args.push("--parent-shutdown-time-s", String(options.parentShutdownSeconds ?? 2));
  // Access logs are complete soon after a request, and not 10 s later or when Envoy ends.
  args.push("--file-flush-interval-msec", "100");
  const child = await start({
    name: "envoy",
    command: findEnvoy(),
    args,
    logPath: join(folder, "envoy.log"),
    readyUrl: `${adminUrl}/ready`,
  });
  const restartId =
    parent === undefined
      ? { baseId: Number(readFileSync(baseIdPath, "utf8")), epoch: 0 }
      : { baseId: parent.baseId, epoch: parent.epoch + 1 };
  const ownsFolder = options.folder === undefined;
  return new Envoy(child, adminUrl, folder, ldsPath, ownsFolder, restartId, options);
}

/** A running Envoy and its admin interface. */
export class Envoy {
  #pushes = 0;

  constructor(
    readonly child: Child,
    readonly adminUrl: string,
    readonly folder: string,
    private readonly ldsPath: string,
    private readonly ownsFolder: boolean,
    readonly restartId: RestartId,
    /** What it was started with: another that takes over differs in a few of them. */
    readonly options: EnvoyOptions,
  ) {}

  get pid(): number {
    return this.child.pid;
  }

  /** Everything Envoy and the filter logged so far. */
  get log(): string {
    return this.child.output;
  }

  /** The counters and gauges whose name matches; a name that is absent never counted. */
  async stats(filter = ""): Promise<Map<string, number>> {
    const text = await this.get(`/stats?filter=${encodeURIComponent(filter)}`);
    const stats = new Map<string, number>();
    for (const line of text.split("\n")) {
      const colon = line.lastIndexOf(": ");
      const value = Number(line.slice(colon + 2));
      if (colon > 0 && Number.isFinite(value)) stats.set(line.slice(0, colon), value);
    }
    return stats;
  }

  async stat(name: string): Promise<number | undefined> {
    const escaped = name.replace(/[.*+?^${}()|[\]\\]/g, "\\$&");
    return (await this.stats(`^${escaped}$`)).get(name);
  }

  /**
   * Replaces the listeners of the file and waits until Envoy took or refused them. Envoy watches
   * for renames, and a write in place could be read half done.
   */
  async pushListeners(listeners: Listener[]): Promise<"accepted" | "refused"> {
    const before = await this.listenerUpdates();
    const next = `${this.ldsPath}.next`;
    writeFileSync(next, listenersFile(listeners, ++this.#pushes));
    renameSync(next, this.ldsPath);
    let after = before;
    await until(
      "Envoy read the new listeners",
      async () => {
        after = await this.listenerUpdates();
        return after.accepted > before.accepted || after.refused > before.refused;
      },
      ADMIN_TIMEOUT_MS,
    );
    return after.accepted > before.accepted ? "accepted" : "refused";
  }

  /** Asks Envoy to end by itself (its destructors run), and removes its folder. */
  async stop(): Promise<void> {
    await this.post("/quitquitquit").catch(() => undefined);
    await this.child.stop();
    if (this.ownsFolder) rmSync(this.folder, { recursive: true, force: true });
  }

  async get(path: string): Promise<string> {
    return await this.#ask("GET", path);
  }

  async post(path: string): Promise<string> {
    return await this.#ask("POST", path);
  }

  async #ask(method: string, path: string): Promise<string> {
    const signal = AbortSignal.timeout(ADMIN_TIMEOUT_MS);
    const response = await fetch(this.adminUrl + path, { method, signal });
    const text = await response.text();
    if (response.status !== 200) throw new Error(`admin ${path}: ${response.status} ${text}`);
    return text;
  }

  private async listenerUpdates(): Promise<{ accepted: number; refused: number }> {
    const stats = await this.stats("^listener_manager.lds.update_(success|rejected)$");
    return {
      accepted: stats.get("listener_manager.lds.update_success") ?? 0,
      refused: stats.get("listener_manager.lds.update_rejected") ?? 0,
    };
  }
}
